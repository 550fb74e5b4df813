//! Reading the options text: one table, all problems at once.

use std::borrow::Cow;
use std::fmt;

use base::{Failure, Fault};
use http::StatusCode;

use super::options::OPTIONS;
use super::{Gravity, Transform, Width};

/// Most options in one text.
const MAX_OPTIONS: usize = 64;
/// Longest options text, in bytes.
const MAX_TEXT: usize = 4096;
/// Most of a wrong value that is repeated in a message, in characters.
const SHOWN: usize = 60;

/// One thing wrong with the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option, as written.
    pub option: String,
    /// Its value, as written; shortened when long.
    pub value: String,
    /// The form that would have been accepted.
    pub expected: String,
}

/// Everything wrong with one options text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The problems, in the order of the text; never empty.
    pub problems: Vec<OptionProblem>,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let OptionProblem {
                option,
                value,
                expected,
            } = problem;
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}`{option}={value}`: expected {expected}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionError {}

impl Failure for OptionError {
    fn fault(&self) -> Fault {
        Fault::Client
    }

    fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }

    fn code(&self) -> &'static str {
        "image.options"
    }

    fn public_message(&self) -> Cow<'static, str> {
        Cow::Owned(self.to_string())
    }
}

impl Transform {
    /// Reads the options of `/cdn-cgi/image/<options>/…`: `name=value` separated by commas, with or
    /// without percent-encoding. Commas inside parentheses separate nothing.
    ///
    /// # Errors
    /// All options that are unknown, given twice, malformed, or contradict another.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let mut reading = Reading::default();
        if text.len() > MAX_TEXT {
            reading.reject("options", text, format!("at most {MAX_TEXT} bytes"));
        } else if let Some(text) = decode_percent(text) {
            reading.read(&text);
        } else {
            reading.reject("options", text, "valid percent-encoding of UTF-8 text");
        }
        reading.finish()
    }
}

/// The state of reading one text.
#[derive(Default)]
struct Reading {
    transform: Transform,
    /// Main names of the options seen, each with the value given.
    seen: Vec<(&'static str, String)>,
    problems: Vec<OptionProblem>,
}

impl Reading {
    fn reject(&mut self, option: &str, value: &str, expected: impl Into<String>) {
        self.problems.push(OptionProblem {
            option: shorten(option),
            value: shorten(value),
            expected: expected.into(),
        });
    }

    fn read(&mut self, text: &str) {
        let parts = split_outside_parentheses(text);
        if parts.len() > MAX_OPTIONS {
            self.reject("options", text, format!("at most {MAX_OPTIONS} options"));
            return;
        }
        if parts.iter().any(|part| part.is_empty()) {
            let expected = match text.is_empty() {
                true => "at least one option, such as width=640",
                false => "an option on each side of a comma",
            };
            self.reject("options", text, expected);
        }
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            self.read_one(name, value);
        }
        self.check_together();
    }

    fn read_one(&mut self, name: &str, value: &str) {
        let Some(spec) = OPTIONS.iter().find(|spec| spec.names.contains(&name)) else {
            self.reject(name, value, expected_names(name));
            return;
        };
        let main = spec.names[0];
        if self.has(main) {
            self.reject(name, value, format!("`{main}` only once"));
            return;
        }
        if (spec.set)(&mut self.transform, value).is_none() {
            self.reject(name, value, spec.form);
        }
        self.seen.push((main, value.to_owned()));
    }

    fn has(&self, main: &str) -> bool {
        self.seen.iter().any(|(name, _)| *name == main)
    }

    /// Options that need another one.
    fn check_together(&mut self) {
        let auto = self.transform.width == Some(Width::Auto);
        let face = self.transform.gravity == Some(Gravity::Face);
        let alone: Vec<_> = self
            .seen
            .iter()
            .filter_map(|(name, value)| {
                let partner = match *name {
                    "wbreakpoints" | "wmobile" | "wdesktop" if !auto => "width=auto",
                    "zoom" if !face => "gravity=face",
                    _ => return None,
                };
                Some((*name, value.clone(), partner))
            })
            .collect();
        if self.transform.placeholder.is_some() && self.transform.format.is_some() {
            self.reject("placeholder", "", "no `format` beside it");
        }
        for (name, value, partner) in alone {
            self.reject(name, &value, format!("`{partner}` beside it"));
        }
    }

    fn finish(self) -> Result<Transform, OptionError> {
        if self.problems.is_empty() {
            Ok(self.transform)
        } else {
            Err(OptionError {
                problems: self.problems,
            })
        }
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1); `None` if an escape is malformed or the result is no
/// UTF-8.
pub(crate) fn decode_percent(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| (byte as char).to_digit(16));
            let (high, low) = (digit()?, digit()?);
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth <= 0
    })
    .collect()
}

fn expected_names(name: &str) -> String {
    let names = || OPTIONS.iter().flat_map(|spec| spec.names).copied();
    let nearest = names()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .min();
    match nearest {
        Some((_, known)) => format!("a known option (did you mean `{known}`?)"),
        None => {
            let main: Vec<_> = OPTIONS.iter().map(|spec| spec.names[0]).collect();
            format!("one of {}", main.join(", "))
        }
    }
}

fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
