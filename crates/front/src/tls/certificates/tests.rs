use super::*;
use crate::tests::Scratch;

/// Certificate and key files with this text.
fn load(scratch: &Scratch, certificate: &str, key: &str) -> Result<Certificates, FrontError> {
    let settings = FrontSettings {
        certificate: vec![CertificateSettings {
            certificate: scratch.write("site.pem", certificate),
            key: scratch.write("site.key", key),
        }],
        ..FrontSettings::default()
    };
    Certificates::load(&settings)
}

fn made() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["a.example".into()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn a_sound_pair_is_found_by_its_host() {
    let scratch = Scratch::new();
    let (certificate, key) = made();
    let certificates = load(&scratch, &certificate, &key).unwrap();
    let choice = certificates.current.load();
    assert!(choice.find("A.Example").is_some());
    assert!(choice.find("b.example").is_none());
}

#[test]
fn every_bad_file_is_named() {
    let scratch = Scratch::new();
    let (certificate, key) = made();
    let (_, other_key) = made();
    let half = &certificate[..certificate.len() / 2];
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (certificate, key, named, because) in [
        (
            "",
            &*key,
            "site.pem",
            "it has no `-----BEGIN CERTIFICATE-----` section",
        ),
        (
            "no PEM",
            &key,
            "site.pem",
            "it has no `-----BEGIN CERTIFICATE-----` section",
        ),
        (half, &key, "site.pem", "not well-formed PEM"),
        (
            no_der,
            &key,
            "site.pem",
            "holds no certificate that can be used",
        ),
        (
            &key,
            &key,
            "site.pem",
            "it has no `-----BEGIN CERTIFICATE-----` section",
        ),
        (
            &certificate,
            "",
            "site.key",
            "it has no `-----BEGIN PRIVATE KEY-----` section",
        ),
        (
            &certificate,
            &certificate,
            "site.key",
            "it has no `-----BEGIN PRIVATE KEY-----` section",
        ),
        (&certificate, &encrypted, "site.key", "it is encrypted"),
        (
            &certificate,
            &key[..key.len() / 2],
            "site.key",
            "not well-formed PEM",
        ),
        (
            &certificate,
            &other_key,
            "site.pem",
            "does not belong to the certificate",
        ),
        (
            &certificate,
            &other_key,
            "site.key",
            "does not belong to the certificate",
        ),
    ] {
        let text = load(&scratch, certificate, key).unwrap_err().to_string();
        assert!(text.contains(named) && text.contains(because), "{text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let missing = CertificateSettings {
        certificate: "/nowhere/site.pem".into(),
        key: "/nowhere/site.key".into(),
    };
    let text = read_pair(&missing).unwrap_err().to_string();
    assert!(
        text.starts_with("cannot read /nowhere/site.pem: "),
        "{text}"
    );
}

#[test]
fn a_certificate_without_a_key_is_counted() {
    let settings = FrontSettings {
        certificate: vec![CertificateSettings {
            certificate: "/nowhere/site.pem".into(),
            ..CertificateSettings::default()
        }],
        ..FrontSettings::default()
    };
    let text = Certificates::load(&settings).unwrap_err().to_string();
    assert!(
        text.starts_with("certificate 1 has no `key`\nhint: "),
        "{text}"
    );
}
