//! Which encoder is used: as the configuration says, and as the host has it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use avif::Outside;
use base::settings::{DeValue, Report, Spanned, Value};
use parking_lot::Mutex;

use crate::aom::Aom;

/// Which encoder makes AVIF.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AvifEncoder {
    /// The host's `aomenc`, where there is one that works; else the one that is built in.
    #[default]
    Auto,
    /// The one that is built in.
    Builtin,
    /// The program at this path, which takes the arguments of `aomenc`.
    Path(PathBuf),
}

/// Where the host may have it.
const PLACES: [&str; 2] = ["/usr/local/bin/aomenc", "/usr/bin/aomenc"];

/// What was found at each path. A program is looked at once, and stays for as long as the process
/// lives.
static FOUND: LazyLock<Mutex<HashMap<PathBuf, Result<Outside, String>>>> =
    LazyLock::new(Mutex::default);

impl AvifEncoder {
    /// The program that is to be used; `None` for the encoder that is built in.
    ///
    /// Takes some ten milliseconds for each program that it has not seen before: it is tried out.
    ///
    /// # Errors
    /// The program that the configuration names does not do its work. Then the encoder that is
    /// built in is used.
    pub fn program(&self) -> Result<Option<Outside>, String> {
        match self {
            Self::Builtin => Ok(None),
            Self::Path(path) => tried(path).map(Some),
            Self::Auto => Ok(first_that_works().map(|(_, program)| program)),
        }
    }

    /// The encoder that is used, in words.
    pub fn explain(&self) -> String {
        match self.program() {
            Ok(Some(Outside(program))) => {
                let path = match self {
                    Self::Path(path) => Some(path.clone()),
                    _ => first_that_works().map(|(path, _)| path.to_owned()),
                };
                let path = path.unwrap_or_default();
                let said = format!("`{}`, a program of this host", path.display());
                match program.reads() {
                    true => said,
                    false => format!(
                        "{said}; the encoder built in where it has to be known how a picture looks, as there \
                         is no `aomdec` beside it"
                    ),
                }
            }
            Ok(None) if *self == Self::Builtin => "the encoder built in".to_owned(),
            Ok(None) => "the encoder built in, as no `aomenc` was found".to_owned(),
            Err(why) => format!("the encoder built in: {why}"),
        }
    }
}

fn first_that_works() -> Option<(&'static Path, Outside)> {
    let places = PLACES.iter().map(Path::new).filter(|path| path.is_file());
    let mut working = places.filter_map(|path| Some((path, tried(path).ok()?)));
    working.next()
}

fn tried(path: &Path) -> Result<Outside, String> {
    let mut found = FOUND.lock();
    if let Some(known) = found.get(path) {
        return known.clone();
    }
    let fresh =
        Aom::try_out(path).map_err(|why| format!("`{}` does not work: {why}", path.display()));
    found.insert(path.to_owned(), fresh.clone());
    fresh
}

impl Value for AvifEncoder {
    fn form() -> String {
        "`\"auto\"`, `\"builtin\"`, or a path such as `\"/usr/bin/aomenc\"`".to_owned()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let choice = match node.get_ref() {
            DeValue::String(text) if text == "auto" => Some(Self::Auto),
            DeValue::String(text) if text == "builtin" => Some(Self::Builtin),
            DeValue::String(text) if text.starts_with('/') => {
                Some(Self::Path(PathBuf::from(&**text)))
            }
            _ => None,
        };
        if choice.is_none() {
            report.mismatch(key, node, Self::form());
        }
        choice
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "\"auto\"".to_owned(),
            Self::Builtin => "\"builtin\"".to_owned(),
            Self::Path(path) => format!("\"{}\"", path.display()),
        }
    }
}
