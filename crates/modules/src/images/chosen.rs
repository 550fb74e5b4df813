//! The choice of a variant, remembered: few clients say anything new.

use std::collections::HashMap;
use std::sync::Arc;

use ::image::{Choice, Policy, Signals, Tier, Transform, Variant, choose};
use http::HeaderMap;
use parking_lot::RwLock;

use crate::network::Way;

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
    /// Whether the way to the client made it less than others get.
    pub lowered: bool,
}

impl Chosen {
    /// Chooses for a request with these headers that came this way.
    pub fn new(transform: &Transform, headers: &HeaderMap, way: Way, policy: &Policy) -> Self {
        let signals = Signals::read(|name| headers.get(name)?.to_str().ok()).over(way.tier);
        let signals = signals.among(way.crowded).of_jxl(way.jxl);
        let Choice {
            variant,
            reasons,
            vary,
            lowered,
        } = choose(transform, &signals, policy);
        Self {
            key: format!("image:{}", variant.key()).into(),
            variant,
            vary,
            reasons,
            lowered,
        }
    }
}

/// Choices that were made, by what the URL says and by the headers they depend on.
pub struct Memory {
    policy: Policy,
    forms: RwLock<Forms>,
}

#[derive(Default)]
struct Forms {
    by_options: HashMap<Box<str>, Form>,
    /// Choices remembered in all of them.
    made: usize,
}

/// The choices for one text of options.
struct Form {
    /// The headers that such a choice can depend on.
    headers: Vec<&'static str>,
    made: HashMap<Vec<u8>, Arc<Chosen>>,
}

/// Most choices remembered, and most texts of options; a client that sends nonsense must not fill
/// memory.
const LIMIT: usize = 4096;
/// Longest options and headers that are remembered, in bytes.
const LONGEST: usize = 512;

impl Memory {
    /// Remembers choices under this policy.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            forms: RwLock::default(),
        }
    }

    /// The choice for a picture at its own URL.
    pub fn in_place(&self, headers: &HeaderMap, way: Way) -> Arc<Chosen> {
        self.remembered("", &Transform::default(), headers, way)
    }

    /// The choice for a URL whose `options` say what is wanted, and which were read as
    /// `transform`.
    pub fn for_url(
        &self,
        options: &str,
        transform: &Transform,
        headers: &HeaderMap,
        way: Way,
    ) -> Arc<Chosen> {
        self.remembered(options, transform, headers, way)
    }

    fn remembered(
        &self,
        options: &str,
        transform: &Transform,
        headers: &HeaderMap,
        way: Way,
    ) -> Arc<Chosen> {
        // A choice holds the files of what is laid over a picture; those are not kept twice.
        if !transform.overlays.is_empty() {
            return Arc::new(Chosen::new(transform, headers, way, &self.policy));
        }
        if let Some(form) = self.forms.read().by_options.get(options)
            && let Some(known) = form.made.get(&said(&form.headers, headers, way))
        {
            return known.clone();
        }
        let chosen = Arc::new(Chosen::new(transform, headers, way, &self.policy));
        if options.len() <= LONGEST {
            self.remember(options, transform, headers, way, &chosen);
        }
        chosen
    }

    fn remember(
        &self,
        options: &str,
        transform: &Transform,
        headers: &HeaderMap,
        way: Way,
        chosen: &Arc<Chosen>,
    ) {
        let forms = &mut *self.forms.write();
        if forms.made >= LIMIT || forms.by_options.len() >= LIMIT {
            *forms = Forms::default();
        }
        let form = forms
            .by_options
            .entry(options.into())
            .or_insert_with(|| Form {
                headers: foreseen(transform, &self.policy),
                made: HashMap::new(),
            });
        let foreseen = chosen.vary.iter().all(|name| form.headers.contains(name));
        let said = said(&form.headers, headers, way);
        if foreseen && said.len() <= LONGEST && form.made.insert(said, chosen.clone()).is_none() {
            forms.made += 1;
        }
    }
}

/// The headers that a choice can depend on: between slow and fast it looks at one more.
fn foreseen(transform: &Transform, policy: &Policy) -> Vec<&'static str> {
    let mut headers = choose(transform, &Signals::default(), policy).vary;
    let between = Signals::default().over(Some(Tier::Medium));
    for header in choose(transform, &between, policy).vary {
        if !headers.contains(&header) {
            headers.push(header);
        }
    }
    headers
}

/// What a request says in these headers and by its way, as one key.
fn said(names: &[&'static str], headers: &HeaderMap, way: Way) -> Vec<u8> {
    let mut said = Vec::with_capacity(128);
    said.push(way.tier.map_or(0, |tier| tier as u8 + 1));
    said.push(u8::from(way.crowded) | u8::from(way.jxl) << 1);
    for name in names {
        let value = headers
            .get(*name)
            .map_or(&b""[..], |value| value.as_bytes());
        said.extend_from_slice(value);
        said.push(b'\n');
    }
    said
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
            &[("ect", "2g")],
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let crowded = Way {
                tier: Some(Tier::Medium),
                crowded: true,
                ..Way::default()
            };
            let ways = [None, Some(Tier::Slow), Some(Tier::Medium), None].map(Way::from);
            for way in ways.into_iter().chain([crowded]) {
                let expected = Chosen::new(&Transform::default(), &headers, way, &policy);
                let chosen = memory.in_place(&headers, way);
                assert_eq!(chosen.variant, expected.variant, "{lines:?}");
                assert_eq!(chosen.lowered, expected.lowered, "{lines:?}");
            }
        }
        assert_eq!(
            memory.forms.read().by_options[""].made.len(),
            4 * 5,
            "the user agent changes nothing"
        );
    }

    #[test]
    fn options_are_told_apart() {
        let memory = Memory::new(Policy::default());
        let headers = HeaderMap::new();
        for options in ["width=100", "width=200", "w=100"] {
            let transform = Transform::parse(options).unwrap();
            let expected = Chosen::new(&transform, &headers, Way::default(), &Policy::default());
            for _ in 0..2 {
                let chosen = memory.for_url(options, &transform, &headers, Way::default());
                assert_eq!(chosen.variant, expected.variant, "{options}");
            }
        }
    }

    #[test]
    fn nonsense_does_not_fill_memory() {
        let memory = Memory::new(Policy::default());
        for width in 1..=2 * LIMIT {
            let options = format!("width={width}");
            let transform = Transform::parse(&options).unwrap();
            memory.for_url(&options, &transform, &HeaderMap::new(), Way::default());
        }
        assert!(memory.forms.read().by_options.len() <= LIMIT);
        let mut headers = HeaderMap::new();
        for weight in 1..=2 * LIMIT {
            let accept = HeaderValue::try_from(format!("image/webp;x={weight}")).unwrap();
            headers.insert(http::header::ACCEPT, accept);
            for options in ["format=auto,width=1", "format=auto,width=2"] {
                let transform = Transform::parse(options).unwrap();
                memory.for_url(options, &transform, &headers, Way::default());
            }
            let forms = memory.forms.read();
            let made: usize = forms.by_options.values().map(|form| form.made.len()).sum();
            assert!(made <= LIMIT && made == forms.made, "{made}");
        }
    }
}
