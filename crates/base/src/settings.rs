//! Settings: one declaration per setting feeds the parser, the checks and the reference page.
//!
//! A room declares its settings with [`settings!`](crate::settings!): name, type, default and
//! documentation in one place. Reading a file collects **all** problems, each with its line, the
//! value given and the form expected.

mod declare;
mod report;
#[cfg(test)]
mod tests;
mod values;

pub use report::{Problem, Report, read, read_and_check};
pub use toml::Spanned;
pub use toml::de::{DeTable, DeValue};
pub use values::Secret;

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
