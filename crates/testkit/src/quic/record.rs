//! A recording over HTTP/3.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::{ReadError, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::client::{Client, Options, frame, kind, read_number};
use super::qpack;
use crate::recorder::{Answer, DataFrame, RecorderError, Recording, Request};

/// Sends the requests on one connection and records until all are answered or the deadline.
///
/// # Errors
/// [`RecorderError`]; answers that failed alone are in the recording.
pub async fn record(
    address: SocketAddr,
    authority: &str,
    options: Options,
    requests: &[Request],
    (start, deadline): (Instant, Instant),
) -> Result<Recording, RecorderError> {
    let connecting = Client::connect(address, authority, options);
    let mut client = timeout_at(deadline, connecting)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let zero = Instant::now();
    let shared = Arc::new(Mutex::new(Recording {
        zero: Some(zero.into_std()),
        connected: zero - start,
        answers: vec![Answer::default(); requests.len()],
        ..Recording::default()
    }));
    let mut actions = actions(requests);
    actions.sort_by_key(|action| (action.after_answers, action.at));
    let mut streams = vec![0; requests.len()];
    let mut readers = JoinSet::new();
    let session = async {
        for action in actions {
            while complete(&shared) < action.after_answers && !readers.is_empty() {
                readers.join_next().await;
            }
            sleep_until(zero + action.at).await;
            let request = &requests[action.request];
            match action.update {
                Some(priority) => {
                    let stream = streams[action.request];
                    client.prioritise(stream, &priority).await?;
                }
                None => {
                    let fields: Vec<(&str, &str)> = request
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str()))
                        .collect();
                    let section = client.head(&request.method, &request.path, &fields);
                    let (mut send, receive) = client
                        .connection()
                        .open_bi()
                        .await
                        .map_err(io::Error::from)?;
                    streams[action.request] = quinn::VarInt::from(send.id()).into_inner();
                    locked(&shared).answers[action.request].asked_at = zero.elapsed();
                    send.write_all(&frame(kind::HEADERS, &section))
                        .await
                        .map_err(io::Error::from)?;
                    send.finish().map_err(io::Error::other)?;
                    let reader = Reader {
                        shared: Arc::clone(&shared),
                        request: action.request,
                        zero,
                        buffer: Vec::new(),
                        data_left: 0,
                        _send: send,
                    };
                    readers.spawn(reader.read(receive));
                }
            }
        }
        while readers.join_next().await.is_some() {}
        Ok::<_, io::Error>(())
    };
    let timed_out = match timeout_at(deadline, session).await {
        Ok(ended) => {
            ended?;
            false
        }
        Err(_) => true,
    };
    readers.shutdown().await;
    let mut recording = std::mem::take(&mut *locked(&shared));
    recording.timed_out = timed_out;
    client.close().await;
    Ok(recording)
}

struct Action {
    at: Duration,
    after_answers: usize,
    request: usize,
    /// A priority, or else the request itself.
    update: Option<String>,
}

fn actions(requests: &[Request]) -> Vec<Action> {
    let mut actions = Vec::new();
    for (place, request) in requests.iter().enumerate() {
        let action = |at, update| Action {
            at,
            after_answers: request.after_answers,
            request: place,
            update,
        };
        actions.push(action(request.after, None));
        let updates = request.updates.iter();
        actions.extend(updates.map(|(at, priority)| action(*at, Some(priority.clone()))));
    }
    actions
}

/// How many answers are complete.
fn complete(shared: &Mutex<Recording>) -> usize {
    let recording = locked(shared);
    let answers = recording.answers.iter();
    answers
        .filter(|answer| answer.complete_at.is_some())
        .count()
}

fn locked(shared: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reader {
    shared: Arc<Mutex<Recording>>,
    request: usize,
    zero: Instant,
    /// What has come of a frame's head, or of HEADERS.
    buffer: Vec<u8>,
    data_left: u64,
    _send: SendStream,
}

impl Reader {
    async fn read(mut self, mut receive: RecvStream) {
        loop {
            match receive.read_chunk(usize::MAX, true).await {
                Ok(Some(chunk)) => self.take(&chunk.bytes),
                Ok(None) => {
                    let now = self.zero.elapsed();
                    locked(&self.shared).answers[self.request].complete_at = Some(now);
                    return;
                }
                Err(ReadError::Reset(code)) => {
                    let code = u32::try_from(code.into_inner()).unwrap_or(u32::MAX);
                    locked(&self.shared).answers[self.request].reset = Some(code);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        let now = self.zero.elapsed();
        while !bytes.is_empty() {
            if self.data_left > 0 {
                let length = bytes.len().min(self.data_left as usize);
                let (data, rest) = bytes.split_at(length);
                self.data(data, now);
                self.data_left -= length as u64;
                bytes = rest;
                continue;
            }
            self.buffer.push(bytes[0]);
            bytes = &bytes[1..];
            self.head(now);
        }
    }

    /// Looks whether a frame's head, or all of a frame that is no DATA, has come.
    fn head(&mut self, now: Duration) {
        let Some((kind, first)) = read_number(&self.buffer) else {
            return;
        };
        let Some((length, second)) = read_number(&self.buffer[first..]) else {
            return;
        };
        if kind == kind::DATA {
            self.data_left = length;
            self.buffer.clear();
        } else if self.buffer.len() as u64 == (first + second) as u64 + length {
            if kind == kind::HEADERS {
                self.fields(first + second, now);
            }
            self.buffer.clear();
        }
    }

    fn fields(&self, start: usize, now: Duration) {
        let Some(fields) = qpack::decode(&self.buffer[start..]) else {
            return;
        };
        let status = fields.iter().find(|field| field.0 == ":status");
        let status = status.and_then(|field| field.1.parse().ok()).unwrap_or(0);
        if status < 200 {
            return;
        }
        let mut recording = locked(&self.shared);
        let answer = &mut recording.answers[self.request];
        answer.status = status;
        answer.header_at = Some(now);
        answer.headers = fields
            .into_iter()
            .filter(|field| field.0 != ":status")
            .collect();
    }

    fn data(&self, data: &[u8], now: Duration) {
        let mut recording = locked(&self.shared);
        let answer = &mut recording.answers[self.request];
        answer.body.extend_from_slice(data);
        let offset = answer.body.len() as u64;
        recording.frames.push(DataFrame {
            at: now,
            request: self.request,
            bytes: data.len(),
            offset,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::number;
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_must_be() {
        for (value, length) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 4),
            (1 << 30, 8),
        ] {
            let bytes = number(value);
            assert_eq!(bytes.len(), length);
            assert_eq!(read_number(&bytes), Some((value, length)));
        }
    }
}
