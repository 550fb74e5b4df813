//! `Vary` (RFC 9110 §12.5.5): which headers of a request chose the response.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use http::header::VARY;
use http::{HeaderMap, HeaderName};

/// What a response varies on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// Nothing in the request but its target.
    Nothing,
    /// Something nobody can know: `*`, or a name that is none.
    Any,
    /// These headers, sorted, each once.
    Fields(Vec<HeaderName>),
}

/// Keys nobody outside can compute collisions for; new with each process, like what they lead to.
static STATES: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);

impl Vary {
    /// What the response with these headers varies on.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut fields = Vec::new();
        for line in headers.get_all(VARY) {
            for name in line.as_bytes().split(|byte| *byte == b',') {
                match name.trim_ascii() {
                    b"" => {}
                    b"*" => return Self::Any,
                    name => match HeaderName::from_bytes(name) {
                        Ok(name) => fields.push(name),
                        Err(_) => return Self::Any,
                    },
                }
            }
        }
        fields.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        fields.dedup();
        if fields.is_empty() {
            Self::Nothing
        } else {
            Self::Fields(fields)
        }
    }

    /// The secondary key for a request whose answer varies on `fields`: 34 characters, whatever
    /// the client sent. Values that differ only in white space around commas, or, for content
    /// negotiation, in case, give the same key.
    pub fn secondary_key(fields: &[HeaderName], request: &HeaderMap) -> Arc<str> {
        let mut hashers = STATES.each_ref().map(BuildHasher::build_hasher);
        for name in fields {
            let fold = name.as_str().starts_with("accept");
            for hasher in &mut hashers {
                name.hash(hasher);
                hash_values(hasher, name, request, fold);
            }
        }
        let [one, other] = hashers.map(|hasher| hasher.finish());
        format!("v-{one:016x}{other:016x}").into()
    }
}

fn hash_values(hasher: &mut impl Hasher, name: &HeaderName, request: &HeaderMap, fold: bool) {
    let mut count = 0usize;
    for line in request.get_all(name) {
        for member in line.as_bytes().split(|byte| *byte == b',') {
            let member = member.trim_ascii();
            member.len().hash(hasher);
            for byte in member {
                let byte = if fold {
                    byte.to_ascii_lowercase()
                } else {
                    *byte
                };
                hasher.write_u8(byte);
            }
            count += 1;
        }
    }
    count.hash(hasher);
}
