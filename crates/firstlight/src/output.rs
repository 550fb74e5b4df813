//! How commands speak: data on stdout, talk on stderr, and how they end.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use lab::capture::CaptureError;
use server::{ConfigError, ServerError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Done,
    /// It could not.
    Failed,
    /// It did, and found something wrong.
    Problems,
    /// It was asked in a way it does not understand.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Problems => 2,
            Exit::Usage => 64,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub struct CommandError {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

/// How commands end.
pub type Outcome = Result<Exit, CommandError>;

impl CommandError {
    /// It failed; the message says what and why, on one line.
    pub fn new(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// It was asked in a wrong way.
    pub fn usage(message: impl Display) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::new(message)
        }
    }

    /// It failed, and `error` and its causes say why.
    pub fn because(what: impl Display, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(format_args!("{what}: {}", base::failure::chain(error)))
    }

    /// The message and, after a line break, the hint that rooms write.
    fn split(text: &str) -> Self {
        match text.split_once("\nhint: ") {
            Some((message, hint)) => Self::new(message).hint(hint),
            None => Self::new(text),
        }
    }

    /// Adds what may help.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What and why, on one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the message and its hint to stderr.
    pub fn report(self) -> Exit {
        talk(format_args!("{} {}", label("error:", "31"), self.message));
        if let Some(hint) = &self.hint {
            talk(format_args!("{} {hint}", label("hint:", "36")));
        }
        self.exit
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        match &error {
            // A report has a line for each problem, with the file's name; nothing to add.
            ConfigError::Wrong(report) => {
                talk(report.to_string().trim_end());
                Self {
                    exit: Exit::Problems,
                    ..Self::new("the configuration is wrong")
                }
            }
            _ => Self::new(base::failure::chain(&error)),
        }
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        let split = Self::split(&base::failure::chain(&error));
        match error.hint() {
            Some(hint) if split.hint.is_none() => split.hint(hint),
            _ => split,
        }
    }
}

impl From<CaptureError> for CommandError {
    fn from(error: CaptureError) -> Self {
        if matches!(error, CaptureError::Stopped) {
            return Self::new("stopped; there is no report");
        }
        let text = base::failure::chain(&error);
        let split = Self::split(&text);
        if let CaptureError::Status { status: 502.., .. } = error {
            return split.hint("the site did not answer Firstlight; the log above says why");
        }
        if text.contains("ERR_NAME_NOT_RESOLVED") {
            split.hint("the page leads to another host; give the address where it ends")
        } else if text.contains("ERR_TOO_MANY_REDIRECTS") {
            split.hint("a site that wants to be asked over HTTPS needs its `https://` address")
        } else {
            split
        }
    }
}

/// Writes one line to stderr. A terminal that is gone is no reason to stop.
pub fn talk(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes one line to stderr about something that is wrong but keeps nothing from going on.
pub fn warn(line: impl Display) {
    talk(format_args!("{} {line}", label("warning:", "33")));
}

/// Writes text to stdout. A reader that has seen enough (`| head`) is no failure.
pub fn data(text: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Writes a value as JSON to stdout.
pub fn json(value: &serde_json::Value) {
    data(format_args!("{value:#}\n"));
}

/// Whether stderr is a terminal that wants colour (`NO_COLOR` unset or empty).
pub fn stderr_has_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && std::io::stderr().is_terminal()
}

fn label(text: &str, colour: &str) -> String {
    if stderr_has_colour() {
        format!("\x1b[1;{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A number of bytes with its thousands set apart, `1 234 567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use lab::BrowserError;

    use super::*;

    #[test]
    fn what_a_browser_says_becomes_a_hint() {
        let shown = |error| format!("{:?}", CommandError::from(CaptureError::Browser(error)));
        let missing = shown(BrowserError::NotInstalled);
        assert!(
            missing.contains("Some(\"`apt-get install chromium`\")"),
            "{missing}"
        );
        let navigation = |message: &str| {
            let (url, message) = ("https://a/".into(), message.into());
            shown(BrowserError::Navigation { url, message })
        };
        assert!(navigation("net::ERR_NAME_NOT_RESOLVED").contains("another host"));
        assert!(navigation("net::ERR_TOO_MANY_REDIRECTS").contains("over HTTPS"));
        assert!(navigation("net::ERR_FAILED").contains("hint: None"));
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (1_234_567, "1 234 567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
