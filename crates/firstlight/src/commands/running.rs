//! Running a server until it is told to stop.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use server::{Config, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::{self, CommandError, Exit};

/// Runs a future on a runtime of as many threads as the configuration asks for. Work that is left
/// when it is done is not waited for.
///
/// # Errors
/// The runtime could not be made, or those of the future.
pub fn block_on<T>(
    threads: Option<usize>,
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads.filter(|threads| *threads > 0) {
        builder.worker_threads(threads);
    }
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| CommandError::because("cannot start the runtime", &error))?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_background();
    outcome
}

/// Where the self-signed certificate is kept for those who configure nothing: in the user's state
/// directory (XDG Base Directory Specification). `None` where there is no home.
pub fn state_directory() -> Option<PathBuf> {
    let absolute = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("firstlight"))
}

/// As [`state_directory`], made if it is not there. Where it cannot be written a warning says so, and
/// the answer is `None`: nothing is kept, and all else works.
pub fn state_directory_to_write() -> Option<PathBuf> {
    let directory = state_directory()?;
    let made = fs::create_dir_all(&directory);
    match made.and_then(|()| write_in(&directory)) {
        Ok(()) => Some(directory),
        Err(error) => {
            output::warn(format_args!(
                "{}: {error}; the certificate is made anew at each start",
                directory.display()
            ));
            None
        }
    }
}

/// Whether a file can be made there.
fn write_in(directory: &Path) -> io::Result<()> {
    let place = directory.join(format!(".writable-{}", process::id()));
    fs::write(&place, b"")?;
    fs::remove_file(&place)
}

/// Every signal that means something to a running server.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen. Signals that come before the first [`Signals::next`] are not lost.
    ///
    /// # Errors
    /// The system refuses to tell of signals.
    pub fn listen() -> Result<Self, CommandError> {
        let listen = |kind| {
            signal(kind).map_err(|error| CommandError::because("cannot listen for signals", &error))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for any signal that asks for an end.
    pub async fn told_to_stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }

    /// The next thing asked of the server.
    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}

enum Wish {
    Stop,
    Reload,
}

/// Serves until SIGINT or SIGTERM, then finishes what is in flight; a second one ends it at once.
/// SIGHUP reads `file` again, where there is one.
///
/// # Errors
/// None; a server that stops by itself has failed.
pub async fn serve_until_told(
    server: Server,
    file: Option<&Path>,
    signals: &mut Signals,
) -> Result<Exit, CommandError> {
    let handle = server.handle();
    let mut finished = std::pin::pin!(server.wait());
    let mut stopping = false;
    loop {
        let wish = tokio::select! {
            () = &mut finished => return Ok(if stopping { Exit::Done } else { Exit::Failed }),
            wish = signals.next() => wish,
        };
        match wish {
            Wish::Stop if stopping => {
                output::talk("stopped at once; what was in flight is lost");
                return Ok(Exit::Failed);
            }
            Wish::Stop => {
                output::talk("finishing what is in flight; once more to stop at once");
                stopping = true;
                handle.shutdown();
            }
            Wish::Reload => reload(&handle, file),
        }
    }
}

fn reload(handle: &server::Handle, file: Option<&Path>) {
    let Some(file) = file else {
        output::talk("there is no file to read again");
        return;
    };
    let outcome = Config::read(file)
        .map_err(CommandError::from)
        .map(|mut config| {
            config.complete_secrets(|name| env::var(name).ok());
            config
        })
        .and_then(|config| handle.reload(config).map_err(CommandError::from));
    match outcome {
        Ok(notes) => {
            output::talk(format_args!("{}: read again and in use", file.display()));
            for note in notes {
                output::talk(format_args!("note: {note}"));
            }
        }
        Err(error) => {
            error.report();
            output::talk("the old configuration stays in use");
        }
    }
}
