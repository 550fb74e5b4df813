//! A body that stays in its file: read in pieces as it is sent, each found right before it leaves.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::format::{self, CHUNK};

/// Chunks that are read at once.
const AT_ONCE: u64 = 4;

/// The body of something large, in its file. The file stays readable as long as this is held, even
/// if it made room for others meanwhile.
pub struct FileBody {
    file: File,
    length: u64,
    sums: Vec<u32>,
    alarm: Box<dyn Fn() + Send + Sync>,
}

impl FileBody {
    pub(super) fn new(file: File, length: u64, sums: Vec<u32>) -> Self {
        Self {
            file,
            length,
            sums,
            alarm: Box::new(|| {}),
        }
    }

    /// The same; `alarm` is called for each piece that is not what was written.
    pub(in super::super) fn with_alarm(self, alarm: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            alarm: Box::new(alarm),
            ..self
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// These bytes of it as a stream. It breaks off where the file is not what was written.
    pub fn body(self: &Arc<Self>, range: Range<u64>) -> Body {
        let end = range.end.min(self.length);
        Body::stream(Stream {
            file: self.clone(),
            left: range.start.min(end)..end,
            reading: None,
        })
    }

    /// Reads whole chunks from `start` (where one begins) on.
    fn chunks(&self, start: u64) -> io::Result<Bytes> {
        let length = (self.length - start).min(AT_ONCE * CHUNK as u64);
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, start)?;
        let first = (start / CHUNK as u64) as usize;
        let sums = self.sums.get(first..first + bytes.len().div_ceil(CHUNK));
        if !sums.is_some_and(|sums| format::are_right(&bytes, sums)) {
            (self.alarm)();
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a file of the cache is not what was written",
            ));
        }
        Ok(bytes.into())
    }
}

impl std::fmt::Debug for FileBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileBody({} bytes)", self.length)
    }
}

/// Reads the last bytes of a file.
pub(super) fn read_at_end(file: &File, size: u64, length: usize) -> io::Result<Vec<u8>> {
    let length = size.min(length as u64);
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, size - length)?;
    Ok(bytes)
}

struct Stream {
    file: Arc<FileBody>,
    left: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let start = self.left.start - self.left.start % CHUNK as u64;
        let file = self.file.clone();
        let reading = self
            .reading
            .get_or_insert_with(|| tokio::task::spawn_blocking(move || file.chunks(start)));
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let bytes = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.left.end = self.left.start;
                return Poll::Ready(Some(Err(error)));
            }
        };
        let from = (self.left.start - start) as usize;
        let until = ((self.left.end - start) as usize).min(bytes.len());
        self.left.start = start + until as u64;
        Poll::Ready(Some(Ok(Frame::data(bytes.slice(from..until)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.end - self.left.start)
    }
}
