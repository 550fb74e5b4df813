//! The plainest HTTP/2 server: h2 over rustls and nothing else. What a real server has to lose.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Serves the files of `folder/www` from memory on every address, with `folder/cert.pem` and
/// `folder/key.pem`, until the process ends.
///
/// # Errors
/// A file cannot be read, or the port is taken.
pub async fn serve(port: u16, folder: &Path) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::new(tls(folder)?));
    let files = Arc::new(read(&folder.join("www"))?);
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&files)));
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    files: Arc<HashMap<String, Bytes>>,
) -> Option<()> {
    let stream = acceptor.accept(stream).await.ok()?;
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(250)
        .max_send_buffer_size(1 << 20);
    let mut connection = builder.handshake::<_, Bytes>(stream).await.ok()?;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let body = files.get(request.uri().path());
        let head = http::Response::builder()
            .status(if body.is_some() { 200 } else { 404 })
            .header(header::CONTENT_TYPE, "image/jpeg")
            .header(header::CONTENT_LENGTH, body.map_or(0, Bytes::len))
            .body(())
            .ok()?;
        if let Ok(mut stream) = respond.send_response(head, false) {
            let _ = stream.send_data(body.cloned().unwrap_or_default(), true);
        }
    }
    Some(())
}

fn tls(folder: &Path) -> io::Result<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(folder.join("cert.pem"))
        .map_err(io::Error::other)?
        .collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).map_err(io::Error::other)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(certificates.map_err(io::Error::other)?, key)
        .map_err(io::Error::other)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok(tls)
}

fn read(folder: &Path) -> io::Result<HashMap<String, Bytes>> {
    std::fs::read_dir(folder)?
        .map(|entry| {
            let entry = entry?;
            let path = format!("/{}", entry.file_name().to_string_lossy());
            Ok((path, std::fs::read(entry.path())?.into()))
        })
        .collect()
}
