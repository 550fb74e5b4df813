//! What the store keeps, and how a kept response answers a request.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::cache::policy::{self, Freshness, Part, Vary};
use ::cache::{FileBody, Key, Large, Lookup, Sought, Store};
use base::Body;
use bytes::Bytes;
use delivery::{Outline, Scan};
use http::header::{
    ACCEPT_RANGES, AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pipeline::Response;

use crate::compression::{Coding, DeltaCoding, Digest};
use crate::images::Wish;

/// A response that is kept whole.
#[derive(Debug)]
pub struct Kept {
    /// Its status.
    pub status: StatusCode,
    /// Its headers as they are sent, with `Content-Length` and `Date`, without `Age`.
    pub headers: HeaderMap,
    /// Its body; empty where that is in a file.
    pub body: Bytes,
    /// Its body where that is too large for memory.
    pub file: Option<Arc<FileBody>>,
    /// The structure of its body, where it is known.
    pub outline: Option<Arc<Outline>>,
    /// How long it may be used.
    pub freshness: Freshness,
    /// For something made from a source: what the source said of its identity.
    pub source: Option<HeaderMap>,
    /// The same body compressed as well as can be; `None` as long as nobody has tried.
    pub forms: Option<Arc<Forms>>,
    /// The processor time it took to make, with its forms.
    pub cost: Duration,
    /// What a picture is to become, where a search has not found it yet; forgotten with memory.
    pub wish: Option<Arc<Wish>>,
}

/// The compressed forms of one body. They live and are purged with it.
#[derive(Debug)]
pub struct Forms {
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    /// The oldest first.
    deltas: Vec<Delta>,
}

/// A body as a delta to another.
#[derive(Clone, Debug)]
pub struct Delta {
    /// What it is a delta to.
    pub dictionary: Digest,
    /// Where that was kept.
    pub from: Key,
    /// How it is coded.
    pub coding: DeltaCoding,
    /// It itself; empty if it was tried and saves nothing.
    pub bytes: Bytes,
}

/// The most deltas that are kept with a body: so many earlier versions are about.
pub const MOST_DELTAS: usize = 8;

impl Forms {
    /// These forms of `body`; those that save less than a twentieth are left out.
    pub fn new(body: &Bytes, brotli: Option<Bytes>, gzip: Option<Bytes>) -> Self {
        let limit = body.len() - body.len() / 20;
        let worth_it = |form: &Bytes| form.len() < limit;
        Self {
            brotli: brotli.filter(worth_it),
            gzip: gzip.filter(worth_it),
            deltas: Vec::new(),
        }
    }

    /// The same forms come back.
    pub(crate) fn kept(brotli: Option<Bytes>, gzip: Option<Bytes>, deltas: Vec<Delta>) -> Self {
        Self {
            brotli,
            gzip,
            deltas,
        }
    }

    /// The same with another delta; the oldest goes where there are too many. One of a body of this
    /// `length` that saves less than a twentieth of the best form is kept as one that saves nothing.
    pub fn with_delta(&self, mut delta: Delta, length: usize) -> Self {
        let best = self.brotli.as_ref().map_or(length, Bytes::len);
        if delta.bytes.len() >= best - best / 20 {
            delta.bytes = Bytes::new();
        }
        let extra = (self.deltas.len() + 1).saturating_sub(MOST_DELTAS);
        let mut deltas = self.deltas.get(extra..).unwrap_or_default().to_vec();
        deltas.push(delta);
        Self {
            brotli: self.brotli.clone(),
            gzip: self.gzip.clone(),
            deltas,
        }
    }

    /// The delta to this dictionary.
    pub fn delta(&self, dictionary: Digest) -> Option<&Delta> {
        let mut deltas = self.deltas.iter();
        deltas.find(|delta| delta.dictionary == dictionary)
    }

    /// Every delta, the oldest first.
    pub fn deltas(&self) -> &[Delta] {
        &self.deltas
    }

    /// The form in this coding.
    pub fn of(&self, coding: Coding) -> Option<&Bytes> {
        match coding {
            Coding::Brotli => self.brotli.as_ref(),
            Coding::Gzip => self.gzip.as_ref(),
            Coding::Zstd => None,
        }
    }

    /// The codings there are forms in, the smallest first.
    pub fn codings(&self) -> impl Iterator<Item = Coding> {
        let both = [Coding::Brotli, Coding::Gzip];
        both.into_iter().filter(|coding| self.of(*coding).is_some())
    }

    /// Whether nothing was worth it.
    pub fn is_empty(&self) -> bool {
        self.brotli.is_none() && self.gzip.is_none()
    }

    fn size(&self) -> usize {
        let both = [&self.brotli, &self.gzip];
        let forms: usize = both.into_iter().flatten().map(Bytes::len).sum();
        let names = |delta: &Delta| delta.from.primary.len() + delta.from.variant.len();
        let deltas = self.deltas.iter();
        let deltas = deltas.map(|delta| delta.bytes.len() + names(delta) + size_of::<Delta>());
        forms + deltas.sum::<usize>()
    }
}

/// What an open file counts as, in bytes: the system lets a process have only so many.
const OPEN_FILE: usize = 64 << 10;
/// Headers that an answer gets beside those that are kept: `Age`, and what the finish adds.
const ADDED_LATER: usize = 8;

impl Kept {
    /// A response to keep: headers are completed so that they can be sent as they are.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes, freshness: Freshness) -> Self {
        let length = body.len() as u64;
        Self {
            body,
            ..Self::of_length(status, headers, length, freshness)
        }
    }

    /// The same for a body of this length that is elsewhere.
    pub fn of_length(
        status: StatusCode,
        mut headers: HeaderMap,
        length: u64,
        freshness: Freshness,
    ) -> Self {
        policy::strip_connection_headers(&mut headers);
        headers.remove(AGE);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        // Room for what each answer adds: a clone then grows nothing.
        headers.reserve(ADDED_LATER);
        if !headers.contains_key(DATE) {
            let date = httpdate::fmt_http_date(freshness.received);
            headers.extend(HeaderValue::try_from(date).map(|date| (DATE, date)));
        }
        Self {
            status,
            headers,
            body: Bytes::new(),
            file: None,
            outline: None,
            freshness,
            source: None,
            forms: None,
            cost: Duration::ZERO,
            wish: None,
        }
    }

    /// The same body under newer headers, for as long as they say. What is known of the body stays
    /// known.
    pub fn renewed(&self, headers: HeaderMap, freshness: Freshness) -> Self {
        Self {
            body: self.body.clone(),
            file: self.file.clone(),
            outline: self.outline.clone(),
            forms: self.forms.clone(),
            cost: self.cost,
            ..Self::of_length(self.status, headers, self.len(), freshness)
        }
    }

    /// The same with compressed forms, which took so long to make.
    pub fn with_forms(&self, forms: Arc<Forms>, took: Duration) -> Self {
        Self {
            forms: Some(forms),
            cost: self.cost + took,
            ..self.twin()
        }
    }

    /// The same again; bodies are shared.
    pub(crate) fn twin(&self) -> Self {
        Self {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
            file: self.file.clone(),
            outline: self.outline.clone(),
            freshness: self.freshness,
            source: self.source.clone(),
            forms: self.forms.clone(),
            cost: self.cost,
            wish: self.wish.clone(),
        }
    }

    /// The length of its body in bytes.
    pub fn len(&self) -> u64 {
        match &self.file {
            Some(file) => file.len(),
            None => self.body.len() as u64,
        }
    }

    /// Whether it has no body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These bytes of its body.
    pub fn bytes(&self, range: std::ops::Range<u64>) -> Body {
        match &self.file {
            Some(file) => file.body(range),
            None => {
                let end = (range.end as usize).min(self.body.len());
                self.body.slice((range.start as usize).min(end)..end).into()
            }
        }
    }

    /// Answers a request with these headers: whole, a part of it, or that the client has it.
    pub fn answer(&self, asked: &HeaderMap, head: bool, now: SystemTime) -> Response {
        let age = HeaderValue::from(self.freshness.age(now).as_secs());
        let ok = self.status == StatusCode::OK;
        let mut response = if ok && policy::not_modified(asked, &self.headers) {
            not_modified(self.headers.clone())
        } else {
            // Ranges are defined for GET alone (RFC 9110 §14.2).
            let part = match head {
                true => Part::Whole,
                false => policy::part(asked, &self.headers, self.len()),
            };
            match part {
                Part::Bytes(range) if ok => self.partial(range),
                Part::Outside if ok => self.outside(),
                _ => self.whole(),
            }
        };
        response.headers.insert(AGE, age);
        if head {
            response.body = Body::Empty;
        }
        response
    }

    /// Roughly what it takes beside the struct itself, in bytes.
    pub(crate) fn size(&self) -> usize {
        let scans = self
            .outline
            .as_ref()
            .map_or(0, |outline| outline.scans.len());
        let source = self.source.as_ref().map_or(0, header_bytes);
        let forms = self.forms.as_ref().map_or(0, |forms| forms.size());
        let file = self.file.as_ref().map_or(0, |_| OPEN_FILE);
        self.body.len()
            + file
            + header_bytes(&self.headers)
            + source
            + forms
            + scans * size_of::<Scan>()
    }

    fn whole(&self) -> Response {
        Response {
            status: self.status,
            headers: self.headers.clone(),
            body: self.bytes(0..self.len()),
            outline: self.outline.clone(),
            upgrade: None,
        }
    }

    fn partial(&self, range: std::ops::Range<u64>) -> Response {
        let length = self.len();
        let (start, end) = (range.start, range.end.min(length));
        let body = self.bytes(range);
        let mut response = Response::new(StatusCode::PARTIAL_CONTENT, body);
        response.headers = self.headers.clone();
        let span = format!("bytes {start}-{}/{length}", end.saturating_sub(1));
        set_text(&mut response.headers, CONTENT_RANGE, &span);
        let length = HeaderValue::from(end.saturating_sub(start));
        response.headers.insert(CONTENT_LENGTH, length);
        response
    }

    fn outside(&self) -> Response {
        let mut response = Response::text(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "the range lies outside\n",
        );
        let span = format!("bytes */{}", self.len());
        set_text(&mut response.headers, CONTENT_RANGE, &span);
        response
    }
}

/// The 304 that goes with these headers of a 200 (RFC 9110 §15.4.5).
pub fn not_modified(mut headers: HeaderMap) -> Response {
    for name in [
        CONTENT_LENGTH,
        CONTENT_TYPE,
        CONTENT_ENCODING,
        ACCEPT_RANGES,
    ] {
        headers.remove(name);
    }
    let mut response = Response::new(StatusCode::NOT_MODIFIED, Body::Empty);
    response.headers = headers;
    response
}

/// Sets a header to a text; a text that cannot be one leaves the header out.
pub fn set_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    match HeaderValue::try_from(text) {
        Ok(value) => {
            headers.insert(name, value);
        }
        Err(_) => {
            headers.remove(name);
        }
    }
}

/// One thing in the store.
#[derive(Debug)]
pub enum Entry {
    /// A response.
    Response(Kept),
    /// What is asked for depends on these request headers: look under the secondary key.
    Varies(Vec<HeaderName>),
    /// No picture is made from the source; the source is the answer.
    Refused(Refused),
    /// The body with the hash that this is kept under.
    Dictionary(Dictionary),
}

/// Where a body is kept that visitors may have as a dictionary (RFC 9842).
#[derive(Clone, Debug)]
pub struct Dictionary {
    /// Where.
    pub key: Key,
    /// For which addresses it is a dictionary, as they were told.
    pub pattern: Arc<str>,
}

/// A picture that cannot be made, or must not be.
#[derive(Debug)]
pub struct Refused {
    /// Why, in few words.
    pub reason: Arc<str>,
    /// Cloudflare's number for it.
    pub code: u16,
    /// How long that holds: as long as the source is fresh.
    pub freshness: Freshness,
    /// What is sent in its place, as it is sent at the picture's own URL; `None` if it is too large
    /// to be kept.
    pub original: Option<Kept>,
}

impl Entry {
    /// The response, where it is one.
    pub fn response(&self) -> Option<&Kept> {
        match self {
            Self::Response(kept) => Some(kept),
            Self::Varies(_) | Self::Refused(_) | Self::Dictionary(_) => None,
        }
    }
}

/// Roughly what a header map takes.
pub(crate) fn header_bytes(headers: &HeaderMap) -> usize {
    const SLOT: usize = 104;
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + SLOT)
        .sum()
}

/// What a look-up came to.
pub enum Found {
    /// This.
    Entry(Arc<Entry>),
    /// It is on disk: [`find_on_disk`] brings it.
    OnDisk,
    /// Nothing for the URL.
    Nothing,
    /// Something for the URL, but not for these request headers.
    NotForThese,
}

/// Finds what is kept for a request, following what it varies on.
pub fn find(store: &Store<Entry>, key: &Lookup<'_>, request: &HeaderMap) -> Found {
    let entry = match store.seek(key) {
        Sought::Kept(entry) => entry,
        Sought::OnDisk => return Found::OnDisk,
        Sought::Nothing => return Found::Nothing,
    };
    let Entry::Varies(fields) = &*entry else {
        return Found::Entry(entry);
    };
    let variant = secondary(key.variant, fields, request);
    let key = Lookup {
        primary: key.primary,
        variant: &variant,
    };
    match store.seek(&key) {
        Sought::Kept(entry) => Found::Entry(entry),
        Sought::OnDisk => Found::OnDisk,
        Sought::Nothing => Found::NotForThese,
    }
}

/// The same, from wherever it is.
pub async fn find_on_disk(store: &Store<Entry>, key: &Lookup<'_>, request: &HeaderMap) -> Found {
    let Some(entry) = store.load(key).await else {
        return Found::Nothing;
    };
    let Entry::Varies(fields) = &*entry else {
        return Found::Entry(entry);
    };
    let variant = secondary(key.variant, fields, request);
    let key = Lookup {
        primary: key.primary,
        variant: &variant,
    };
    let found = store.load(&key).await;
    found.map_or(Found::NotForThese, Found::Entry)
}

/// Where an entry goes: under its key, or, if its response varies on headers of the request, under
/// a secondary key that the key leads to.
#[derive(Debug)]
pub struct Place {
    mark: ::cache::Mark,
    key: Key,
    signpost: Option<(Key, Vec<HeaderName>)>,
}

impl Place {
    /// The place for the answer to a request with these headers. `mark` is from before the
    /// request was sent.
    pub fn new(
        mark: ::cache::Mark,
        key: Key,
        fields: Vec<HeaderName>,
        request: &HeaderMap,
    ) -> Self {
        if fields.is_empty() {
            return Self {
                mark,
                key,
                signpost: None,
            };
        }
        let variant = secondary(&key.variant, &fields, request);
        Self {
            mark,
            key: Key {
                primary: key.primary.clone(),
                variant: variant.into(),
            },
            signpost: Some((key, fields)),
        }
    }

    /// What it is kept under.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Whether the answer is for every request with this key.
    pub fn is_for_all(&self) -> bool {
        self.signpost.is_none()
    }

    /// Keeps an entry there. Returns whether it was kept.
    pub fn keep(mut self, store: &Store<Entry>, entry: Arc<Entry>) -> bool {
        self.point_there(store) && store.insert_unless_purged(self.mark, self.key, entry)
    }

    /// A place on disk for what is too large for memory.
    pub fn begin_large(&self, store: &Store<Entry>) -> Option<Large<Entry>> {
        store.begin_large(self.mark)
    }

    /// Keeps there what has come to the disk meanwhile; `entry` is all of it but its bytes.
    pub fn keep_large(mut self, store: &Store<Entry>, large: Large<Entry>, entry: &Entry) {
        if self.point_there(store) {
            large.end(&self.key.as_lookup(), entry);
        }
    }

    fn point_there(&mut self, store: &Store<Entry>) -> bool {
        let Some((key, fields)) = self.signpost.take() else {
            return true;
        };
        store.insert_unless_purged(self.mark, key, Arc::new(Entry::Varies(fields)))
    }
}

/// What a response varies on, without what `ignored` says; `Vary: *` is nothing that can be kept
/// and comes out empty.
pub fn varying_fields(headers: &HeaderMap, ignored: &[HeaderName]) -> Vec<HeaderName> {
    match Vary::of(headers) {
        Vary::Fields(mut fields) => {
            fields.retain(|field| !ignored.contains(field));
            fields
        }
        Vary::Nothing | Vary::Any => Vec::new(),
    }
}

/// What a response with these headers is kept under, as the answer to this request.
pub fn key_of(primary: String, headers: &HeaderMap, request: &HeaderMap) -> Key {
    let fields = varying_fields(headers, &[]);
    let variant = match fields.is_empty() {
        true => "".into(),
        false => secondary("", &fields, request).into(),
    };
    Key {
        primary: primary.into(),
        variant,
    }
}

fn secondary(variant: &str, fields: &[HeaderName], request: &HeaderMap) -> String {
    format!("{variant}\u{1f}{}", Vary::secondary_key(fields, request))
}
