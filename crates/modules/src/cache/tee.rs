//! A body that is handed on as it comes and kept at its end: in memory, or on disk if it is too
//! large for that.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::cache::{Large, Mark, Store};
use base::{Body, BodyError, Share};
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::kept::Entry;

/// A body that has come to its end.
pub enum Whole {
    /// It is in memory.
    Memory(Bytes),
    /// It is on disk, and so long.
    Disk(Large<Entry>, u64),
}

/// What to do with the whole body.
pub type Finish = Box<dyn FnOnce(Whole) + Send>;

/// Passes a body on and hands the whole of it to `finish` at its end, if it is complete, has no
/// trailers, and there was room for it.
pub struct Tee {
    inner: Body,
    taken: Taken,
    length: u64,
    store: Arc<Store<Entry>>,
    mark: Mark,
    finish: Option<Finish>,
}

/// Where what came so far is.
enum Taken {
    Memory(Vec<Bytes>, Share),
    Disk(Large<Entry>),
    Nowhere,
}

impl Tee {
    /// Passes `inner` on. What is too large for the store's memory, or finds no room among what is
    /// on its way, goes to its disk, and is not kept if there is none or it does not keep up.
    /// `mark` is from before it was asked for.
    pub fn wrap(inner: Body, store: Arc<Store<Entry>>, mark: Mark, finish: Finish) -> Body {
        let limit = store.max_entry();
        match inner {
            Body::Empty => {
                finish(Whole::Memory(Bytes::new()));
                Body::Empty
            }
            Body::Full(bytes) if bytes.len() as u64 <= limit => {
                finish(Whole::Memory(bytes.clone()));
                Body::Full(bytes)
            }
            inner => {
                let length = inner.exact_len();
                if length.is_some_and(|length| length > store.max_large()) {
                    return inner;
                }
                let taken = match length.is_some_and(|length| length > limit) {
                    true => store.begin_large(mark).map_or(Taken::Nowhere, Taken::Disk),
                    false => Taken::Memory(Vec::new(), store.incoming()),
                };
                Body::stream(Self {
                    inner,
                    taken,
                    length: 0,
                    store,
                    mark,
                    finish: Some(finish),
                })
            }
        }
    }

    fn take(&mut self, piece: &Bytes) {
        let length = piece.len() as u64;
        self.length += length;
        let limit = self.store.max_entry();
        if let Taken::Memory(pieces, share) = &mut self.taken {
            if self.length <= limit && share.grow(length) {
                pieces.push(piece.clone());
                return;
            }
            self.move_to_disk();
        }
        if let Taken::Disk(large) = &mut self.taken
            && !large.push(piece.clone())
        {
            self.taken = Taken::Nowhere;
        }
    }

    fn move_to_disk(&mut self) {
        let Taken::Memory(pieces, share) = std::mem::replace(&mut self.taken, Taken::Nowhere)
        else {
            return;
        };
        if let Some(mut large) = self.store.begin_large(self.mark)
            && pieces.into_iter().all(|piece| large.push(piece))
        {
            self.taken = Taken::Disk(large);
        }
        drop(share);
    }

    fn give_up(&mut self) {
        self.finish = None;
        self.taken = Taken::Nowhere;
    }

    fn end(&mut self) {
        let Some(finish) = self.finish.take() else {
            return;
        };
        match std::mem::replace(&mut self.taken, Taken::Nowhere) {
            Taken::Memory(pieces, share) => {
                finish(Whole::Memory(join(pieces, self.length)));
                share.release();
            }
            Taken::Disk(large) => finish(Whole::Disk(large, self.length)),
            Taken::Nowhere => {}
        }
    }
}

fn join(mut pieces: Vec<Bytes>, length: u64) -> Bytes {
    match pieces.len() {
        0 => Bytes::new(),
        1 => pieces.remove(0),
        _ => {
            let mut whole = BytesMut::with_capacity(length as usize);
            for piece in pieces {
                whole.extend_from_slice(&piece);
            }
            whole.freeze()
        }
    }
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            None => self.end(),
            Some(Err(_)) => self.give_up(),
            Some(Ok(frame)) => match frame.data_ref() {
                Some(piece) => {
                    self.take(piece);
                    // Whoever reads may stop here and never ask for the end.
                    if self.inner.is_end_stream() {
                        self.end();
                    }
                }
                None => self.give_up(),
            },
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use ::cache::StoreSettings;
    use base::ByteSize;
    use parking_lot::Mutex;

    use super::*;
    use crate::harness::{Feed, Folder};

    /// Passes 40 pieces of 1000 bytes on. Returns what was collected, and how.
    async fn pass(store: &Arc<Store<Entry>>) -> Option<(&'static str, u64)> {
        let collected = Arc::new(Mutex::new(None));
        let finished = collected.clone();
        let (feed, body) = Feed::new();
        for piece in 0..40u8 {
            feed.send(vec![piece; 1000]);
        }
        drop(feed);
        let finish = move |whole| {
            *finished.lock() = Some(match whole {
                Whole::Memory(bytes) => ("memory", bytes.len() as u64),
                Whole::Disk(_, length) => ("disk", length),
            });
        };
        let mark = store.mark("https://a/");
        let body = Tee::wrap(body(), store.clone(), mark, Box::new(finish));
        let passed = body.collect(1 << 20).await.unwrap();
        assert_eq!(passed.len(), 40_000, "everything passes");
        *collected.lock()
    }

    fn settings(max_entry: u64) -> StoreSettings {
        StoreSettings {
            memory: ByteSize(1 << 20),
            max_entry: ByteSize(max_entry),
            ..StoreSettings::default()
        }
    }

    #[tokio::test]
    async fn what_has_room_is_collected() {
        let store = Arc::new(Store::new(&settings(40_000)));
        assert_eq!(pass(&store).await, Some(("memory", 40_000)));
        let crowd = store.incoming();
        assert!(crowd.grow((1 << 18) - 100));
        assert_eq!(pass(&store).await, None, "others have the memory");
        drop(crowd);
        assert_eq!(pass(&store).await, Some(("memory", 40_000)));
        let store = Arc::new(Store::new(&settings(39_999)));
        assert_eq!(pass(&store).await, None);
    }

    #[tokio::test]
    async fn what_has_no_room_in_memory_goes_to_the_disk() {
        let folder = Folder::new();
        let store = Arc::new(Store::open(&settings(20_000), folder.path()).unwrap());
        assert_eq!(pass(&store).await, Some(("disk", 40_000)));
        let folder = Folder::new();
        let mut small = settings(20_000);
        small.disk.max_entry = ByteSize(30_000);
        let store = Arc::new(Store::open(&small, folder.path()).unwrap());
        assert_eq!(pass(&store).await, None);
    }
}
