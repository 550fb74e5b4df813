//! What serving costs: a 20 KB body over TLS and HTTP/2, from this room with a pipeline of one
//! module, and from nothing but the TLS and HTTP/2 libraries.
//!
//! ```text
//! cargo run --release -p firstlight-front --example requests &
//! h2load -c8 -m10 -n200000 https://127.0.0.1:9443/
//! h2load -c8 -m10 -n200000 https://127.0.0.1:9444/
//! ```
//!
//! Arguments: `ours PORT` or `bare PORT` for one of them alone; both by default, on 9443 and 9444.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use firstlight_front::{Front, FrontSettings};
use http::{HeaderValue, StatusCode};
use pipeline::{Directory, Exchange, Module, Phase, Pipeline, Response, Step};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

type Failed = Box<dyn Error + Send + Sync>;

struct Picture(Bytes);

impl Module for Picture {
    fn id(&self) -> &'static str {
        "picture"
    }

    fn phase(&self) -> Phase {
        Phase::Cache
    }

    fn request<'a>(&'a self, _: &'a mut Exchange) -> Step<'a> {
        let mut response = Response::new(StatusCode::OK, self.0.clone());
        let value = HeaderValue::from_static("image/jpeg");
        response.headers.insert(http::header::CONTENT_TYPE, value);
        Step::respond(response)
    }
}

struct One(Arc<Pipeline>);

impl Directory for One {
    fn pipeline(&self, _: &str) -> Arc<Pipeline> {
        Arc::clone(&self.0)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = |default| match arguments.get(1) {
        Some(port) => port.parse(),
        None => Ok(default),
    };
    match arguments.first().map(String::as_str) {
        Some("ours") => ours(port(9443)?).await,
        Some("bare") => bare(port(9444)?).await,
        _ => {
            tokio::try_join!(ours(9443), bare(9444))?;
            Ok(())
        }
    }
}

async fn ours(port: u16) -> Result<(), Failed> {
    let settings = FrontSettings {
        https: vec![SocketAddr::from(([127, 0, 0, 1], port))],
        ..FrontSettings::default()
    };
    let module: Box<dyn Module> = Box::new(Picture(body()));
    let pipeline = Pipeline::new(vec![module])?;
    let front = Front::bind(&settings, Arc::new(One(Arc::new(pipeline))))?;
    println!("ours: https://127.0.0.1:{port}/");
    front.serve(CancellationToken::new()).await;
    Ok(())
}

async fn bare(port: u16) -> Result<(), Failed> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()])?;
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes())?;
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("bare: https://127.0.0.1:{port}/");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(bare_connection(stream, acceptor.clone()));
    }
}

async fn bare_connection(stream: TcpStream, acceptor: TlsAcceptor) -> Result<(), Failed> {
    let body = body();
    let stream = acceptor.accept(stream).await?;
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (_, mut respond) = request?;
        let response = http::Response::builder()
            .header(http::header::CONTENT_TYPE, "image/jpeg")
            .header(http::header::CONTENT_LENGTH, body.len())
            .body(())?;
        respond
            .send_response(response, false)?
            .send_data(body.clone(), true)?;
    }
    Ok(())
}

fn body() -> Bytes {
    Bytes::from(vec![7; 20_000])
}
