//! What is wrong with a configuration, all of it at once.

use std::collections::HashMap;
use std::fmt;

use super::{DeTable, DeValue, Settings, Spanned, join};

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

    pub(super) fn visit<T>(&mut self, key: &str, node: &Spanned<T>) {
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

    /// Reports a value of another form than the one expected, as it was written.
    pub fn mismatch(&mut self, key: &str, node: &Spanned<DeValue<'_>>, expected: String) {
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
