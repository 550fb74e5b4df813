//! A client of the plainest kind, which tells an end of the server from a wrong answer.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Visitor {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

/// What came.
pub(super) enum Answer {
    /// A body, whole.
    Body(Vec<u8>),
    /// The server has nothing, and was told not to ask.
    Nothing,
}

/// What went wrong.
#[derive(Debug)]
pub(super) enum Wrong {
    /// The server is gone.
    Ended,
    /// It answered something that it must not.
    Answer(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the server is gone"),
            Self::Answer(answer) => f.write_str(answer),
        }
    }
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::Answer("the server does not answer".into())
            }
            _ => Self::Ended,
        }
    }
}

impl Visitor {
    pub(super) fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// Gets a path; only from what is kept, if that is wanted.
    pub(super) fn get(&mut self, path: &str, only_kept: bool) -> Result<Answer, Wrong> {
        let only = match only_kept {
            true => "Cache-Control: only-if-cached\r\n",
            false => "",
        };
        let (status, body) = self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: a.test\r\n{only}\r\n"
        ))?;
        match status {
            200 => Ok(Answer::Body(body)),
            504 if only_kept => Ok(Answer::Nothing),
            _ => Err(Wrong::Answer(format!("{path} is answered with {status}"))),
        }
    }

    /// Says that a path changed.
    pub(super) fn post(&mut self, path: &str) -> Result<(), Wrong> {
        let (status, _) = self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"
        ))?;
        match status {
            200 => Ok(()),
            _ => Err(Wrong::Answer(format!("{path} is answered with {status}"))),
        }
    }

    fn ask(&mut self, request: &str) -> Result<(u16, Vec<u8>), Wrong> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        stream.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        let mut read = |line: &mut String| {
            line.clear();
            match stream.read_line(line)? {
                0 => Err(Wrong::Ended),
                _ => Ok(()),
            }
        };
        read(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Wrong::Answer(format!("no status: {line:?}")))?;
        let mut length = 0;
        loop {
            read(&mut line)?;
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        self.stream = Some(stream);
        Ok((status, body))
    }
}
