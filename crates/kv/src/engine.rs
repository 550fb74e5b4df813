//! What an engine does: bytes under keys, and who was first.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch::Receiver;

use crate::KvError;

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, KvError>> + Send + 'a>>;

/// Which of the values that a key had over time; only equality means something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub(crate) Arc<[u8]>);

impl Version {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Which one it is.
    pub version: Version,
    /// The bytes.
    pub bytes: Bytes,
}

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// Nothing, or something that has expired.
    Nothing,
    /// What is known already.
    Same,
    /// This.
    Value(Value),
}

/// Some of the keys with a prefix, with the versions of their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In no order. A key may come twice, and one whose value has expired may still be named.
    pub keys: Vec<(String, Version)>,
    /// Where the next page begins; `None` after the last. A page without keys is not the last.
    pub next: Option<String>,
}

/// Told soon after something has changed, and sometimes for nothing.
pub type Signal = Receiver<()>;

/// Keeps bytes under keys. Keys are ASCII without spaces and controls, at most 512 bytes.
///
/// Every key that is there from the first page of a listing to the last is in it. A value that was
/// put is what is got until it is put anew, removed or has expired, or the engine made room.
pub trait Engine: std::fmt::Debug + Send + Sync + 'static {
    /// The value of a key; [`Got::Same`] if it is the `known` one still.
    ///
    /// # Errors
    /// [`KvError::TooLarge`] if it has more than `most` bytes: no more than that is held in memory.
    fn get<'a>(&'a self, key: &'a str, known: Option<&'a Version>, most: u64) -> Pending<'a, Got>;

    /// Puts a value in place of what is there, for so long at most; `None` is for ever.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Version>;

    /// The same, if what is there is still `expected` (`None`: nothing). `None` if it is not.
    fn compare_and_set<'a>(
        &'a self,
        key: &'a str,
        expected: Option<&'a Version>,
        bytes: Bytes,
        expires: Option<Duration>,
    ) -> Pending<'a, Option<Version>>;

    /// Drops a value, if there is one.
    fn remove<'a>(&'a self, key: &'a str) -> Pending<'a, ()>;

    /// About `most` of the keys that begin with `prefix`; `from` is [`Page::next`] of the page
    /// before.
    fn list<'a>(&'a self, prefix: &'a str, from: Option<&'a str>, most: usize)
    -> Pending<'a, Page>;

    /// Tells of changes of keys with this prefix; `None` where the engine cannot. It may miss some:
    /// look now and then all the same.
    fn signal(&self, prefix: &str) -> Option<Signal>;
}

/// The part of a key that is told of in one place: up to its first slash.
pub(crate) fn room(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}
