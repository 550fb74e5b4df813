use std::path::PathBuf;
use std::sync::Arc;

use base::Body;
use http::Version;
use hyper::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::support::*;
use crate::{Client, Http2, OriginError, OriginSettings, Upstream};

/// An authority of our own, its file, and an origin that it vouches for.
struct Secured {
    origin: Origin,
    ca_file: PathBuf,
}

impl Drop for Secured {
    fn drop(&mut self) {
        std::fs::remove_file(&self.ca_file).ok();
    }
}

fn scratch(content: &str) -> PathBuf {
    let name = format!(
        "firstlight-origin-{}-{}.pem",
        std::process::id(),
        base::RequestId::next()
    );
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// An origin with a certificate for `name` that offers these versions of HTTP.
async fn secured(name: &str, offered: &'static [&'static [u8]]) -> Secured {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_file = scratch(&params.self_signed(&authority_key).unwrap().pem());
    let authority = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let origin = Origin::raw(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = hyper::service::service_fn(|_| async {
                Ok::<_, std::convert::Infallible>(Response::new(Body::from("secret")))
            });
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = TokioIo::new(stream);
            if http2 {
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                builder.serve_connection(io, service).await.ok();
            } else {
                let builder = hyper::server::conn::http1::Builder::new();
                builder.serve_connection(io, service).await.ok();
            }
        }
    })
    .await;
    Secured { origin, ca_file }
}

impl Secured {
    fn upstream(&self) -> Upstream {
        Upstream::parse(&format!("https://{}", self.origin.address)).unwrap()
    }

    fn client(&self, http2: Http2) -> Client {
        let settings = OriginSettings {
            ca_file: Some(self.ca_file.clone()),
            http2,
            ..settings()
        };
        Client::new(&settings).unwrap()
    }
}

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_and_http2_agreed_upon() {
    let secured = secured("127.0.0.1", BOTH).await;
    for (http2, version) in [
        (Http2::Auto, Version::HTTP_2),
        (Http2::PriorKnowledge, Version::HTTP_2),
        (Http2::Off, Version::HTTP_11),
    ] {
        let client = secured.client(http2);
        let fetched = client
            .fetch(&secured.upstream(), get("/"), Body::Empty)
            .await
            .unwrap();
        assert_eq!(fetched.version, version);
        assert_eq!(fetched.text().await, "secret");
    }
}

#[tokio::test]
async fn a_first_rush_opens_one_http2_connection() {
    let secured = secured("127.0.0.1", BOTH).await;
    let (client, upstream) = (secured.client(Http2::Auto), secured.upstream());
    let all = (0..20).map(|_| client.fetch(&upstream, get("/"), Body::Empty));
    for fetched in futures_util::future::join_all(all).await {
        assert_eq!(fetched.unwrap().text().await, "secret");
    }
    assert_eq!(secured.origin.connections(), 1);
}

#[tokio::test]
async fn an_origin_without_http2_gets_http1() {
    const ONLY_HTTP1: &[&[u8]] = &[b"http/1.1"];
    for offered in [&[], ONLY_HTTP1] {
        let secured = secured("127.0.0.1", offered).await;
        let (client, upstream) = (secured.client(Http2::Auto), secured.upstream());
        let all = (0..5).map(|_| client.fetch(&upstream, get("/"), Body::Empty));
        for fetched in futures_util::future::join_all(all).await {
            let fetched = fetched.unwrap();
            assert_eq!(fetched.version, Version::HTTP_11);
            assert_eq!(fetched.text().await, "secret");
        }
    }
}

#[tokio::test]
async fn an_unknown_authority_or_another_name_is_refused() {
    let known = secured("127.0.0.1", BOTH).await;
    let result = client()
        .fetch(&known.upstream(), get("/"), Body::Empty)
        .await;
    assert_eq!(code(result), "origin.tls");
    let other = secured("other.example", BOTH).await;
    let result = other
        .client(Http2::Auto)
        .fetch(&other.upstream(), get("/"), Body::Empty)
        .await;
    assert_eq!(code(result), "origin.tls");
}

#[tokio::test]
async fn plain_text_where_tls_should_be_is_refused() {
    let origin = Origin::says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let upstream = Upstream::parse(&format!("https://{}", origin.address)).unwrap();
    let settings = OriginSettings {
        connect_timeout: SHORT,
        ..settings()
    };
    let client = Client::new(&settings).unwrap();
    // The origin waits for a line end that a TLS greeting may not have.
    let code = code(client.fetch(&upstream, get("/"), Body::Empty).await);
    assert!(
        ["origin.tls", "origin.connect-timeout"].contains(&code),
        "{code}"
    );
}

#[test]
fn a_file_of_authorities_that_is_none_is_refused() {
    let empty = scratch("nothing here\n");
    let torn = scratch("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for path in [&empty, &torn, &PathBuf::from("no-such-file.pem")] {
        let settings = OriginSettings {
            ca_file: Some(path.clone()),
            ..settings()
        };
        let error = Client::new(&settings).err();
        assert!(
            matches!(error, Some(OriginError::Certificates { .. })),
            "{}",
            path.display()
        );
    }
    for path in [empty, torn] {
        std::fs::remove_file(path).unwrap();
    }
}
