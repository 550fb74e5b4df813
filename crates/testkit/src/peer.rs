//! Real engines of a store behind, run for one test: Redis or Valkey, and a server that speaks S3.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that one may take to come up. Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A port that is free when it is chosen may be taken a moment later.
const ATTEMPTS: usize = 5;

/// A server in a process of its own; ended when it is dropped.
pub struct Peer {
    program: &'static str,
    address: SocketAddr,
    process: Option<Child>,
}

impl Peer {
    /// Redis or Valkey, with nothing on disk; `None` where neither is installed.
    ///
    /// # Errors
    /// It is installed and does not come up.
    pub fn redis() -> io::Result<Option<Self>> {
        Self::first_of(&["valkey-server", "redis-server"])
    }

    /// A server that speaks S3; `None` where `moto_server` (PyPI `moto[server]`) is not installed.
    ///
    /// # Errors
    /// It is installed and does not come up.
    pub fn s3() -> io::Result<Option<Self>> {
        Self::first_of(&["moto_server"])
    }

    fn first_of(programs: &[&'static str]) -> io::Result<Option<Self>> {
        for program in programs {
            let mut outcome = Err(io::ErrorKind::AddrInUse.into());
            for _ in 0..ATTEMPTS {
                outcome = Self::start(program);
                match &outcome {
                    Ok(_) => break,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                    Err(_) => {}
                }
            }
            match outcome {
                Ok(peer) => return Ok(Some(peer)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn start(program: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        drop(listener);
        let mut peer = Self {
            program,
            address,
            process: None,
        };
        peer.begin()?;
        Ok(peer)
    }

    /// Begins again at the same address, empty.
    ///
    /// # Errors
    /// It does not come up.
    pub fn begin(&mut self) -> io::Result<()> {
        let port = self.address.port().to_string();
        let mut command = Command::new(self.program);
        match self.program {
            "moto_server" => command.args(["-H", "127.0.0.1", "-p", &port]),
            _ => command.args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ]),
        };
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn()?;
        self.process = Some(process);
        let since = Instant::now();
        while TcpStream::connect_timeout(&self.address, PATIENCE).is_err() {
            let ended = match &mut self.process {
                Some(process) => process.try_wait()?.is_some(),
                None => true,
            };
            if ended || since.elapsed() > PATIENCE {
                self.end();
                return Err(io::Error::other(format!(
                    "`{}` does not come up",
                    self.program
                )));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// Ends it at once, as a crash would.
    pub fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end();
    }
}
