//! What is kept, as it is written to disk and read back.
//!
//! Whoever changes what is written here changes the form of the store's files: then its magic
//! number has to change too (`cache`'s `format.rs` and `journal.rs`), and what is there is
//! discarded.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::cache::policy::{Control, Freshness};
use ::cache::wire::{Reader, Writer};
use ::cache::{Change, Held, Keep, Key, Packed, tag};
use bytes::Bytes;
use delivery::{Outline, Scan};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::compression::{Coding, DeltaCoding, Digest};
use crate::kept::{Delta, Dictionary, Entry, Forms, Kept, MOST_DELTAS, Refused};

/// Most tags of one response that count.
const MOST_TAGS: usize = 256;
/// Most headers, and most scans, that are believed.
const MOST: u32 = 4096;
/// How long what was made stale by hand may answer while it is being asked for again.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// What losing the way to a dictionary costs: its deltas are made anew.
const COST_OF_DICTIONARY: Duration = Duration::from_secs(1);

impl Keep for Entry {
    fn weight(&self) -> u64 {
        let size = match self {
            Self::Response(kept) => kept.size(),
            Self::Varies(fields) => fields.len() * size_of::<HeaderName>(),
            Self::Refused(refused) => {
                refused.reason.len() + refused.original.as_ref().map_or(0, Kept::size)
            }
            Self::Dictionary(found) => {
                found.key.primary.len() + found.key.variant.len() + found.pattern.len()
            }
        };
        (size + size_of::<Self>()) as u64
    }

    fn cost(&self) -> Duration {
        match self {
            Self::Response(kept) => kept.cost,
            Self::Dictionary(_) => COST_OF_DICTIONARY,
            Self::Varies(_) | Self::Refused(_) => Duration::ZERO,
        }
    }

    fn tags(&self) -> Vec<u64> {
        self.response()
            .map(|kept| tags(&kept.headers))
            .unwrap_or_default()
    }

    fn pack(&self) -> Option<Packed> {
        let mut head = Writer::default();
        let mut parts = Vec::new();
        match self {
            // Its bytes are on disk already.
            Self::Response(kept) if kept.file.is_some() => return None,
            Self::Response(kept) => {
                head.u8(1);
                write_kept(&mut head, kept, &mut parts);
            }
            Self::Varies(fields) => {
                head.u8(2);
                head.u32(fields.len() as u32);
                fields
                    .iter()
                    .for_each(|field| head.bytes(field.as_str().as_bytes()));
            }
            Self::Refused(refused) => {
                head.u8(3);
                head.u16(refused.code);
                head.bytes(refused.reason.as_bytes());
                write_freshness(&mut head, &refused.freshness);
                head.u8(refused.original.is_some().into());
                if let Some(original) = &refused.original {
                    write_kept(&mut head, original, &mut parts);
                }
            }
            Self::Dictionary(found) => {
                head.u8(4);
                write_key(&mut head, &found.key);
                head.bytes(found.pattern.as_bytes());
            }
        }
        Some(Packed {
            head: head.0,
            parts,
        })
    }

    fn unpack(head: &[u8], body: Held) -> Option<Self> {
        let mut head = Reader(head);
        Some(match head.u8()? {
            1 => Self::Response(read_kept(&mut head, body)?),
            2 => {
                let count = head.u32().filter(|count| *count <= MOST)?;
                let fields = (0..count).map(|_| HeaderName::from_bytes(head.bytes()?).ok());
                Self::Varies(fields.collect::<Option<_>>()?)
            }
            3 => Self::Refused(Refused {
                code: head.u16()?,
                reason: head.text()?.into(),
                freshness: read_freshness(&mut head)?,
                original: match head.u8()? {
                    0 => None,
                    _ => Some(read_kept(&mut head, body)?),
                },
            }),
            4 => Self::Dictionary(Dictionary {
                key: read_key(&mut head)?,
                pattern: head.text()?.into(),
            }),
            _ => return None,
        })
    }

    fn stale(&self, since: SystemTime) -> Self {
        match self {
            Self::Response(kept) => {
                let mut stale = kept.twin();
                make_stale(&mut stale.freshness, since, &kept.headers);
                Self::Response(stale)
            }
            Self::Varies(fields) => Self::Varies(fields.clone()),
            Self::Dictionary(found) => Self::Dictionary(found.clone()),
            Self::Refused(refused) => {
                let mut freshness = refused.freshness;
                make_stale(&mut freshness, since, &HeaderMap::new());
                Self::Refused(Refused {
                    reason: refused.reason.clone(),
                    code: refused.code,
                    freshness,
                    original: refused.original.as_ref().map(Kept::twin),
                })
            }
        }
    }

    fn beside(&self, before: Option<&Self>) -> Change {
        match (self, before) {
            (Self::Response(new), _) if new.file.is_some() => Change::None,
            (Self::Response(new), Some(Self::Response(old))) => new.change_from(old),
            (Self::Varies(new), Some(Self::Varies(old))) if new == old => Change::None,
            (Self::Dictionary(new), Some(Self::Dictionary(old)))
                if new.key == old.key && new.pattern == old.pattern =>
            {
                Change::None
            }
            _ => Change::Other,
        }
    }
}

impl Kept {
    /// Whether what is on disk, `old`, may stay for now. A response that is asked about each time
    /// is not written each time: the older word on its freshness is no longer than the newer.
    fn change_from(&self, old: &Self) -> Change {
        let same_body = self.body.as_ptr() == old.body.as_ptr() && self.len() == old.len();
        let same = |one: &Option<Arc<Forms>>, other: &Option<Arc<Forms>>| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let soon_stale = self.freshness.lifetime < WORTH_WRITING;
        let no_longer = old.freshness.lifetime <= self.freshness.lifetime;
        match (same_body, same(&self.forms, &old.forms)) {
            (true, true) if soon_stale && no_longer => Change::None,
            (true, _) if no_longer => Change::Grown,
            _ => Change::Other,
        }
    }
}

/// What is fresh for less than this is not written again for its freshness alone.
const WORTH_WRITING: Duration = Duration::from_secs(60);

/// The tags of a response: `Cache-Tag` (between commas) and `Surrogate-Key` (between spaces).
pub fn tags(headers: &HeaderMap) -> Vec<u64> {
    let named = |name: &'static str, between: u8| {
        let lines = headers.get_all(name).into_iter();
        lines
            .flat_map(move |line| line.as_bytes().split(move |byte| *byte == between))
            .map(<[u8]>::trim_ascii)
            .filter(|text| !text.is_empty())
            .map(tag)
    };
    named("cache-tag", b',')
        .chain(named("surrogate-key", b' '))
        .take(MOST_TAGS)
        .collect()
}

/// No longer fresh since then, but good enough while it is asked for again, unless it forbids that.
fn make_stale(freshness: &mut Freshness, since: SystemTime, headers: &HeaderMap) {
    freshness.lifetime = freshness.lifetime.min(freshness.age(since));
    let control = Control::of(headers);
    if !(control.no_cache || control.must_revalidate || control.proxy_revalidate) {
        freshness.stale_while_revalidate = freshness.stale_while_revalidate.max(GRACE);
        freshness.stale_if_error = freshness.stale_if_error.max(GRACE);
    }
}

fn write_kept(head: &mut Writer, kept: &Kept, parts: &mut Vec<Bytes>) {
    head.u16(kept.status.as_u16());
    write_headers(head, &kept.headers);
    write_freshness(head, &kept.freshness);
    head.u32(u32::try_from(kept.cost.as_micros()).unwrap_or(u32::MAX));
    head.u8(kept.source.is_some().into());
    if let Some(source) = &kept.source {
        write_headers(head, source);
    }
    head.u8(kept.outline.is_some().into());
    if let Some(outline) = &kept.outline {
        write_outline(head, outline);
    }
    head.u8(kept.forms.is_some().into());
    parts.push(kept.body.clone());
    if let Some(forms) = &kept.forms {
        for coding in [Coding::Brotli, Coding::Gzip] {
            let form = forms.of(coding);
            head.u64(form.map_or(0, |form| form.len() as u64));
            parts.extend(form.cloned());
        }
        head.u8(u8::try_from(forms.deltas().len()).unwrap_or(0));
        for delta in forms.deltas() {
            head.bytes(&delta.dictionary.0);
            write_key(head, &delta.from);
            head.u8(delta.coding as u8);
            head.u64(delta.bytes.len() as u64);
            parts.push(delta.bytes.clone());
        }
    }
}

fn read_kept(head: &mut Reader<'_>, body: Held) -> Option<Kept> {
    let status = StatusCode::from_u16(head.u16()?).ok()?;
    let headers = read_headers(head)?;
    let freshness = read_freshness(head)?;
    let cost = Duration::from_micros(head.u32()?.into());
    let source = match head.u8()? {
        0 => None,
        _ => Some(read_headers(head)?),
    };
    let outline = match head.u8()? {
        0 => None,
        _ => Some(Arc::new(read_outline(head)?)),
    };
    let has_forms = head.u8()? != 0;
    let (body, forms, file) = match body {
        Held::File(file) => (Bytes::new(), None, Some(file)),
        Held::Memory(bytes) if has_forms => {
            let (plain, forms) = read_forms(head, bytes)?;
            (plain, Some(Arc::new(forms)), None)
        }
        Held::Memory(bytes) => (bytes, None, None),
    };
    Some(Kept {
        status,
        headers,
        body,
        file,
        outline,
        freshness,
        source,
        forms,
        cost,
        wish: None,
    })
}

/// The body and its forms, which lie one behind the other.
fn read_forms(head: &mut Reader<'_>, bytes: Bytes) -> Option<(Bytes, Forms)> {
    let (brotli, gzip) = (head.u64()?, head.u64()?);
    let count = head
        .u8()
        .filter(|count| usize::from(*count) <= MOST_DELTAS)?;
    let mut deltas = Vec::new();
    for _ in 0..count {
        let dictionary = Digest(head.bytes()?.try_into().ok()?);
        let from = read_key(head)?;
        let coding = usize::from(head.u8()?);
        let coding = *DeltaCoding::ALL.get(coding)?;
        deltas.push((dictionary, from, coding, head.u64()?));
    }
    // From behind: how long the body is follows from the rest.
    let mut rest = bytes;
    let mut cut = |length: u64| {
        let at = (rest.len() as u64).checked_sub(length)?;
        Some(rest.split_off(at as usize))
    };
    let mut made = Vec::new();
    for (dictionary, from, coding, length) in deltas.into_iter().rev() {
        made.push(Delta {
            dictionary,
            from,
            coding,
            bytes: cut(length)?,
        });
    }
    made.reverse();
    let gzip = Some(cut(gzip)?).filter(|form| !form.is_empty());
    let brotli = Some(cut(brotli)?).filter(|form| !form.is_empty());
    Some((rest, Forms::kept(brotli, gzip, made)))
}

fn write_key(head: &mut Writer, key: &Key) {
    head.bytes(key.primary.as_bytes());
    head.bytes(key.variant.as_bytes());
}

fn read_key(head: &mut Reader<'_>) -> Option<Key> {
    Some(Key {
        primary: head.text()?.into(),
        variant: head.text()?.into(),
    })
}

fn write_headers(head: &mut Writer, headers: &HeaderMap) {
    head.u32(headers.len() as u32);
    for (name, value) in headers {
        head.bytes(name.as_str().as_bytes());
        head.bytes(value.as_bytes());
    }
}

fn read_headers(head: &mut Reader<'_>) -> Option<HeaderMap> {
    let count = head.u32().filter(|count| *count <= MOST)?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name = HeaderName::from_bytes(head.bytes()?).ok()?;
        headers.append(name, HeaderValue::from_bytes(head.bytes()?).ok()?);
    }
    Some(headers)
}

fn write_freshness(head: &mut Writer, freshness: &Freshness) {
    let received = freshness.received.duration_since(UNIX_EPOCH);
    for time in [
        received.unwrap_or_default(),
        freshness.initial_age,
        freshness.lifetime,
        freshness.stale_while_revalidate,
        freshness.stale_if_error,
    ] {
        head.u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }
}

fn read_freshness(head: &mut Reader<'_>) -> Option<Freshness> {
    let mut time = || Some(Duration::from_micros(head.u64()?));
    Some(Freshness {
        received: UNIX_EPOCH.checked_add(time()?)?,
        initial_age: time()?,
        lifetime: time()?,
        stale_while_revalidate: time()?,
        stale_if_error: time()?,
    })
}

fn write_outline(head: &mut Writer, outline: &Outline) {
    for offset in [
        outline.length,
        outline.header,
        outline.preview,
        outline.good,
    ] {
        head.u64(offset);
    }
    head.u32(outline.scans.len() as u32);
    for scan in &outline.scans {
        head.u64(scan.shown_at);
        for byte in [
            scan.band_start,
            scan.band_end,
            scan.low_bit,
            scan.components,
        ] {
            head.u8(byte);
        }
    }
}

fn read_outline(head: &mut Reader<'_>) -> Option<Outline> {
    let [length, header, preview, good] = [head.u64()?, head.u64()?, head.u64()?, head.u64()?];
    let count = head.u32().filter(|count| *count <= MOST)?;
    let mut scans = Vec::new();
    for _ in 0..count {
        scans.push(Scan {
            shown_at: head.u64()?,
            band_start: head.u8()?,
            band_end: head.u8()?,
            low_bit: head.u8()?,
            components: head.u8()?,
        });
    }
    Some(Outline {
        length,
        header,
        preview,
        good,
        scans,
    })
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
