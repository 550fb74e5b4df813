use proptest::prelude::*;

use super::*;

fn list(patterns: &[&str]) -> AllowList {
    AllowList::parse(patterns).unwrap()
}

fn allows(pattern: &str, uri: &str) -> bool {
    list(&[pattern]).allows(&uri.parse().unwrap())
}

#[test]
fn a_pattern_allows_what_it_says() {
    for (pattern, uri) in [
        (
            "https://images.example.com",
            "https://images.example.com/a.jpg",
        ),
        ("https://images.example.com", "https://images.example.com"),
        (
            "https://images.example.com",
            "HTTPS://IMAGES.Example.com.:443/a",
        ),
        ("https://*.example.com", "https://a.b.example.com/"),
        ("https://*", "https://anything.test/x"),
        ("http://media.example:8080", "http://media.example:8080/x"),
        ("https://example.com/photos", "https://example.com/photos"),
        (
            "https://example.com/photos/",
            "https://example.com/photos/a?b",
        ),
        ("http://[::1]", "http://[0:0:0:0:0:0:0:1]/"),
        ("http://192.0.2.1", "http://192.0.2.1/"),
    ] {
        assert!(allows(pattern, uri), "{pattern} {uri}");
    }
}

#[test]
fn a_pattern_allows_nothing_else() {
    for (pattern, uri) in [
        ("https://example.com", "http://example.com/"),
        ("https://example.com", "https://example.com:8443/"),
        ("https://example.com", "https://example.com.evil.test/"),
        ("https://example.com", "https://evilexample.com/"),
        ("https://example.com", "https://user@example.com/"),
        ("https://example.com", "https://example.com@evil.test/"),
        ("https://*.example.com", "https://example.com/"),
        ("https://*.example.com", "https://evilexample.com/"),
        ("https://*.example.com", "https://.example.com/"),
        (
            "https://example.com/photos",
            "https://example.com/photosecret",
        ),
        ("https://example.com/photos", "https://example.com/"),
        (
            "https://example.com/photos",
            "https://example.com/photos/../private",
        ),
        (
            "https://example.com/photos",
            "https://example.com/photos/%2e%2E/private",
        ),
        (
            "https://example.com/photos",
            "https://example.com/photos/..%2fprivate",
        ),
        (
            "https://example.com/photos",
            "https://example.com/photos/%5c../private",
        ),
        ("https://example.com/photos", "https://example.com/PHOTOS/a"),
        ("https://*", "http://example.com/"),
    ] {
        assert!(!allows(pattern, uri), "{pattern} {uri}");
    }
    assert!(!AllowList::default().allows(&"https://example.com/".parse().unwrap()));
}

#[test]
fn a_wrong_pattern_says_what_is_wrong() {
    for (pattern, problem) in [
        ("example.com", "it must begin with https:// or http://"),
        (
            "ftp://example.com",
            "it must begin with https:// or http://",
        ),
        ("https://", "the host is not valid"),
        ("https://exa_mple..com", "the host is not valid"),
        ("https://0x7f.1", "the host is not valid"),
        (
            "https://user@example.com",
            "it must be a host and perhaps a path, nothing else",
        ),
        (
            "https://example.com?x",
            "it must be a host and perhaps a path, nothing else",
        ),
        (
            "https://example.com:99999",
            "the port must be from 1 to 65535",
        ),
        (
            "https://*example.com",
            "`*` stands for whole labels: `*.example.com`",
        ),
        ("https://*.", "`*` stands for whole labels: `*.example.com`"),
        (
            "https://a.*.com",
            "`*` may only be the first label of the host",
        ),
        (
            "https://a.com/*.jpg",
            "the path must be a plain prefix, without `*` or dot segments",
        ),
        (
            "https://a.com/b/../c",
            "the path must be a plain prefix, without `*` or dot segments",
        ),
    ] {
        assert_eq!(
            Pattern::parse(pattern).unwrap_err().problem,
            problem,
            "{pattern}"
        );
    }
    let errors = AllowList::parse(&["https://fine.example", "nothing", "ftp://x"]).unwrap_err();
    let wrong: Vec<_> = errors.iter().map(|error| error.pattern.as_str()).collect();
    assert_eq!(wrong, ["nothing", "ftp://x"]);
}

#[test]
fn patterns_are_written_as_they_are_read() {
    for text in [
        "https://*",
        "https://*.example.com",
        "http://a.example:81/b/c",
        "http://[::1]",
    ] {
        assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn doubtful_addresses_are_refused() {
    for (uri, problem) in [
        ("ftp://example.com/", UriProblem::Scheme),
        ("/no/host", UriProblem::Scheme),
        ("http://a:b@example.com/", UriProblem::UserInfo),
        ("http://@example.com/", UriProblem::UserInfo),
        ("http://2130706433/", UriProblem::OddAddress),
        ("http://0x7f000001/", UriProblem::OddAddress),
        ("http://0177.0.0.1/", UriProblem::OddAddress),
        ("http://0x7f.0.0.1/", UriProblem::OddAddress),
        ("http://127.1/", UriProblem::OddAddress),
        ("http://127.0.0.0x1/", UriProblem::OddAddress),
        ("http://1.2.3.4.5/", UriProblem::OddAddress),
        ("http://256.1.1.1/", UriProblem::OddAddress),
        ("http://0x/", UriProblem::OddAddress),
        ("http://example.1/", UriProblem::OddAddress),
        ("http://127.0.0.1../", UriProblem::Host),
        ("http://a%2eb/", UriProblem::Host),
        ("http://a..b/", UriProblem::Host),
        ("http://example.com:0/", UriProblem::Port),
        ("http://example.com/a/%2E%2e/b", UriProblem::DotSegments),
        ("http://example.com/./b", UriProblem::DotSegments),
    ] {
        // What is no URI at all cannot get this far.
        if let Ok(uri) = uri.parse::<Uri>() {
            assert_eq!(target_of(&uri), Err(problem), "{uri}");
        }
    }
    assert!("http://example.com:0/".parse::<Uri>().is_ok());
    assert!("http://0x7f.0.0.1/".parse::<Uri>().is_ok());
}

#[test]
fn usual_addresses_are_read() {
    for (uri, place) in [
        ("http://127.0.0.1/", "127.0.0.1:80"),
        ("https://[::FFFF:127.0.0.1]/", "[::ffff:127.0.0.1]:443"),
        ("https://cafe.example/a..b/...", "cafe.example:443"),
        ("https://0xcafe.example/", "0xcafe.example:443"),
        ("https://1.example:8/", "1.example:8"),
    ] {
        assert_eq!(target_of(&uri.parse().unwrap()).unwrap().place(), place);
    }
}

proptest! {
    /// Whatever passes as a host is either an address in the form the guard compares, or a name
    /// that no resolver takes for an address.
    #[test]
    fn no_host_is_an_address_in_disguise(host in "[0-9a-fx.:\\[\\]]{1,20}") {
        if let Ok(canonical) = canonical_host(&host) {
            let bare = canonical.trim_start_matches('[').trim_end_matches(']');
            let last = bare.rsplit('.').next().unwrap_or_default();
            let letters = last.bytes().any(|byte| byte.is_ascii_alphabetic());
            prop_assert!(bare.parse::<IpAddr>().is_ok() || letters && !last.starts_with("0x")
                || last.bytes().any(|byte| byte == b'x') && last.len() > 2);
        }
    }
}
