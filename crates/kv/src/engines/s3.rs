//! A bucket that speaks S3. Versions are entity tags; who was first is decided by conditional
//! writes (`If-None-Match: *`, `If-Match`).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rusty_s3::actions::{DeleteObject, GetObject, PutObject, S3Action};
use rusty_s3::{Bucket, Credentials, Map, UrlStyle};

use super::connect::Connector;
use super::names;
use crate::engine::{Engine, Got, Page, Pending, Signal, Value, Version};
use crate::{KvError, KvSettings};

/// When something expires, in milliseconds since 1970: no bucket does that by itself so exactly.
const EXPIRES: HeaderName = HeaderName::from_static("x-amz-meta-expires");
/// How long a signed request is good for.
const SIGNED: Duration = Duration::from_secs(300);
/// Most bytes of a page of names.
const PAGE: usize = 2 << 20;
/// Most names in a page.
const MOST_NAMES: usize = 1000;
/// Unused connections that are kept.
const IDLE: usize = 16;
/// How long they are kept.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The engine that is a bucket.
pub struct S3 {
    bucket: Bucket,
    credentials: Option<Credentials>,
    prefix: String,
    client: Client<Connector, Full<Bytes>>,
}

impl S3 {
    /// The bucket at `url` of these settings: the last part of its path. Connects to nothing yet.
    ///
    /// # Errors
    /// [`KvError::Setup`].
    pub fn new(settings: &KvSettings) -> Result<Self, KvError> {
        let wrong = |what: &str| KvError::Setup(what.to_owned());
        let url = settings.url.as_deref().unwrap_or_default();
        let (endpoint, name) = url
            .trim_end_matches('/')
            .rsplit_once('/')
            .ok_or_else(|| wrong("`url` names no bucket"))?;
        let endpoint = endpoint.parse().map_err(|_| wrong("`url` is no URL"))?;
        let (name, region) = (name.to_owned(), settings.region.clone());
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, region)
            .map_err(|_| wrong("`url` names no bucket"))?;
        let (user, password) = (&settings.user.0, &settings.password.0);
        let credentials = (!user.is_empty()).then(|| match settings.token.0.is_empty() {
            true => Credentials::new(user, password),
            false => Credentials::new_with_token(user, password, &settings.token.0),
        });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_TIME)
            .build(Connector::new()?);
        Ok(Self {
            bucket,
            credentials,
            prefix: settings.prefix.clone(),
            client,
        })
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Signs a request with these headers, sends it, and returns what comes.
    async fn send<'a>(
        &'a self,
        method: Method,
        mut action: impl S3Action<'a>,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, KvError> {
        sign(action.headers_mut(), &headers);
        let url = action.sign(SIGNED);
        let mut request = Request::builder().method(method).uri(url.as_str());
        if let Some(held) = request.headers_mut() {
            *held = headers;
        }
        let request = request
            .body(Full::new(body))
            .map_err(|_| KvError::Nonsense("no address"))?;
        let answer = self.client.request(request).await;
        answer.map_err(|error| KvError::Unreachable(cause(&error)))
    }

    async fn fetch(&self, key: &str, known: Option<&Version>, most: u64) -> Result<Got, KvError> {
        let name = self.name(key);
        let action = GetObject::new(&self.bucket, self.credentials.as_ref(), &name);
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, as_header(known)?);
        }
        let answer = self.send(Method::GET, action, headers, Bytes::new());
        let answer = answer.await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Got::Same),
            StatusCode::NOT_FOUND => return Ok(Got::Nothing),
            status => return Err(refused(status)),
        }
        if has_expired(answer.headers()) {
            return Ok(Got::Nothing);
        }
        let version = version_of(answer.headers())?;
        if Some(&version) == known {
            return Ok(Got::Same);
        }
        let length = answer.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > most) {
            return Err(KvError::TooLarge { most });
        }
        let bytes = read(answer, most).await?;
        Ok(Got::Value(Value { version, bytes }))
    }

    /// Writes under conditions; `None` if they do not hold.
    async fn write(
        &self,
        key: &str,
        bytes: Bytes,
        expires: Option<Duration>,
        mut headers: HeaderMap,
    ) -> Result<Option<Version>, KvError> {
        if let Some(time) = expires {
            let until = now() + time.as_millis().max(1) as u64;
            headers.insert(EXPIRES, until.into());
        }
        let name = self.name(key);
        let action = PutObject::new(&self.bucket, self.credentials.as_ref(), &name);
        let conditional = headers.contains_key(IF_MATCH) || headers.contains_key(IF_NONE_MATCH);
        let answer = self.send(Method::PUT, action, headers, bytes).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {
                let version = version_of(answer.headers())?;
                // So that the connection can be used again.
                read(answer, PAGE as u64).await?;
                Ok(Some(version))
            }
            // 409: another write is on its way. 404: there is nothing to be in place of.
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT | StatusCode::NOT_FOUND
                if conditional =>
            {
                Ok(None)
            }
            status => Err(refused(status)),
        }
    }

    async fn set_if(
        &self,
        key: &str,
        expected: Option<&Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Result<Option<Version>, KvError> {
        let mut headers = HeaderMap::new();
        match expected {
            Some(version) => headers.insert(IF_MATCH, as_header(version)?),
            None => headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*")),
        };
        let set = self.write(key, bytes.clone(), expires, headers).await?;
        if set.is_some() || expected.is_some() {
            return Ok(set);
        }
        // What has expired is there still, as far as the bucket knows.
        let Some(dead) = self.expired(key).await? else {
            return Ok(None);
        };
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, as_header(&dead)?);
        self.write(key, bytes, expires, headers).await
    }

    /// The version of a value that has expired.
    async fn expired(&self, key: &str) -> Result<Option<Version>, KvError> {
        let name = self.name(key);
        let action = GetObject::new(&self.bucket, self.credentials.as_ref(), &name);
        let answer = self.send(Method::GET, action, HeaderMap::new(), Bytes::new());
        let answer = answer.await?;
        match answer.status() == StatusCode::OK && has_expired(answer.headers()) {
            true => version_of(answer.headers()).map(Some),
            false => Ok(None),
        }
    }

    async fn page(&self, prefix: &str, from: Option<&str>, most: usize) -> Result<Page, KvError> {
        // Asked of the bucket itself, which has no name in it.
        let mut action = GetObject::new(&self.bucket, self.credentials.as_ref(), "");
        let most = most.clamp(1, MOST_NAMES);
        let query = action.query_mut();
        query.insert("list-type", "2");
        query.insert("prefix", self.name(prefix));
        query.insert("max-keys", most.to_string());
        if let Some(token) = from {
            query.insert("continuation-token", token.to_owned());
        }
        let answer = self.send(Method::GET, action, HeaderMap::new(), Bytes::new());
        let answer = answer.await?;
        if answer.status() != StatusCode::OK {
            return Err(refused(answer.status()));
        }
        let text = read(answer, PAGE as u64).await?;
        let text = std::str::from_utf8(&text).map_err(|_| KvError::Nonsense("no text"))?;
        let listed = names::read(text, most).ok_or(KvError::Nonsense("no listing"))?;
        let keys = listed.names.into_iter().filter_map(|(name, tag)| {
            let key = name.strip_prefix(&self.prefix)?.to_owned();
            Some((key, Version::new(tag.as_bytes())))
        });
        Ok(Page {
            keys: keys.collect(),
            next: listed.next,
        })
    }
}

impl Engine for S3 {
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got> {
        Box::pin(self.fetch(key, known, most))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version> {
        Box::pin(async move {
            let written = self.write(key, bytes, expires, HeaderMap::new()).await?;
            written.ok_or(KvError::Nonsense("a condition that was not set"))
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>> {
        Box::pin(self.set_if(key, expected, bytes, expires))
    }

    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()> {
        Box::pin(async move {
            let name = self.name(key);
            let action = DeleteObject::new(&self.bucket, self.credentials.as_ref(), &name);
            let answer = self.send(Method::DELETE, action, HeaderMap::new(), Bytes::new());
            match answer.await?.status() {
                status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
                status => Err(refused(status)),
            }
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        from: Option<&'a str>,
        most: usize,
    ) -> Pending<'a, Page> {
        Box::pin(self.page(prefix, from, most))
    }

    fn signal(&self, _prefix: &str) -> Option<Signal> {
        None
    }
}

/// The headers of a request are part of what is signed.
fn sign(signed: &mut Map<'_>, headers: &HeaderMap) {
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            signed.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
}

/// A body of at most so many bytes.
async fn read(answer: Response<Incoming>, most: u64) -> Result<Bytes, KvError> {
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    match Limited::new(answer.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(KvError::TooLarge { most }),
        Err(error) => Err(KvError::Unreachable(error.to_string())),
    }
}

fn version_of(headers: &HeaderMap) -> Result<Version, KvError> {
    let tag = headers.get(ETAG).filter(|tag| tag.len() <= 256);
    let tag = tag.ok_or(KvError::Nonsense("no entity tag"))?;
    Ok(Version::new(tag.as_bytes()))
}

fn as_header(version: &Version) -> Result<HeaderValue, KvError> {
    HeaderValue::from_bytes(&version.0).map_err(|_| KvError::Nonsense("no entity tag"))
}

fn has_expired(headers: &HeaderMap) -> bool {
    let until = headers.get(EXPIRES);
    let until = until.and_then(|until| until.to_str().ok()?.parse::<u64>().ok());
    until.is_some_and(|until| until <= now())
}

fn refused(status: StatusCode) -> KvError {
    KvError::Refused(format!("status {}", status.as_u16()))
}

/// The innermost cause: the others say where, which is nobody's business.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis() as u64
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").finish_non_exhaustive()
    }
}
