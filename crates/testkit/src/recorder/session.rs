//! One connection: frames out as planned, frames in as they come.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::frame::{self, Frame, PREFACE, flag, kind};
use super::hpack::Decoder;
use super::{Action, Answer, DataFrame, RecorderError, Recording};

/// What Chromium grants a connection.
const CONNECTION_WINDOW: u32 = 15 * 1024 * 1024;

/// A connection in use.
pub(super) struct Session<S> {
    stream: S,
    zero: Instant,
    stream_window: u32,
    credit: u32,
    stream_credit: Vec<u32>,
    block: Vec<u8>,
    block_ends_stream: bool,
    decoder: Decoder,
    recording: Recording,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(stream: S, requests: usize, stream_window: u32) -> Self {
        Self {
            stream,
            zero: Instant::now(),
            stream_window,
            credit: 0,
            stream_credit: vec![0; requests],
            block: Vec::new(),
            block_ends_stream: false,
            decoder: Decoder::default(),
            recording: Recording {
                answers: vec![Answer::default(); requests],
                ..Recording::default()
            },
        }
    }

    /// What was recorded, on a connection that was begun at `start`.
    pub(super) fn into_recording(mut self, start: Instant) -> Recording {
        self.recording.connected = self.zero - start;
        self.recording.zero = Some(self.zero.into_std());
        self.recording
    }

    /// Sends the preface, settings and the connection's window.
    pub(super) async fn greet(&mut self) -> io::Result<()> {
        let mut bytes = PREFACE.to_vec();
        let mut settings = Vec::new();
        // ENABLE_PUSH off, INITIAL_WINDOW_SIZE.
        for (name, value) in [(2_u16, 0), (4, self.stream_window)] {
            settings.extend(name.to_be_bytes());
            settings.extend(value.to_be_bytes());
        }
        bytes.extend(on_connection(kind::SETTINGS, 0, settings).encode());
        let grant = (CONNECTION_WINDOW - 65_535).to_be_bytes().to_vec();
        bytes.extend(on_connection(kind::WINDOW_UPDATE, 0, grant).encode());
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// Sends what is due and records what comes, until everything is answered.
    pub(super) async fn run(
        &mut self,
        actions: Vec<Action>,
        deadline: Instant,
    ) -> Result<(), RecorderError> {
        let mut streams: Vec<(u32, usize)> = Vec::new();
        let mut actions = actions.into_iter().peekable();
        let mut pending = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let complete = self.complete();
            let now = Instant::now();
            let due =
                |action: &Action| action.after_answers <= complete && self.zero + action.at <= now;
            if let Some(action) = actions.next_if(due) {
                self.act(action, &mut streams).await?;
                continue;
            }
            let next = actions.peek();
            if next.is_none() && self.is_done(streams.len()) {
                return Ok(());
            }
            let next = next.filter(|action| action.after_answers <= complete);
            let wake = next.map_or(deadline, |action| deadline.min(self.zero + action.at));
            tokio::select! {
                read = self.stream.read(&mut buffer) => {
                    let size = read?;
                    let now = self.zero.elapsed();
                    if size == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                    pending.extend_from_slice(&buffer[..size]);
                    while let Some(frame) = next_frame(&mut pending)? {
                        self.receive(&frame, now, &streams).await?;
                    }
                    self.stream.flush().await?;
                }
                () = sleep_until(wake) => {
                    if Instant::now() >= deadline {
                        self.recording.timed_out = true;
                        return Ok(());
                    }
                }
            }
        }
    }

    fn is_done(&self, sent: usize) -> bool {
        let answers = &self.recording.answers;
        let over = |answer: &Answer| answer.complete_at.is_some() || answer.reset.is_some();
        sent == answers.len() && answers.iter().all(over) || self.recording.goaway.is_some()
    }

    fn complete(&self) -> usize {
        let answers = self.recording.answers.iter();
        answers
            .filter(|answer| answer.complete_at.is_some())
            .count()
    }

    async fn act(&mut self, action: Action, streams: &mut Vec<(u32, usize)>) -> io::Result<()> {
        if let Some((index, stream)) = action.opens {
            streams.push((stream, index));
            self.recording.answers[index].asked_at = self.zero.elapsed();
        }
        self.stream.write_all(&action.frame.encode()).await?;
        self.stream.flush().await
    }

    async fn receive(
        &mut self,
        frame: &Frame,
        now: Duration,
        streams: &[(u32, usize)],
    ) -> Result<(), RecorderError> {
        let request = streams
            .iter()
            .find(|(stream, _)| *stream == frame.stream)
            .map(|(_, index)| *index);
        match (frame.kind, request) {
            (kind::DATA, Some(request)) => self.data(frame, request, now).await,
            (kind::HEADERS, Some(request)) => {
                let content = frame
                    .content()
                    .ok_or(RecorderError::Protocol("bad padding"))?;
                self.block = content.to_vec();
                self.block_ends_stream = frame.has(flag::END_STREAM);
                self.headers_end(frame, request, now)
            }
            (kind::CONTINUATION, Some(request)) => {
                self.block.extend(&frame.payload);
                self.headers_end(frame, request, now)
            }
            (kind::RST_STREAM, Some(request)) => {
                self.recording.answers[request].reset = Some(number(&frame.payload, 0));
                Ok(())
            }
            (kind::SETTINGS, _) if !frame.has(flag::ACK) => {
                self.send(&on_connection(kind::SETTINGS, flag::ACK, Vec::new()))
                    .await
            }
            (kind::PING, _) if !frame.has(flag::ACK) => {
                self.send(&on_connection(kind::PING, flag::ACK, frame.payload.clone()))
                    .await
            }
            (kind::GOAWAY, _) => {
                let code = number(&frame.payload, 4);
                let last = number(&frame.payload, 0);
                // A graceful goodbye answers what it has accepted.
                let open = streams.iter().any(|(stream, _)| *stream <= last);
                if code != 0 || !open {
                    self.recording.goaway = Some(code);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn headers_end(
        &mut self,
        frame: &Frame,
        request: usize,
        now: Duration,
    ) -> Result<(), RecorderError> {
        if !frame.has(flag::END_HEADERS) {
            return Ok(());
        }
        let fields = self
            .decoder
            .decode(&self.block)
            .ok_or(RecorderError::Protocol("malformed header block"))?;
        let answer = &mut self.recording.answers[request];
        let status = fields
            .iter()
            .find(|field| field.0 == ":status")
            .and_then(|field| field.1.parse().ok())
            .unwrap_or(0);
        // 1xx is news, not the answer; a block without a status is trailers.
        if (200..1000).contains(&status) {
            answer.status = status;
            answer.header_at = Some(now);
            answer.headers = fields
                .into_iter()
                .filter(|field| field.0 != ":status")
                .collect();
        }
        if self.block_ends_stream {
            answer.complete_at = Some(now);
        }
        Ok(())
    }

    async fn data(
        &mut self,
        frame: &Frame,
        request: usize,
        now: Duration,
    ) -> Result<(), RecorderError> {
        let content = frame
            .content()
            .ok_or(RecorderError::Protocol("bad padding"))?;
        let answer = &mut self.recording.answers[request];
        answer.body.extend_from_slice(content);
        self.recording.frames.push(DataFrame {
            at: now,
            request,
            bytes: content.len(),
            offset: answer.body.len() as u64,
        });
        if frame.has(flag::END_STREAM) {
            answer.complete_at = Some(now);
        }
        // Padding counts against the windows, too. They are refilled at the half, as browsers do.
        let size = frame.payload.len() as u32;
        self.credit += size;
        if self.credit > CONNECTION_WINDOW / 2 {
            let grant = std::mem::take(&mut self.credit).to_be_bytes().to_vec();
            self.send(&on_connection(kind::WINDOW_UPDATE, 0, grant))
                .await?;
        }
        self.stream_credit[request] += size;
        if self.stream_credit[request] > self.stream_window / 2 && !frame.has(flag::END_STREAM) {
            let grant = std::mem::take(&mut self.stream_credit[request]);
            self.send(&Frame {
                kind: kind::WINDOW_UPDATE,
                flags: 0,
                stream: frame.stream,
                payload: grant.to_be_bytes().to_vec(),
            })
            .await?;
        }
        Ok(())
    }

    async fn send(&mut self, frame: &Frame) -> Result<(), RecorderError> {
        Ok(self.stream.write_all(&frame.encode()).await?)
    }
}

fn next_frame(pending: &mut Vec<u8>) -> Result<Option<Frame>, RecorderError> {
    frame::take(pending).map_err(|_| RecorderError::Protocol("a frame over 16,384 bytes"))
}

fn on_connection(kind: u8, flags: u8, payload: Vec<u8>) -> Frame {
    Frame {
        kind,
        flags,
        stream: 0,
        payload,
    }
}

/// Four bytes of a payload; missing ones are zero.
fn number(payload: &[u8], at: usize) -> u32 {
    let byte = |index: usize| payload.get(at + index).copied().unwrap_or(0);
    u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)])
}
