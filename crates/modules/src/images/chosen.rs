//! The choice of a variant, remembered: few clients say anything new.

use std::collections::HashMap;
use std::sync::Arc;

use ::image::{Choice, Policy, Signals, Transform, Variant, choose};
use http::HeaderMap;
use parking_lot::RwLock;

/// A variant and what goes with it.
#[derive(Debug)]
pub struct Chosen {
    /// The variant.
    pub variant: Variant,
    /// Its place in the store, beside the source.
    pub key: Arc<str>,
    /// The request headers it depended on.
    pub vary: Vec<&'static str>,
    /// Why it is this one.
    pub reasons: Vec<String>,
}

impl Chosen {
    /// Chooses for a request with these headers.
    pub fn new(transform: &Transform, headers: &HeaderMap, policy: &Policy) -> Self {
        let signals = Signals::read(|name| headers.get(name)?.to_str().ok());
        let Choice {
            variant,
            reasons,
            vary,
        } = choose(transform, &signals, policy);
        Self {
            key: format!("image:{}", variant.key()).into(),
            variant,
            vary,
            reasons,
        }
    }
}

/// Choices that were made for pictures at their own URL, by the headers they depend on.
pub struct Memory {
    policy: Policy,
    /// The headers that such a choice can depend on.
    headers: Vec<&'static str>,
    made: RwLock<HashMap<Vec<u8>, Arc<Chosen>>>,
}

/// Most choices remembered; a client that sends nonsense must not fill memory.
const LIMIT: usize = 512;
/// Longest headers that are remembered, in bytes.
const LONGEST: usize = 512;

impl Memory {
    /// Remembers choices under this policy.
    pub fn new(policy: Policy) -> Self {
        let silent = choose(&Transform::default(), &Signals::default(), &policy);
        Self {
            policy,
            headers: silent.vary,
            made: RwLock::default(),
        }
    }

    /// The choice for a URL that says what it wants.
    pub fn for_url(&self, transform: &Transform, headers: &HeaderMap) -> Arc<Chosen> {
        Arc::new(Chosen::new(transform, headers, &self.policy))
    }

    /// The choice for a picture at its own URL.
    pub fn in_place(&self, headers: &HeaderMap) -> Arc<Chosen> {
        let mut said = Vec::with_capacity(128);
        for name in &self.headers {
            let value = headers
                .get(*name)
                .map_or(&b""[..], |value| value.as_bytes());
            said.extend_from_slice(value);
            said.push(b'\n');
        }
        if let Some(known) = self.made.read().get(&said) {
            return known.clone();
        }
        let chosen = Arc::new(Chosen::new(&Transform::default(), headers, &self.policy));
        let foreseen = chosen.vary.iter().all(|name| self.headers.contains(name));
        if foreseen && said.len() <= LONGEST {
            let mut made = self.made.write();
            if made.len() >= LIMIT {
                made.clear();
            }
            made.insert(said, chosen.clone());
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_remembered_is_what_would_be_chosen() {
        let policy = Policy {
            width_hints: true,
            ..Policy::default()
        };
        let memory = Memory::new(policy.clone());
        for lines in [
            &[][..],
            &[("accept", "image/webp,*/*")],
            &[("accept", "image/webp,*/*"), ("save-data", "on")],
            &[("sec-ch-width", "600")],
            &[("accept", "image/webp,*/*"), ("user-agent", "Mobi")],
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            for _ in 0..2 {
                let expected = Chosen::new(&Transform::default(), &headers, &policy);
                assert_eq!(
                    memory.in_place(&headers).variant,
                    expected.variant,
                    "{lines:?}"
                );
            }
        }
        assert_eq!(
            memory.made.read().len(),
            4,
            "the user agent changes nothing"
        );
    }
}
