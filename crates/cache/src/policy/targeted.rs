//! Directives for caches such as this one, which replace `Cache-Control` where they are:
//! `CDN-Cache-Control` (RFC 9213), and the older `Surrogate-Control` (W3C, Edge Architecture
//! Specification 1.0).

use http::{HeaderMap, HeaderName};

use super::Control;
use super::control::{Pieces, split};
use super::structured::{self, Value};

const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");
/// The name by which `Surrogate-Control` may address this cache.
const OWN_NAME: &[u8] = b"firstlight";

/// The directives addressed to caches such as this one; `None` if there are none, and
/// `Cache-Control` with `Expires` holds.
pub(super) fn control(headers: &HeaderMap) -> Option<Control> {
    cdn(headers).or_else(|| surrogate(headers))
}

/// An empty field, or one that is no dictionary, is as if it were not there (RFC 9213 §2.1).
fn cdn(headers: &HeaderMap) -> Option<Control> {
    let mut lines = headers.get_all(CDN_CACHE_CONTROL).iter().peekable();
    lines.peek()?;
    let lines: Vec<&[u8]> = lines.map(http::HeaderValue::as_bytes).collect();
    let joined = lines.join(&b", "[..]);
    let members = structured::dictionary(&joined)?;
    let mut control = Control::default();
    let mut seen: Vec<&[u8]> = Vec::new();
    // Of members of one name the last one counts (RFC 9651 §3.2).
    for (name, value) in members.into_iter().rev() {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        match value {
            Value::Flag(false) => {}
            Value::Number(digits) => control.set_duration(name, digits),
            // `private="x"` restricts fields: the careful reading is the whole response.
            Value::Flag(true) | Value::Text(_) | Value::Token(_) | Value::Other => {
                control.set_switch(name);
            }
        }
    }
    (!seen.is_empty()).then_some(control)
}

/// Directives for another cache by name are not for us; those without a name are.
fn surrogate(headers: &HeaderMap) -> Option<Control> {
    let mut control = None;
    for line in headers.get_all(SURROGATE_CONTROL) {
        for piece in Pieces(line.as_bytes()) {
            let mut parts = piece.split(|byte| *byte == b';');
            let directive = parts.next().unwrap_or_default().trim_ascii();
            let mut names = parts.map(<[u8]>::trim_ascii).peekable();
            let ours = names.peek().is_none() || names.any(|name| name == OWN_NAME);
            if ours && !directive.is_empty() {
                let (name, value) = split(directive);
                let control = control.get_or_insert_with(Control::default);
                control.set_switch(name);
                // `max-age=600+60`: a time of freshness, and one of staleness.
                let digits = value.as_deref().map(|value| {
                    let plus = value.iter().position(|byte| *byte == b'+');
                    &value[..plus.unwrap_or(value.len())]
                });
                if let Some(digits) = digits {
                    control.set_duration(name, digits);
                }
            }
        }
    }
    control
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(name: &'static str, lines: &[&str]) -> Option<Control> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        control(&headers)
    }

    fn max_age(seconds: u64) -> Option<Control> {
        Some(Control {
            max_age: Some(Duration::from_secs(seconds)),
            ..Control::default()
        })
    }

    #[test]
    fn a_dictionary_is_read_strictly() {
        let cdn = |line| read("cdn-cache-control", &[line]);
        assert_eq!(cdn("max-age=60"), max_age(60));
        assert_eq!(
            cdn("  max-age=60;x=\"a;b\" , foo=(a \"b\";c=1 2.5) "),
            max_age(60)
        );
        assert_eq!(
            cdn("max-age=60, max-age=5"),
            max_age(5),
            "the last one counts"
        );
        assert_eq!(cdn("max-age=-1"), Some(Control::default()));
        assert_eq!(
            cdn("max-age=1.5, a=:YQ==:, b=@1, c=?0, no-store=?0"),
            Some(Control::default())
        );
        assert!(cdn("private=\"x\"").is_some_and(|control| control.private));
        assert!(cdn("a, no-store").is_some_and(|control| control.no_store));
        for wrong in [
            "",
            " ",
            "Max-Age=60",
            "max-age =60",
            "max-age= 60",
            "max-age=60,",
            "max-age=60 a",
            "max-age=1.",
            "max-age=1234567890123456",
            "a=\"b",
            "a=(b",
            "a=?2",
            "a=:b",
            "a=\u{7f}x",
            "a=(b\"c\")",
            ",a",
            "a;",
            "a;B",
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(wrong.as_bytes()) {
                headers.insert(CDN_CACHE_CONTROL, value);
            }
            assert_eq!(control(&headers), None, "{wrong}");
        }
        assert_eq!(read("cdn-cache-control", &["a", "max-age=7"]), max_age(7));
    }

    #[test]
    fn older_directives_may_be_for_another() {
        let surrogate = |line| read("surrogate-control", &[line]);
        assert_eq!(surrogate("MaX-aGe=60, content=\"ESI/1.0\""), max_age(60));
        assert_eq!(surrogate("max-age=60+600"), max_age(60));
        assert_eq!(surrogate("max-age=60;firstlight"), max_age(60));
        assert_eq!(surrogate("max-age=60;other"), None);
        assert_eq!(surrogate("no-store;other, max-age=5"), max_age(5));
        assert!(surrogate("no-store").is_some_and(|control| control.no_store));
        assert_eq!(surrogate(""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(line in prop::collection::vec(32u8..127, 0..64)) {
            let mut headers = HeaderMap::new();
            headers.insert(CDN_CACHE_CONTROL, HeaderValue::from_bytes(&line).unwrap());
            headers.insert(SURROGATE_CONTROL, HeaderValue::from_bytes(&line).unwrap());
            let _ = control(&headers);
        }

        /// What was written as a dictionary is read as it was meant.
        #[test]
        fn what_is_written_is_read(
            members in prop::collection::btree_map("[a-z][a-z0-9_*.-]{0,6}", 0u32..1_000_000, 1..5),
            seconds in 0u64..1_000_000,
            spaces in " {0,3}",
        ) {
            let mut line = format!("{spaces}max-age={seconds}");
            for (name, value) in &members {
                if name != "max-age" {
                    line.push_str(&format!("{spaces},{spaces}x{name}={value};p"));
                }
            }
            prop_assert_eq!(read("cdn-cache-control", &[&line]), max_age(seconds));
        }
    }
}
