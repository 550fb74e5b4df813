//! Queries: names and values, decoded.

use std::borrow::Cow;

use super::GrammarError;
use crate::transform::decode_percent;

/// Most arguments that are read.
const MAX_ARGUMENTS: usize = 64;

/// The arguments of one URL, in order.
pub(super) struct Query {
    grammar: &'static str,
    arguments: Vec<(String, String)>,
}

impl Query {
    /// Reads what follows the `?`.
    pub(super) fn read(grammar: &'static str, text: Option<&str>) -> Result<Self, GrammarError> {
        let text = text.unwrap_or_default();
        let mut arguments = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            if arguments.len() == MAX_ARGUMENTS {
                let expected = format!("at most {MAX_ARGUMENTS} arguments");
                return Err(GrammarError::option(grammar, part, expected));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let Some(pair) = decode(name).zip(decode(value)) else {
                return Err(GrammarError::option(
                    grammar,
                    part,
                    "valid percent-encoding",
                ));
            };
            arguments.push(pair);
        }
        Ok(Self { grammar, arguments })
    }

    /// Each argument, the last of several with the same name alone.
    pub(super) fn last(&self) -> impl Iterator<Item = (&str, &str)> {
        let arguments = &self.arguments;
        arguments
            .iter()
            .enumerate()
            .filter_map(|(place, (name, value))| {
                let again = arguments[place + 1..]
                    .iter()
                    .any(|(other, _)| other == name);
                (!again).then_some((name.as_str(), value.as_str()))
            })
    }

    /// The last value given for a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.arguments.iter().rev();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A number that makes no sense, or another value that does not.
    pub(super) fn wrong(&self, name: &str, expected: impl Into<Cow<'static, str>>) -> GrammarError {
        let value = self.get(name).unwrap_or_default();
        GrammarError::option(self.grammar, &format!("{name}={value}"), expected)
    }

    /// Something that is not done here.
    pub(super) fn refused(&self, name: &str, reason: impl Into<Cow<'static, str>>) -> GrammarError {
        let value = self.get(name).unwrap_or_default();
        GrammarError::refused(self.grammar, &format!("{name}={value}"), reason)
    }
}

/// Undoes the encoding of forms: `+` is a space.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    decode_percent(&spaced).map(Cow::into_owned)
}

/// A query without the arguments that `ours` says are a grammar's own, as it stood.
pub(super) fn without(query: Option<&str>, ours: impl Fn(&str) -> bool) -> Option<String> {
    let rest: Vec<_> = query?
        .split('&')
        .filter(|part| {
            let name = part.split_once('=').map_or(*part, |(name, _)| name);
            !part.is_empty() && !ours(&decode(name).unwrap_or_default())
        })
        .collect();
    (!rest.is_empty()).then(|| rest.join("&"))
}

/// Whether a query has an argument that `ours` knows.
pub(super) fn has(query: Option<&str>, ours: impl Fn(&str) -> bool) -> bool {
    query.unwrap_or_default().split('&').any(|part| {
        let name = part.split_once('=').map_or(part, |(name, _)| name);
        ours(name)
    })
}
