//! Which pictures are meant, and where their results go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use crate::output::CommandError;

/// Endings of the files of a folder that are taken for pictures.
const ENDINGS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// A picture, and where its result goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The picture.
    pub path: PathBuf,
    /// Where the result goes below the folder of results, if its format is that of the source.
    pub place: PathBuf,
    /// Whether another picture has the same name but for its ending.
    has_namesake: bool,
}

impl Source {
    /// Where a result of this ending goes: it replaces the source's own, or follows it where two
    /// results would have one name.
    pub fn place_for(&self, ending: &str) -> PathBuf {
        let own = self.place.extension().and_then(|own| own.to_str());
        if own.is_some_and(|own| same_format(own, ending)) {
            return self.place.clone();
        }
        match own.filter(|_| self.has_namesake) {
            Some(own) => self.place.with_extension(format!("{own}.{ending}")),
            None => self.place.with_extension(ending),
        }
    }
}

fn same_format(one: &str, other: &str) -> bool {
    let plain = |ending: &str| match ending.to_ascii_lowercase().as_str() {
        "jpeg" => "jpg".to_owned(),
        ending => ending.to_owned(),
    };
    plain(one) == plain(other)
}

/// Whether a path is a pattern and no file of that name is there.
pub fn is_pattern(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|text| text.contains(['*', '?', '[']))
        && !path.exists()
}

/// The pictures that are meant, by path, each once.
///
/// # Errors
/// A folder or a pattern has none, a pattern is wrong, something cannot be read, or two pictures
/// would have one result.
pub fn gather(inputs: &[PathBuf]) -> Result<Vec<Source>, CommandError> {
    let mut found = BTreeMap::new();
    for input in inputs {
        if input == Path::new("-") {
            return Err(CommandError::usage(
                "`-` is one picture and cannot be among several",
            ));
        }
        let before = found.len();
        if is_pattern(input) {
            let base = fixed_part(input);
            let is_meant = |path: &Path| path.is_file();
            add(&mut found, &input.to_string_lossy(), &base, is_meant)?;
        } else if input.is_dir() {
            let folder = input.to_string_lossy();
            let all = format!("{}/**/*", Pattern::escape(folder.trim_end_matches('/')));
            add(&mut found, &all, input, is_picture)?;
        } else {
            let name = input.file_name().unwrap_or(input.as_os_str());
            found.insert(input.clone(), PathBuf::from(name));
            continue;
        }
        if found.len() == before {
            let message = format!("no pictures in {}", input.display());
            return Err(CommandError::new(message).hint(format!(
                "files of a folder count by their ending: {}",
                ENDINGS.join(", ")
            )));
        }
    }
    place(&found)
}

/// Adds what matches a pattern, with its path below `base`.
fn add(
    found: &mut BTreeMap<PathBuf, PathBuf>,
    pattern: &str,
    base: &Path,
    is_meant: impl Fn(&Path) -> bool,
) -> Result<(), CommandError> {
    let how = MatchOptions {
        require_literal_leading_dot: true,
        ..MatchOptions::default()
    };
    let paths = glob::glob_with(pattern, how).map_err(|error| {
        CommandError::usage(format_args!("`{pattern}` is no pattern: {}", error.msg))
    })?;
    for path in paths {
        let path = path.map_err(|error| {
            let place = error.path().display().to_string();
            CommandError::because(format_args!("cannot read {place}"), error.error())
        })?;
        if is_meant(&path) {
            let place = path.strip_prefix(base).unwrap_or(&path).to_owned();
            found.entry(path).or_insert(place);
        }
    }
    Ok(())
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_known = |ending: &str| {
        ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    };
    ending.is_some_and(is_known) && path.is_file()
}

/// The folders of a pattern before the first part that stands for many.
fn fixed_part(pattern: &Path) -> PathBuf {
    let is_fixed = |part: &Component<'_>| {
        let text = part.as_os_str().to_string_lossy();
        !text.contains(['*', '?', '['])
    };
    pattern.components().take_while(is_fixed).collect()
}

/// Gives each picture its place; by the names of all.
fn place(found: &BTreeMap<PathBuf, PathBuf>) -> Result<Vec<Source>, CommandError> {
    let mut taken: BTreeMap<&Path, &Path> = BTreeMap::new();
    let (mut stems, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for (path, place) in found {
        if let Some(other) = taken.insert(place, path) {
            return Err(CommandError::usage(format_args!(
                "{} and {} would both be written to {}",
                other.display(),
                path.display(),
                place.display()
            ))
            .hint("give their folder instead of them, or make them one after another"));
        }
        let stem = place.with_extension("");
        if !stems.insert(stem.clone()) {
            shared.insert(stem);
        }
    }
    let sources = found.iter().map(|(path, place)| Source {
        path: path.clone(),
        place: place.clone(),
        has_namesake: shared.contains(&place.with_extension("")),
    });
    Ok(sources.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(place: &str, has_namesake: bool) -> Source {
        Source {
            path: place.into(),
            place: place.into(),
            has_namesake,
        }
    }

    #[test]
    fn a_result_is_named_after_its_source_and_its_format() {
        for (place, namesake, ending, expected) in [
            ("a/b.JPG", false, "jpg", "a/b.JPG"),
            ("b.jpeg", true, "jpg", "b.jpeg"),
            ("b.png", false, "webp", "b.webp"),
            ("b.png", true, "webp", "b.png.webp"),
            ("b", true, "webp", "b.webp"),
        ] {
            let placed = source(place, namesake).place_for(ending);
            assert_eq!(placed, Path::new(expected), "{place} {ending}");
        }
    }

    #[test]
    fn results_lie_as_deep_as_a_pattern_leaves_open() {
        for (pattern, fixed) in [
            ("photos/2026/*.png", "photos/2026"),
            ("/a/**/b.png", "/a"),
            ("*.png", ""),
            ("a/b?/c.png", "a"),
        ] {
            assert_eq!(
                fixed_part(Path::new(pattern)),
                Path::new(fixed),
                "{pattern}"
            );
        }
    }

    #[test]
    fn two_results_never_have_one_name() {
        let pair = |one: &str, other: &str| {
            let entries = [one, other].map(|path| (PathBuf::from(path), "x.jpg".into()));
            place(&BTreeMap::from(entries))
        };
        assert!(pair("a/x.jpg", "b/x.jpg").is_err());
        let entries = ["x.jpg", "x.png"].map(|path| (PathBuf::from(path), path.into()));
        let sources = place(&BTreeMap::from(entries)).expect("different names");
        let webp: Vec<_> = sources.iter().map(|it| it.place_for("webp")).collect();
        assert_eq!(webp, ["x.jpg.webp", "x.png.webp"].map(PathBuf::from));
    }
}
