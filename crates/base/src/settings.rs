//! Settings: one declaration per setting feeds the parser, the checks and the reference page.
//!
//! A room declares its settings with [`settings!`](crate::settings!): name, type, default and
//! documentation in one place. Reading a file collects **all** problems, each with its line, the
//! value given and the form expected.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use toml::Spanned;
pub use toml::de::{DeTable, DeValue};

use crate::units::{ByteSize, Quality, parse_duration, show_duration};

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line in the file, counted from 1; 0 where the problem has no place.
    pub line: usize,
    /// Dotted path of the key, `site[0].origin`.
    pub key: String,
    /// The value found, as written.
    pub given: String,
    /// The form that would have been accepted.
    pub expected: String,
    /// What may help.
    pub hint: Option<String>,
}

/// Everything wrong with one configuration file.
#[derive(Debug)]
pub struct Report {
    file: String,
    source: String,
    lines: HashMap<String, usize>,
    problems: Vec<Problem>,
}

impl Report {
    /// An empty report about `source`, called `file` in messages.
    pub fn new(file: impl Into<String>, source: impl Into<String>) -> Self {
        let (file, source) = (file.into(), source.into());
        Self {
            file,
            source,
            lines: HashMap::new(),
            problems: Vec::new(),
        }
    }

    /// The problems found, in the order of the file.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        problems.sort_by_key(|problem| problem.line);
        problems
    }

    /// Whether nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Reports a value that was read but makes no sense; the line is that of `key`, or of the
    /// nearest table around it. A key that has a problem already gets no second one.
    pub fn reject(&mut self, key: &str, given: impl Into<String>, expected: impl Into<String>) {
        if self.problems.iter().any(|problem| problem.key == key) {
            return;
        }
        let line = self.line_of(key);
        let (given, expected) = (given.into(), expected.into());
        self.problems.push(Problem {
            line,
            key: key.into(),
            given,
            expected,
            hint: None,
        });
    }

    fn line_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return *line;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 0,
            }
        }
    }

    fn visit<T>(&mut self, key: &str, node: &Spanned<T>) {
        let line = self.line_at(node.span().start);
        self.lines.insert(key.into(), line);
    }

    fn line_at(&self, offset: usize) -> usize {
        let before = self
            .source
            .as_bytes()
            .get(..offset)
            .unwrap_or(self.source.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn mismatch(&mut self, key: &str, node: &Spanned<DeValue<'_>>, expected: String) {
        let given = self
            .source
            .get(node.span())
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
        let given = given.to_owned();
        self.reject(key, given, expected);
    }

    /// Reports the keys of `table` that are not among `known`, each with the nearest known one.
    pub fn reject_unknown(&mut self, table: &DeTable<'_>, place: &str, known: &[&str]) {
        for (name, _) in table {
            let name_text: &str = name.get_ref();
            if known.contains(&name_text) {
                continue;
            }
            let key = join(place, name_text);
            let line = self.line_at(name.span().start);
            let nearest = known
                .iter()
                .map(|candidate| (strsim::damerau_levenshtein(name_text, candidate), candidate))
                .filter(|(distance, _)| *distance <= 3)
                .min();
            self.problems.push(Problem {
                line,
                key,
                given: name_text.to_owned(),
                expected: format!("one of {}", known.join(", ")),
                hint: nearest.map(|(_, candidate)| format!("did you mean `{candidate}`?")),
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.problems() {
            let Problem {
                line,
                key,
                given,
                expected,
                hint,
            } = problem;
            f.write_str(&self.file)?;
            if line != 0 {
                write!(f, ":{line}")?;
            }
            write!(f, ": `{key}`: ")?;
            if !given.is_empty() {
                write!(f, "found `{given}`, ")?;
            }
            writeln!(f, "expected {expected}")?;
            if let Some(hint) = hint {
                writeln!(f, "  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

/// Reads a whole TOML file into settings.
///
/// # Errors
/// The report with every problem: syntax, unknown keys, wrong values.
pub fn read<S: Settings>(file: &str, source: &str) -> Result<(S, Report), Report> {
    read_and_check(file, source, |_, _| {})
}

/// [`read`], with a check of the whole at the end, whose problems are reported with all others.
/// The check is left out where the syntax is wrong: half a file says little.
///
/// # Errors
/// As for [`read`].
pub fn read_and_check<S: Settings>(
    file: &str,
    source: &str,
    check: impl FnOnce(&S, &mut Report),
) -> Result<(S, Report), Report> {
    let mut report = Report::new(file, source);
    let (document, errors) = DeTable::parse_recoverable(source);
    for error in errors {
        let line = error.span().map_or(0, |span| report.line_at(span.start));
        let given = source
            .lines()
            .nth(line.saturating_sub(1))
            .unwrap_or_default()
            .trim()
            .to_owned();
        let expected = format!("valid TOML ({})", error.message());
        report.problems.push(Problem {
            line,
            key: "syntax".into(),
            given,
            expected,
            hint: None,
        });
    }
    let well_formed = report.is_clean();
    let settings = S::decode(document.get_ref(), "", &mut report);
    if well_formed {
        check(&settings, &mut report);
    }
    if report.is_clean() {
        Ok((settings, report))
    } else {
        Err(report)
    }
}

/// What the reference page says of one setting.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// The documentation, Markdown.
    pub doc: &'static str,
    /// The form of its value, in words.
    pub form: String,
    /// The default as it would be written in TOML; empty where there is none.
    pub default: String,
    /// The settings inside, where the value is a table or a list of tables.
    pub inner: Vec<Setting>,
}

/// A group of settings: a table of the configuration file.
pub trait Settings: Sized + Default {
    /// Every setting of the group, in order of declaration.
    fn describe() -> Vec<Setting>;

    /// Reads the table; problems go to the report, and what was wrong keeps its default.
    fn decode(table: &DeTable<'_>, place: &str, report: &mut Report) -> Self;
}

/// A type that can be the value of a setting.
pub trait Value: Sized {
    /// The form of the value in words, to end the sentence "expected …".
    fn form() -> String;

    /// Reads the value; a problem goes to the report and gives `None`.
    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self>;

    /// The value as TOML; empty where it stands for "not set".
    fn show(&self) -> String;

    /// The settings inside, where the value is a table.
    fn inner() -> Vec<Setting> {
        Vec::new()
    }
}

/// Joins a path and a key with a dot.
pub fn join(place: &str, key: &str) -> String {
    if place.is_empty() {
        key.to_owned()
    } else {
        format!("{place}.{key}")
    }
}

/// Reads a value, noting its line for later checks.
#[doc(hidden)]
pub fn decode_field<T: Value>(
    table: &DeTable<'_>,
    name: &str,
    place: &str,
    report: &mut Report,
) -> Option<T> {
    let (_, node) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    let key = join(place, name);
    report.visit(&key, node);
    T::decode(node, &key, report)
}

/// Reads a value that is written as a TOML string.
pub fn decode_text<T>(
    node: &Spanned<DeValue<'_>>,
    key: &str,
    report: &mut Report,
    form: String,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = node.get_ref().as_str().and_then(parse);
    if value.is_none() {
        report.mismatch(key, node, form);
    }
    value
}

/// Declares a group of settings: a struct with documentation and defaults, its [`Default`], and
/// how it is read, checked and described.
///
/// ```ignore
/// base::settings! {
///     /// How pictures are made.
///     pub struct ImagesSettings {
///         /// Largest source, in pixels.
///         max_pixels: u64 = 100_000_000,
///     }
/// }
/// ```
#[macro_export]
macro_rules! settings {
    ($(#[doc = $about:literal])+ $vis:vis struct $name:ident {
        $( $(#[doc = $doc:literal])+ $field:ident : $type:ty = $default:expr ),* $(,)?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $vis struct $name { $( $(#[doc = $doc])+ pub $field: $type, )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::settings::Settings for $name {
            fn describe() -> Vec<$crate::settings::Setting> {
                let default = Self::default();
                vec![ $( $crate::settings::Setting {
                    name: stringify!($field),
                    doc: concat!($($doc, "\n"),+).trim(),
                    form: <$type as $crate::settings::Value>::form(),
                    default: $crate::settings::Value::show(&default.$field),
                    inner: <$type as $crate::settings::Value>::inner(),
                } ),* ]
            }

            fn decode(
                table: &$crate::settings::DeTable<'_>,
                place: &str,
                report: &mut $crate::settings::Report,
            ) -> Self {
                let mut settings = Self::default();
                $( if let Some(value) =
                    $crate::settings::decode_field(table, stringify!($field), place, report)
                {
                    settings.$field = value;
                } )*
                report.reject_unknown(table, place, &[$(stringify!($field)),*]);
                settings
            }
        }

        impl $crate::settings::Value for $name {
            fn form() -> String {
                "a table".into()
            }

            fn decode(
                node: &$crate::settings::Spanned<$crate::settings::DeValue<'_>>,
                key: &str,
                report: &mut $crate::settings::Report,
            ) -> Option<Self> {
                $crate::settings::decode_table(node, key, report)
            }

            fn show(&self) -> String {
                String::new()
            }

            fn inner() -> Vec<$crate::settings::Setting> {
                <Self as $crate::settings::Settings>::describe()
            }
        }
    };
}

/// Reads a nested table.
#[doc(hidden)]
pub fn decode_table<S: Settings>(
    node: &Spanned<DeValue<'_>>,
    key: &str,
    report: &mut Report,
) -> Option<S> {
    match node.get_ref() {
        DeValue::Table(table) => Some(S::decode(table, key, report)),
        _ => {
            report.mismatch(key, node, "a table".into());
            None
        }
    }
}

/// Declares a closed set of words as the value of a setting.
///
/// ```ignore
/// base::choices! {
///     /// What matters more.
///     pub enum Prefer {
///         /// Early pictures.
///         Preview = "preview",
///         /// Few bytes.
///         Bytes = "bytes",
///     }
/// }
/// ```
#[macro_export]
macro_rules! choices {
    ($(#[doc = $about:literal])+ $vis:vis enum $name:ident {
        $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)?
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $( $(#[doc = $doc])+ $variant ),+ }

        impl $name {
            /// Every choice with its word.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),+];

            /// The word for this choice.
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }

            /// The choice for a word, if it is one.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice)
            }
        }

        impl $crate::settings::Value for $name {
            fn form() -> String {
                let words: Vec<String> =
                    Self::ALL.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
                format!("one of {}", words.join(", "))
            }

            fn decode(
                node: &$crate::settings::Spanned<$crate::settings::DeValue<'_>>,
                key: &str,
                report: &mut $crate::settings::Report,
            ) -> Option<Self> {
                $crate::settings::decode_text(node, key, report, Self::form(), Self::parse)
            }

            fn show(&self) -> String {
                format!("\"{}\"", self.word())
            }
        }
    };
}

macro_rules! text_values {
    ($( $type:ty: $form:literal, $parse:expr, $show:expr; )+) => { $(
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }

            fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
                decode_text(node, key, report, Self::form(), $parse)
            }

            fn show(&self) -> String {
                let show: fn(&$type) -> String = $show;
                format!("\"{}\"", show(self))
            }
        }
    )+ };
}

text_values! {
    String: "a string", |text| Some(text.to_owned()), String::clone;
    PathBuf: "a path in quotes", |text| (!text.is_empty()).then(|| text.into()),
        |path| path.display().to_string();
    Duration: "a duration such as `\"250ms\"`, `\"5s\"` or `\"1h\"`", parse_duration,
        |duration| show_duration(*duration);
    SocketAddr: "an address and port such as `\"127.0.0.1:8443\"` or `\"[::]:443\"`",
        |text| text.parse().ok(), ToString::to_string;
    IpAddr: "an IP address such as `\"192.0.2.1\"`", |text| text.parse().ok(), ToString::to_string;
    http::HeaderName: "the name of a header", |text| text.parse().ok(), ToString::to_string;
}

impl Value for ByteSize {
    fn form() -> String {
        "a size such as `\"64 MiB\"` or a number of bytes".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let size = match node.get_ref() {
            DeValue::String(text) => text.parse().ok(),
            DeValue::Integer(number) => integer(number).and_then(|n| n.try_into().ok()).map(Self),
            _ => None,
        };
        if size.is_none() {
            report.mismatch(key, node, Self::form());
        }
        size
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

fn integer(number: &toml::de::DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

macro_rules! integer_values {
    ($( $type:ty, $form:expr, $from:expr, $to:expr; )+) => { $(
        impl Value for $type {
            fn form() -> String {
                $form.into()
            }

            fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
                let from: fn(i128) -> Option<$type> = $from;
                let value = match node.get_ref() {
                    DeValue::Integer(number) => integer(number).and_then(from),
                    _ => None,
                };
                if value.is_none() {
                    report.mismatch(key, node, Self::form());
                }
                value
            }

            fn show(&self) -> String {
                let to: fn(&$type) -> String = $to;
                to(self)
            }
        }
    )+ };
}

integer_values! {
    u16, "a whole number from 0 to 65535", |n| n.try_into().ok(), ToString::to_string;
    u32, "a whole number from 0 to 4294967295", |n| n.try_into().ok(), ToString::to_string;
    u64, "a whole number, 0 or more", |n| n.try_into().ok(), ToString::to_string;
    usize, "a whole number, 0 or more", |n| n.try_into().ok(), ToString::to_string;
    Quality, "a whole number from 1 to 100",
        |n| u8::try_from(n).ok().filter(|n| (1..=100).contains(n)).map(Quality::new),
        ToString::to_string;
}

impl Value for bool {
    fn form() -> String {
        "`true` or `false`".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let value = node.get_ref().as_bool();
        if value.is_none() {
            report.mismatch(key, node, Self::form());
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for f64 {
    fn form() -> String {
        "a number".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let value = match node.get_ref() {
            DeValue::Float(number) => number.as_str().replace('_', "").parse().ok(),
            DeValue::Integer(number) => integer(number).map(|n| n as f64),
            _ => None,
        };
        let value = value.filter(|number: &f64| number.is_finite());
        if value.is_none() {
            report.mismatch(key, node, Self::form());
        }
        value
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    fn form() -> String {
        T::form()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        T::decode(node, key, report).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn inner() -> Vec<Setting> {
        T::inner()
    }
}

impl<T: Value> Value for Vec<T> {
    fn form() -> String {
        format!("a list, each entry {}", T::form())
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let DeValue::Array(entries) = node.get_ref() else {
            report.mismatch(key, node, Self::form());
            return None;
        };
        let mut values = Vec::with_capacity(entries.len());
        for (place, entry) in entries.iter().enumerate() {
            let key = format!("{key}[{place}]");
            report.visit(&key, entry);
            values.extend(T::decode(entry, &key, report));
        }
        Some(values)
    }

    fn show(&self) -> String {
        let entries: Vec<String> = self.iter().map(T::show).collect();
        format!("[{}]", entries.join(", "))
    }

    fn inner() -> Vec<Setting> {
        T::inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// A direction.
        pub enum Direction {
            /// Towards the top.
            Up = "up",
            /// Towards the bottom.
            Down = "down",
        }
    }

    settings! {
        /// One floor.
        pub struct Floor {
            /// Its name.
            name: String = "ground".into(),
            /// Where it leads.
            direction: Direction = Direction::Up,
        }
    }

    settings! {
        /// A house.
        pub struct House {
            /// Rooms in all.
            rooms: u16 = 4,
            /// Size of the cellar.
            cellar: ByteSize = ByteSize::mib(1),
            /// How long the door stays open.
            door: Duration = Duration::from_secs(5),
            /// A number that need not be given.
            number: Option<u32> = None,
            /// The floors.
            floor: Vec<Floor> = vec![],
        }
    }

    #[test]
    fn a_good_file_is_read() {
        let source = "rooms = 0x10\ncellar = '2 GiB'\ndoor = '1h'\n[[floor]]\ndirection = 'down'\n";
        let (house, _) = read::<House>("house.toml", source).unwrap();
        assert_eq!(
            (house.rooms, house.cellar, house.number),
            (16, ByteSize::mib(2048), None)
        );
        assert_eq!(house.door, Duration::from_secs(3600));
        assert_eq!(house.floor[0].direction, Direction::Down);
        assert_eq!(house.floor[0].name, "ground");
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let source =
            "rooms = 'four'\ncelar = 3\ndoor = 5\n\n[[floor]]\ndirection = 'left'\nroof = 1\n";
        let report = read::<House>("house.toml", source).unwrap_err();
        let found: Vec<_> = report
            .problems()
            .into_iter()
            .map(|problem| (problem.line, problem.key))
            .collect();
        let expected = [
            (1, "rooms"),
            (2, "celar"),
            (3, "door"),
            (6, "floor[0].direction"),
            (7, "floor[0].roof"),
        ];
        assert_eq!(found, expected.map(|(line, key)| (line, key.to_owned())));
        let text = report.to_string();
        assert!(text.contains("house.toml:2: `celar`"), "{text}");
        assert!(text.contains("hint: did you mean `cellar`?"), "{text}");
        assert!(
            text.contains("found `'left'`, expected one of `\"up\"`, `\"down\"`"),
            "{text}"
        );
    }

    #[test]
    fn a_syntax_error_has_its_line_and_does_not_hide_others() {
        let report = read::<House>("house.toml", "rooms = 3\ndoor = = 4\ncelar = 1\n").unwrap_err();
        let lines: Vec<_> = report
            .problems()
            .iter()
            .map(|problem| problem.line)
            .collect();
        assert!(lines.contains(&2) && lines.contains(&3), "{report}");
    }

    #[test]
    fn a_check_after_reading_finds_the_line_of_its_key() {
        let (_, mut report) = read::<House>("house.toml", "\n\nrooms = 3\n").unwrap();
        report.reject("rooms", "3", "an even number");
        assert_eq!(report.problems()[0].line, 3);
    }

    #[test]
    fn a_check_of_the_whole_runs_beside_other_problems_but_not_after_a_syntax_error() {
        let check = |house: &House, report: &mut Report| {
            report.reject("door", "", "another");
            report.reject("rooms", house.rooms.to_string(), "an even number");
        };
        let keys = |source: &str| -> Vec<String> {
            let report = read_and_check::<House>("house.toml", source, check).unwrap_err();
            report
                .problems()
                .into_iter()
                .map(|problem| problem.key)
                .collect()
        };
        assert_eq!(keys("door = 5\nrooms = 3\n"), ["door", "rooms"]);
        assert_eq!(keys("rooms = = 3\n"), ["syntax"; 2]);
    }

    #[test]
    fn a_problem_with_no_place_and_no_value_is_told_without_them() {
        let mut report = Report::new("house.toml", "");
        report.reject("floor", "", "at least one floor");
        assert_eq!(
            report.to_string(),
            "house.toml: `floor`: expected at least one floor\n"
        );
    }

    #[test]
    fn settings_describe_themselves() {
        let described = House::describe();
        assert_eq!(described[1].name, "cellar");
        assert_eq!(described[1].default, "\"1 MiB\"");
        assert_eq!(described[1].doc, "Size of the cellar.");
        assert_eq!(described[4].inner[1].default, "\"up\"");
    }
}
