//! A screen that nobody sees (Xvfb), and pictures of everything that changes on it.
//!
//! Xvfb keeps its picture in a file (`-fbdir`), so that looking at it costs the browser nothing.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

/// How often the screen is looked at.
const EVERY: Duration = Duration::from_millis(8);

/// A screen, gone with the value.
pub struct Screen {
    server: Child,
    display: String,
    file: PathBuf,
}

/// What the screen showed from a moment on.
pub struct Shot {
    /// The moment.
    pub at: SystemTime,
    /// Rows from the top, each pixel red, green, blue.
    pub rgb: Vec<u8>,
}

/// A part of the screen, pixels: left, top, width, height.
pub type Window = [usize; 4];

impl Screen {
    /// A screen of `width × height` pixels whose picture lies in `folder`.
    ///
    /// # Errors
    /// Xvfb is missing or does not start.
    pub fn new(folder: &Path, width: u32, height: u32) -> Result<Self, String> {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{width}x{height}x24"))
            .arg("-fbdir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = command
            .spawn()
            .map_err(|error| format!("Xvfb (package xvfb): {error}"))?;
        let mut line = String::new();
        let heard = server.stdout.take().map(BufReader::new);
        let heard = heard.map_or(Ok(0), |mut heard| heard.read_line(&mut line));
        let screen = Self {
            server,
            display: format!(":{}", line.trim()),
            file: folder.join("Xvfb_screen0"),
        };
        match heard {
            Ok(size) if size > 0 => Ok(screen),
            _ => Err("Xvfb did not start".into()),
        }
    }

    /// For `DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// Begins to take a picture of a part of the screen whenever it changes.
    ///
    /// # Errors
    /// The picture cannot be read.
    pub fn watch(&self, window: Window) -> Result<Watch, String> {
        let picture = Picture::open(&self.file, window)?;
        let (stop, stopped) = channel();
        let look = move || {
            let (mut shots, mut bytes, mut last) = (Vec::new(), Vec::new(), Vec::new());
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                let at = SystemTime::now();
                if picture.read(&mut bytes).is_none() || bytes == last {
                    continue;
                }
                std::mem::swap(&mut bytes, &mut last);
                let rgb = picture.cut(&last);
                shots.push(Shot { at, rgb });
            }
            shots
        };
        Ok(Watch {
            stop,
            looker: thread::spawn(look),
        })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Pictures being taken.
pub struct Watch {
    stop: Sender<()>,
    looker: JoinHandle<Vec<Shot>>,
}

impl Watch {
    /// Every change since the beginning.
    ///
    /// # Errors
    /// Nothing could be seen.
    pub fn stop(self) -> Result<Vec<Shot>, String> {
        drop(self.stop);
        self.looker
            .join()
            .map_err(|_| "the screen could not be watched".into())
    }
}

/// The file of a screen: a window dump (`X11/XWDFile.h`), of which the rows of the window count.
struct Picture {
    file: File,
    /// Where the window's first row begins, and how long a row is, in bytes.
    start: u64,
    row: usize,
    window: Window,
}

impl Picture {
    fn open(path: &Path, window: Window) -> Result<Self, String> {
        let shown = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let file = File::open(path).map_err(|error| shown(&error))?;
        let mut head = [0; 100];
        file.read_exact_at(&mut head, 0)
            .map_err(|error| shown(&error))?;
        // The fields are numbers of four bytes, the most significant first.
        let field = |place: usize| {
            let bytes = head[place * 4..].first_chunk().copied();
            u32::from_be_bytes(bytes.unwrap_or_default())
        };
        let (head_size, row, colours) = (field(0), field(12) as usize, field(19));
        let (width, height) = (field(4) as usize, field(5) as usize);
        let [left, top, wide, high] = window;
        if field(11) != 32 || left + wide > width || top + high > height {
            return Err(shown(&"not the screen that was asked for"));
        }
        Ok(Self {
            file,
            start: u64::from(head_size) + u64::from(colours) * 12 + (top * row) as u64,
            row,
            window,
        })
    }

    /// Reads the rows of the window.
    fn read(&self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.resize(self.row * self.window[3], 0);
        self.file.read_exact_at(bytes, self.start).ok()
    }

    /// The window's pixels of its rows; on the screen each is blue, green, red and nothing.
    fn cut(&self, bytes: &[u8]) -> Vec<u8> {
        let [left, _, width, _] = self.window;
        let rows = bytes.chunks_exact(self.row);
        rows.flat_map(|row| row[left * 4..][..width * 4].as_chunks::<4>().0)
            .flat_map(|[blue, green, red, _]| [*red, *green, *blue])
            .collect()
    }
}
