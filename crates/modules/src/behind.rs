//! What is shared with the other nodes of a fleet, and what they have made: pictures, and the best
//! compressed forms of texts.
//!
//! A picture is kept behind under the same key as here, with the moment its source was fetched at,
//! so that no purge is undone by what another node still has. A compressed form is kept under a
//! digest of the plain bytes: whoever has those has seen no purge of them.

use std::sync::Arc;
use std::time::Duration;

use ::cache::{FORM, Held, Keep, Key, Store, tag};
use bytes::Bytes;
use http::Uri;
use kv::{Behind, Health, Moment, Parts, What};

use crate::kept::{Entry, Forms};
use crate::list::Purge;

/// The store behind, where there is one. Cloning is free.
#[derive(Clone, Debug, Default)]
pub struct Shared(Option<Arc<Behind>>);

/// When the source of something was fetched, in the order of the fleet's purges; `None` where that
/// is not known, and then it is not shared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Since(Option<Moment>);

/// What the fleet knows of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// There is no fleet.
    Alone,
    /// It is told.
    Done,
    /// It will be, once the store behind works.
    Waits,
}

impl Telling {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Alone => "none",
            Self::Done => "told",
            Self::Waits => "waits",
        }
    }
}

impl Shared {
    /// The store behind.
    pub fn new(behind: Arc<Behind>) -> Self {
        Self(Some(behind))
    }

    /// It, where there is one.
    pub fn behind(&self) -> Option<&Arc<Behind>> {
        self.0.as_ref()
    }

    /// The moment, before a source is asked for.
    pub fn since(&self) -> Since {
        Since(self.0.as_ref().and_then(|behind| behind.moment()))
    }

    /// A picture that another node has made.
    pub async fn picture(&self, key: &Key) -> Option<Entry> {
        let behind = self.0.as_ref()?;
        let name = name_of(key);
        let subject = Subject::new(&key.primary, &[]);
        let found = behind.find(&name, |what| subject.is_named_by(what)).await?;
        let entry = Entry::unpack(&found.head, Held::Memory(found.body))?;
        // Its tags are known only now.
        let tags = entry.tags();
        let subject = Subject::new(&key.primary, &tags);
        if !tags.is_empty() && behind.forbids(found.moment, |what| subject.is_named_by(what)) {
            return None;
        }
        entry.response().is_some().then_some(entry)
    }

    /// Lets the others have a picture that cost much to make.
    pub fn keep_picture(&self, key: &Key, since: Since, entry: &Entry) {
        let (Some(behind), Since(Some(moment))) = (&self.0, since) else {
            return;
        };
        let Some(kept) = entry.response() else {
            return;
        };
        if kept.cost < behind.settings().min_cost {
            return;
        }
        if let Some(packed) = entry.pack() {
            let (head, parts) = (packed.head, packed.parts);
            behind.keep(&name_of(key), moment, &Parts { head, parts });
        }
    }

    /// The forms of a text that another node has made. For a thread that may wait.
    pub fn forms(&self, body: &Bytes, quality: u32) -> Option<Forms> {
        let behind = self.0.as_ref()?;
        let found = behind.find_derived_now(&name_of_forms(body, quality))?;
        let lengths = found.head.split_at_checked(8)?;
        let length = |bytes: &[u8]| {
            let bytes = bytes.try_into().ok()?;
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        let (brotli, gzip) = (length(lengths.0)?, length(lengths.1)?);
        if brotli.checked_add(gzip)? != found.body.len() {
            return None;
        }
        let form = |bytes: Bytes| (!bytes.is_empty()).then_some(bytes);
        let (first, second) = (found.body.slice(..brotli), found.body.slice(brotli..));
        Some(Forms::new(body, form(first), form(second)))
    }

    /// Lets the others have the forms of a text, which took so long.
    pub fn keep_forms(&self, body: &Bytes, quality: u32, forms: &Forms, took: Duration) {
        let Some(behind) = &self.0 else {
            return;
        };
        if took < behind.settings().min_cost {
            return;
        }
        let both = [
            crate::compression::Coding::Brotli,
            crate::compression::Coding::Gzip,
        ];
        let both = both.map(|coding| forms.of(coding).cloned().unwrap_or_default());
        let lengths = both
            .iter()
            .flat_map(|form| (form.len() as u64).to_le_bytes());
        let parts = Parts {
            head: lengths.collect(),
            parts: both.to_vec(),
        };
        behind.keep_derived(&name_of_forms(body, quality), &parts);
    }

    /// Tells the others of a purge of one URL, as visitors have it.
    pub(crate) fn tell_url(&self, url: &Uri, soft: bool) {
        if let Some(behind) = &self.0 {
            let url = crate::facts::Source::primary(url, false);
            behind.tell(What::Url(url), soft);
        }
    }

    /// Waits until the fleet is told of every purge so far, as long as that can be soon.
    pub async fn telling(&self) -> Telling {
        let Some(behind) = &self.0 else {
            return Telling::Alone;
        };
        let patience = match behind.snapshot().health {
            Health::Fails => Duration::ZERO,
            Health::Unknown | Health::Works => behind.settings().patience,
        };
        match tokio::time::timeout(patience, behind.has_told()).await {
            Ok(()) => Telling::Done,
            Err(_) => Telling::Waits,
        }
    }

    /// Tells the others of a purge of many things.
    pub(crate) fn tell_many(&self, purge: Purge<'_>, soft: bool) {
        if let Some(behind) = &self.0 {
            let what = match purge {
                Purge::Everything => What::Everything,
                Purge::Host(host) => What::Host(host.to_owned()),
                Purge::Prefix(prefix) => What::Prefix(prefix.to_owned()),
                Purge::Tag(tag) => What::Tag(tag.to_owned()),
            };
            behind.tell(what, soft);
        }
    }
}

/// Does here what another node has told of.
pub fn purge_as_told(store: &Store<Entry>, what: &What, soft: bool) {
    let many = match what {
        What::Url(url) => {
            for primary in [url, &format!("foreign {url}")] {
                match soft {
                    true => store.soften(primary),
                    false => store.purge(primary),
                };
            }
            return;
        }
        What::Everything => Purge::Everything,
        What::Host(host) => Purge::Host(host),
        What::Prefix(prefix) => Purge::Prefix(prefix),
        What::Tag(tag) => Purge::Tag(tag),
    };
    match soft {
        true => store.soften_where(|named| many.names(named)),
        false => store.purge_where(|named| many.names(named)),
    };
}

/// Something of which is asked whether a purge names it.
struct Subject<'a> {
    url: &'a str,
    host: Option<String>,
    tags: &'a [u64],
}

impl<'a> Subject<'a> {
    fn new(primary: &'a str, tags: &'a [u64]) -> Self {
        let url = primary.strip_prefix("foreign ").unwrap_or(primary);
        let host = url.parse::<Uri>().ok();
        let host = host.and_then(|uri| uri.host().map(str::to_owned));
        Self { url, host, tags }
    }

    fn is_named_by(&self, what: &What) -> bool {
        match what {
            What::Everything => true,
            What::Host(host) => self.host.as_ref().is_none_or(|own| own == host),
            What::Prefix(prefix) => self.url.starts_with(prefix.as_str()),
            What::Url(url) => self.url == url,
            What::Tag(text) => self.tags.contains(&tag(text.as_bytes())),
        }
    }
}

/// The name of a picture; of another form, it is another one.
fn name_of(key: &Key) -> String {
    format!("{FORM} {}\u{1f}{}", key.primary, key.variant)
}

/// The name of the forms of a text.
fn name_of_forms(body: &Bytes, quality: u32) -> String {
    format!("forms {quality} {}", kv::digest_of(body))
}
