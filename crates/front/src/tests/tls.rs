use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, HandshakeKind, ProtocolVersion, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::harness::{Scratch, Server, read_to_end, read_until, settings};
use crate::{CertificateSettings, FrontError};

/// Takes any certificate; what it is about is looked at afterwards.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crate::tls::provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn client(
    versions: &[&'static rustls::SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn any_client() -> Arc<ClientConfig> {
    client(rustls::ALL_VERSIONS, &["http/1.1"])
}

async fn connect(server: &Server, config: Arc<ClientConfig>, host: &str) -> TlsStream<TcpStream> {
    let stream = server.connect(true).await;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(config)
        .connect(name, stream)
        .await
        .unwrap()
}

/// The certificate a visitor of this host is shown.
async fn certificate(server: &Server, host: &str) -> Vec<u8> {
    let stream = connect(server, any_client(), host).await;
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].to_vec()
}

const GET: &[u8] = b"GET /remote HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn both_versions_are_spoken() {
    let server = Server::start();
    for (version, name) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let config = client(&[version], &["http/1.1"]);
        let mut stream = connect(&server, config, "localhost").await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(name));
        stream.write_all(GET).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.ends_with("\r\n\r\n127.0.0.1 true"), "{answer}");
    }
}

#[tokio::test]
async fn sessions_are_resumed() {
    let server = Server::start();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = client(&[version], &["http/1.1"]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(&server, Arc::clone(&config), "localhost").await;
            stream.write_all(GET).await.unwrap();
            read_to_end(&mut stream).await;
            let found = stream.get_ref().1.handshake_kind();
            // TLS 1.3 may ask for another key share first.
            let full = [
                Some(HandshakeKind::Full),
                Some(HandshakeKind::FullWithHelloRetryRequest),
            ];
            match kind {
                HandshakeKind::Resumed => assert_eq!(found, Some(HandshakeKind::Resumed)),
                _ => assert!(full.contains(&found), "{found:?}"),
            }
        }
    }
}

#[tokio::test]
async fn http2_is_preferred_and_http1_is_the_rest() {
    let server = Server::start();
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1", "h2"], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let stream = connect(&server, client(rustls::ALL_VERSIONS, offered), "localhost").await;
        let found = stream.get_ref().1.alpn_protocol();
        assert_eq!(found, chosen.map(str::as_bytes), "{offered:?}");
    }
    let mut stream = connect(&server, client(rustls::ALL_VERSIONS, &[]), "localhost").await;
    stream.write_all(GET).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn plain_http_to_the_port_of_https_gets_an_explanation() {
    let server = Server::start();
    let mut stream = server.connect(true).await;
    stream.write_all(GET).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    let expected = format!("port {} speaks HTTPS", server.port(true));
    assert!(answer.contains(&expected), "{answer}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_handshake_that_does_not_come_ends_the_connection() {
    let mut settings = settings();
    settings.timeouts.handshake = std::time::Duration::from_millis(30);
    let server = Server::with(&settings);
    for begin in [&b""[..], &[0x16, 3, 1]] {
        let mut stream = server.connect(true).await;
        stream.write_all(begin).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await, "");
    }
}

#[tokio::test]
async fn garbage_does_not_end_the_server() {
    let server = Server::start();
    let mut stream = server.connect(true).await;
    stream
        .write_all(&[0x16, 3, 1, 0, 4, 9, 9, 9, 9])
        .await
        .unwrap();
    read_to_end(&mut stream).await;
    let mut stream = connect(&server, any_client(), "localhost").await;
    stream.write_all(GET).await.unwrap();
    read_until(&mut stream, "127.0.0.1 true").await;
}

#[tokio::test]
async fn the_self_signed_certificate_is_kept_over_a_restart() {
    let scratch = Scratch::new();
    let mut settings = settings();
    settings.state = Some(scratch.path().join("new/directory"));
    let first = certificate(&Server::with(&settings), "localhost").await;
    let second = certificate(&Server::with(&settings), "localhost").await;
    assert_eq!(first, second);
    settings.hosts = vec!["photos.example".into()];
    let third = certificate(&Server::with(&settings), "photos.example").await;
    assert_ne!(first, third);
    settings.state = None;
    let forgotten = certificate(&Server::with(&settings), "localhost").await;
    assert_ne!(third, forgotten);
}

/// A certificate for these hosts with its key, in two files.
fn issue(scratch: &Scratch, name: &str, hosts: &[&str]) -> CertificateSettings {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(hosts).unwrap();
    CertificateSettings {
        certificate: scratch.write(&format!("{name}.pem"), &made.cert.pem()),
        key: scratch.write(&format!("{name}.key"), &made.signing_key.serialize_pem()),
    }
}

fn der(settings: &CertificateSettings) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject;
    CertificateDer::from_pem_file(&settings.certificate)
        .unwrap()
        .to_vec()
}

#[tokio::test]
async fn the_certificate_is_chosen_by_host() {
    let scratch = Scratch::new();
    let one = issue(&scratch, "one", &["one.example"]);
    let two = issue(&scratch, "two", &["two.example", "*.two.example"]);
    let mut settings = settings();
    settings.certificate = vec![one.clone(), two.clone()];
    let server = Server::with(&settings);
    for (host, expected) in [
        ("one.example", &one),
        ("two.example", &two),
        ("www.two.example", &two),
        ("a.b.two.example", &one),
        ("elsewhere.example", &one),
        ("127.0.0.1", &one),
    ] {
        assert_eq!(certificate(&server, host).await, der(expected), "{host}");
    }
}

#[tokio::test]
async fn certificates_are_replaced_while_running() {
    let scratch = Scratch::new();
    let mut settings = settings();
    settings.certificate = vec![issue(&scratch, "a", &["a.example"])];
    let server = Server::with(&settings);
    let first = certificate(&server, "a.example").await;
    issue(&scratch, "a", &["a.example"]);
    server.front.reload_certificates().unwrap();
    let second = certificate(&server, "a.example").await;
    assert_ne!(first, second);
    scratch.write("a.pem", "garbled");
    let error = server.front.reload_certificates().unwrap_err();
    assert!(
        matches!(error, FrontError::BadCertificate { .. }),
        "{error}"
    );
    assert_eq!(certificate(&server, "a.example").await, second);
}
