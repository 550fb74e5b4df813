use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::tests::Scratch;

fn hosts(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

fn der(pair: &CertifiedKey) -> Vec<u8> {
    pair.cert[0].to_vec()
}

#[test]
fn it_is_made_once_and_kept() {
    let scratch = Scratch::new();
    let state = Some(scratch.path());
    let first = find_or_make(state, &[]).unwrap();
    assert_eq!(der(&find_or_make(state, &[]).unwrap()), der(&first));
    let key = scratch.path().join(KEY_FILE);
    let mode = fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 2);
}

#[test]
fn it_names_this_machine_and_every_host() {
    let made = find_or_make(
        None,
        &hosts(&["Photos.example", "*.cdn.example", "192.0.2.7"]),
    )
    .unwrap();
    let names = hosts(&[
        "localhost",
        "127.0.0.1",
        "::1",
        "photos.example",
        "x.cdn.example",
        "192.0.2.7",
    ]);
    assert!(is_named(&made.cert[0], &names));
    assert!(!is_named(&made.cert[0], &hosts(&["other.example"])));
}

#[test]
fn it_is_made_again_for_another_host_and_not_for_fewer() {
    let scratch = Scratch::new();
    let state = Some(scratch.path());
    let first = find_or_make(state, &hosts(&["one.example"])).unwrap();
    let fewer = find_or_make(state, &[]).unwrap();
    assert_eq!(der(&first), der(&fewer));
    let other = find_or_make(state, &hosts(&["two.example"])).unwrap();
    assert_ne!(der(&first), der(&other));
}

#[test]
fn it_is_valid_for_thirteen_months() {
    let made = find_or_make(None, &[]).unwrap();
    let now = SystemTime::now();
    for (time, valid) in [
        (now, true),
        (now - DAY / 2, true),
        (now + LIFETIME - 2 * DAY, true),
        (now + LIFETIME, false),
        (now - 2 * DAY, false),
    ] {
        assert_eq!(is_valid_at(&made.cert[0], time), valid, "{time:?}");
    }
}

#[test]
fn one_that_is_about_to_end_is_made_again() {
    let scratch = Scratch::new();
    let place = Place::inside(scratch.path());
    let names = names(&[]).unwrap();
    let mut parameters = CertificateParams::new(names.clone()).unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    parameters.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + RENEW_BEFORE / 2;
    let key = KeyPair::generate().unwrap();
    let made = Made {
        certificate: parameters.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    };
    keep(&made, scratch.path(), &place).unwrap();
    assert!(find(&place, &names).is_none());
    find_or_make(Some(scratch.path()), &[]).unwrap();
    assert!(find(&place, &names).is_some());
}

#[test]
fn a_garbled_or_lost_file_is_replaced() {
    for file in [CERTIFICATE_FILE, KEY_FILE] {
        let scratch = Scratch::new();
        let state = Some(scratch.path());
        let first = find_or_make(state, &[]).unwrap();
        scratch.write(file, "garbled");
        let second = find_or_make(state, &[]).unwrap();
        assert_ne!(der(&first), der(&second));
        fs::remove_file(scratch.path().join(file)).unwrap();
        let third = find_or_make(state, &[]).unwrap();
        assert_ne!(der(&second), der(&third));
        assert_eq!(der(&find_or_make(state, &[]).unwrap()), der(&third));
    }
}

#[test]
fn a_host_that_is_none_is_named() {
    for host in ["no host", "", "a..b", "https://a.example"] {
        let error = find_or_make(None, &hosts(&[host])).unwrap_err();
        assert!(matches!(error, FrontError::BadHost { .. }), "{error}");
        assert!(
            error.to_string().starts_with(&format!("`{host}`")),
            "{error}"
        );
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let scratch = Scratch::new();
    let file = scratch.write("file", "");
    let error = find_or_make(Some(&file.join("state")), &[]).unwrap_err();
    let expected = format!("cannot create {}", file.join("state").display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}
