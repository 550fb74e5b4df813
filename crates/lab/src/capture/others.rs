//! The way to all other hosts of a page, through the same link: a connection goes where the name
//! leads that it gives itself, in the TLS handshake (RFC 6066 §3) or in its first request's `Host`
//! (RFC 9112 §3.2). Nothing is decrypted.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::CaptureError;
use super::stage::{Route, Stage, listen, splice};

/// How long a connection may take to give its name, and its host to take the connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read for a name at most: a handshake or a request's head is shorter.
const MOST: usize = 16 * 1024;

/// Where hosts are that no resolver knows; empty but in tests.
pub(super) type Known = HashMap<String, SocketAddr>;

/// The way, open until it is dropped.
pub(super) struct Others {
    secure: Entrance,
    plain: Entrance,
}

struct Entrance {
    route: Route,
    worker: JoinHandle<()>,
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// What connections say first.
#[derive(Clone, Copy)]
enum Speech {
    Tls,
    Http,
}

impl Others {
    pub async fn open(stage: &Stage, known: Known) -> Result<Self, CaptureError> {
        let known = Arc::new(known);
        Ok(Self {
            secure: Entrance::open(stage, Speech::Tls, Arc::clone(&known)).await?,
            plain: Entrance::open(stage, Speech::Http, known).await?,
        })
    }

    /// The browser's rules: what is asked of the usual ports goes this way.
    pub fn rules(&self) -> String {
        let [secure, plain] = [&self.secure, &self.plain].map(|entrance| entrance.route.address());
        format!("MAP *:443 {secure}, MAP *:80 {plain}")
    }
}

impl Entrance {
    async fn open(stage: &Stage, speech: Speech, known: Arc<Known>) -> Result<Self, CaptureError> {
        let listener = listen(stage.server_address()).await?;
        let route = stage.route(listener.local_addr()?).await?;
        let worker = tokio::spawn(serve(listener, speech, known));
        Ok(Self { route, worker })
    }
}

/// Takes connections until it is dropped, and they end with it.
async fn serve(listener: TcpListener, speech: Speech, known: Arc<Known>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let known = Arc::clone(&known);
        connections.spawn(async move {
            if let Err(error) = carry(client, speech, &known).await {
                tracing::debug!(%error, "a connection to another host ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, speech: Speech, known: &Known) -> io::Result<()> {
    let mut said = Vec::new();
    let heard = async {
        match speech {
            Speech::Tls => hear_tls(&mut client, &mut said).await,
            Speech::Http => hear_http(&mut client, &mut said).await,
        }
    };
    let name = timeout(PATIENCE, heard).await??;
    let server = find(&name, speech, known).await?;
    splice(client, server, &said).await
}

/// The first address of a host that takes connections.
async fn find(name: &str, speech: Speech, known: &Known) -> io::Result<SocketAddr> {
    if let Some(address) = known.get(name) {
        return Ok(*address);
    }
    let port = match speech {
        Speech::Tls => 443,
        Speech::Http => 80,
    };
    let mut problem = io::Error::from(io::ErrorKind::NotFound);
    for address in lookup_host((name, port)).await? {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(address),
            Ok(Err(error)) => problem = error,
            Err(_) => problem = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(problem)
}

/// Reads more into what was said so far; returns what is new.
async fn read<'a>(client: &mut TcpStream, said: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
    let before = said.len();
    if before >= MOST {
        return Err(wrong("it says too much before its name"));
    }
    if client.read_buf(said).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(said.get(before..).unwrap_or_default())
}

async fn hear_tls(client: &mut TcpStream, said: &mut Vec<u8>) -> io::Result<String> {
    let mut acceptor = Acceptor::default();
    loop {
        let mut new = read(client, said).await?;
        while !new.is_empty() {
            acceptor.read_tls(&mut new)?;
        }
        let accepted = acceptor
            .accept()
            .map_err(|(error, _)| io::Error::other(error))?;
        if let Some(accepted) = accepted {
            let hello = accepted.client_hello();
            let name = hello.server_name();
            return name
                .map(str::to_owned)
                .ok_or_else(|| wrong("it names no host"));
        }
    }
}

async fn hear_http(client: &mut TcpStream, said: &mut Vec<u8>) -> io::Result<String> {
    loop {
        read(client, said).await?;
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        if request.parse(said).map_err(io::Error::other)?.is_partial() {
            continue;
        }
        let mut headers = request.headers.iter();
        let host = headers.find(|header| header.name.eq_ignore_ascii_case("host"));
        let host = host.and_then(|header| std::str::from_utf8(header.value).ok());
        let name = host.unwrap_or_default().split(':').next();
        return match name.map(str::trim) {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ => Err(wrong("it names no host")),
        };
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::Profile;
    use crate::capture::Emulation;

    /// A host that tells what it was told first, then who it is.
    async fn host(name: &'static str, count: usize) -> (String, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut heard = vec![0; count];
                stream.read_exact(&mut heard).await.unwrap();
                stream.write_all(&heard).await.unwrap();
                stream.write_all(name.as_bytes()).await.unwrap();
            }
        });
        (name.to_owned(), address)
    }

    async fn ask(address: SocketAddr, words: &[&[u8]]) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for words in words {
            stream.write_all(words).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        // One that is refused may be reset.
        stream.read_to_end(&mut answer).await.ok();
        answer
    }

    fn hello(name: &str) -> Vec<u8> {
        let config = ClientConfig::builder()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        hello
    }

    #[tokio::test]
    async fn connections_go_where_their_names_lead() {
        let request = b"GET /x HTTP/1.1\r\nHost: plain.test:80\r\n\r\n".as_slice();
        let tls = hello("tls.test");
        let hosts = [
            host("plain.test", request.len()),
            host("tls.test", tls.len()),
        ];
        let mut known = Known::new();
        for host in hosts {
            known.extend([host.await]);
        }
        for emulation in [Emulation::None, Emulation::Relay] {
            let stage = Stage::set(Profile::HUNDRED_MBIT, Some(emulation)).unwrap();
            let others = Others::open(&stage, known.clone()).await.unwrap();
            let [secure, plain] = [&others.secure, &others.plain].map(|way| way.route.address());
            assert_eq!(
                others.rules(),
                format!("MAP *:443 {secure}, MAP *:80 {plain}")
            );
            let (start, end) = request.split_at(20);
            let answer = ask(plain, &[start, end]).await;
            assert_eq!(answer, [request, b"plain.test"].concat());
            let (start, end) = tls.split_at(tls.len() / 2);
            let answer = ask(secure, &[start, end]).await;
            assert_eq!(answer, [&tls[..], b"tls.test"].concat());
        }
    }

    #[tokio::test]
    async fn who_gives_no_name_is_led_nowhere() {
        let stage = Stage::set(Profile::CABLE, Some(Emulation::None)).unwrap();
        let others = Others::open(&stage, Known::new()).await.unwrap();
        let [secure, plain] = [&others.secure, &others.plain].map(|way| way.route.address());
        let long = [&b"GET / HTTP/1.1\r\nX: "[..], &vec![b'x'; 2 * MOST]].concat();
        let by_address = hello("127.0.0.1");
        for (address, words) in [
            (plain, &b"GET / HTTP/1.1\r\nA: b\r\n\r\n"[..]),
            (plain, b"GET / HTTP/1.1\r\nHost: \r\n\r\n"),
            (plain, b"\x16\x03\x01"),
            (plain, &long),
            (secure, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            (secure, &by_address),
        ] {
            assert_eq!(ask(address, &[words]).await, b"");
        }
    }
}
