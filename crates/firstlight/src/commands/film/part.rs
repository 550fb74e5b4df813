//! What can be left out, so that its share is seen.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use lab::capture::Http;
use server::Feature;

/// A part of what Firstlight does for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One that the server switches off.
    Feature(Feature),
    /// HTTP/2: the browser does without it.
    Http2,
}

impl Part {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let features = Feature::ALL.into_iter().map(Self::Feature);
        features.chain([Self::Http2]).collect()
    }

    /// Its name in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.name(),
            Self::Http2 => "http2",
        }
    }

    /// What it does, in a line.
    fn meaning(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.meaning(),
            Self::Http2 => "one connection with priorities; without: six of HTTP/1.1",
        }
    }

    /// What the browser speaks without these.
    pub fn http(without: &[Self]) -> Http {
        if without.contains(&Self::Http2) {
            Http::One
        } else {
            Http::Two
        }
    }
}

/// The parts by name, each with what it does, for the help.
pub fn parser() -> impl TypedValueParser<Value = Part> {
    let named = Part::all()
        .into_iter()
        .map(|part| PossibleValue::new(part.name()).help(part.meaning()));
    PossibleValuesParser::new(named).try_map(|name| {
        let mut all = Part::all().into_iter();
        all.find(|part| part.name() == name).ok_or("no such part")
    })
}
