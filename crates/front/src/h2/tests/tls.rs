//! Units of a plan in single TLS records.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::site::{Server, pattern, picture, typed};
use crate::FrontSettings;
use crate::h2::serve;
use crate::socket::Socket;
use base::ByteSize;
use pipeline::{NetworkEstimate, Step};

/// Notes the length of every TLS record that is read.
struct Wiretap {
    io: DuplexStream,
    head: Vec<u8>,
    left: usize,
    records: Arc<Mutex<Vec<usize>>>,
}

impl Wiretap {
    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let used = self.left.min(bytes.len());
                self.left -= used;
                bytes = &bytes[used..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let [kind, _, _, high, low] = self.head[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                if kind == 23 {
                    self.records.lock().unwrap().push(self.left);
                }
                self.head.clear();
            }
        }
    }
}

impl AsyncRead for Wiretap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(context, buffer);
        let news = buffer.filled()[before..].to_vec();
        self.see(&news);
        polled
    }
}

impl AsyncWrite for Wiretap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

fn configs() -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let pem = made.signing_key.serialize_pem();
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

#[tokio::test]
async fn a_first_scan_leaves_in_one_record() {
    for preview in [9_000, 16_375] {
        let server = Server::new(move |_| Step::respond(picture(60_000, preview, 30_000)));
        let (near, far) = tokio::io::duplex(4096);
        let (server_config, client_config) = configs();
        let context = server.context.clone();
        tokio::spawn(async move {
            let stream = TlsAcceptor::from(server_config).accept(near).await.unwrap();
            serve(stream, context).await
        });
        let records = Arc::new(Mutex::new(Vec::new()));
        let wiretap = Wiretap {
            io: far,
            head: Vec::new(),
            left: 0,
            records: Arc::clone(&records),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(client_config);
        let mut stream = connector.connect(name, wiretap).await.unwrap();

        let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        request.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 15, 0, 0]);
        for id in [1, 3] {
            let path = b"/p";
            request.extend([0, 0, 9, 1, 5, 0, 0, 0, id, 0x82, 0x87, 0x04, 2]);
            request.extend(path);
            request.extend([0x01, 1, b'a']);
        }
        stream.write_all(&request).await.unwrap();
        let mut received = vec![0; 65_535];
        stream.read_exact(&mut received).await.unwrap();

        // Frame head, preview, content type of the record (RFC 8446 §5.2), tag. Response heads may
        // share the record where there is room.
        let unit = 9 + preview as usize + 1 + 16;
        let records = records.lock().unwrap();
        let units = records.iter().filter(|length| **length >= unit).count();
        assert_eq!(units, 2, "{records:?}");
    }
}

/// Serves twelve megabytes on ten streams over TLS and a socket of the kernel.
async fn serve_much(rtt: std::time::Duration) {
    const LENGTH: usize = 1_200_000;
    let estimate = NetworkEstimate {
        rtt: Some(rtt),
        ..NetworkEstimate::default()
    };
    let answer = |_: &mut _| Step::respond(typed("text/plain", pattern(LENGTH)));
    let server = Server::with(FrontSettings::default(), estimate, answer);
    let (server_config, client_config) = configs();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut context = server.context.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let socket = Socket::new(stream, ByteSize::kib(16));
        context.socket = Some(socket.handle());
        let acceptor = TlsAcceptor::from(server_config);
        serve(acceptor.accept(socket).await.unwrap(), context).await
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(client_config);
    let stream = connector.connect(name, stream).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let bodies = (0..10).map(|_| {
        let requests = requests.clone();
        async move {
            let mut requests = requests.ready().await.unwrap();
            let request = http::Request::get("https://localhost/").body(()).unwrap();
            let (response, _) = requests.send_request(request, true).unwrap();
            let mut incoming = response.await.unwrap().into_body();
            let mut body = Vec::new();
            while let Some(data) = incoming.data().await {
                let data = data.unwrap();
                incoming
                    .flow_control()
                    .release_capacity(data.len())
                    .unwrap();
                body.extend_from_slice(&data);
            }
            assert!(body == pattern(LENGTH));
        }
    });
    futures_util::future::join_all(bodies).await;
}

#[tokio::test]
async fn gathered_records_all_arrive() {
    serve_much(std::time::Duration::from_micros(50)).await;
}

#[tokio::test]
async fn late_bound_records_all_arrive() {
    serve_much(std::time::Duration::from_millis(80)).await;
}
