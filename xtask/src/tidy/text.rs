//! How files read.

use super::Tree;

/// Most lines of a source file; a longer one says why in its first lines, with the word below.
const LONGEST: usize = 800;
const EXCUSE: &str = "This file is long";

/// Source, pages and configuration: no work notes, no paths of one machine, no endless files.
pub fn files(tree: &Tree) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for file in &tree.files {
        let readable = [".rs", ".md", ".toml", ".sh"]
            .iter()
            .any(|end| file.ends_with(end));
        if readable || file == ".ci/run" {
            complaints.extend(complaints_about(file, &tree.text(file)?));
        }
    }
    Ok(complaints)
}

fn complaints_about(file: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let at = format!("{file}:{}", place + 1);
        if let Some(note) = notes().iter().find(|note| has_word(line, note)) {
            complaints.push(format!("{at}: a `{note}` belongs in the tracker"));
        }
        if let Some(path) = machine_paths()
            .iter()
            .find(|path| line.contains(path.as_str()))
        {
            complaints.push(format!("{at}: `{path}` is a path of one machine"));
        }
        if line.ends_with([' ', '\t', '\r']) {
            complaints.push(format!("{at}: white space at the end of the line"));
        }
    }
    let excused = text.lines().take(20).any(|line| line.contains(EXCUSE));
    let lines = text.lines().count();
    if file.ends_with(".rs") && lines > LONGEST && !excused {
        complaints.push(format!(
            "{file} has {lines} lines, over {LONGEST}, and does not say why"
        ));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complaints.push(format!("{file} does not end with a line break"));
    }
    complaints
}

// Both lists are put together here so that this file does not complain about itself.
fn notes() -> [String; 3] {
    [("TO", "DO"), ("FIX", "ME"), ("XX", "X")].map(|(start, end)| format!("{start}{end}"))
}

fn machine_paths() -> [String; 4] {
    ["home", "root", "Users", "work"].map(|name| format!("/{name}/"))
}

fn has_word(line: &str, word: &str) -> bool {
    let letter = |side: Option<char>| side.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !letter(before) && !letter(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untidy_lines_are_found() {
        let text = format!(
            "let a = 1; // {}: later\nlet b = \"{}me\";\n",
            notes()[0],
            machine_paths()[0]
        );
        let found = complaints_about("a.rs", &text);
        assert!(
            found[0].starts_with("a.rs:1: a `") && found[1].starts_with("a.rs:2: `"),
            "{found:?}"
        );
        assert_eq!(
            complaints_about("a.rs", "clean \n"),
            ["a.rs:1: white space at the end of the line"]
        );
        assert_eq!(
            complaints_about("a.rs", "cut"),
            ["a.rs does not end with a line break"]
        );
    }

    #[test]
    fn a_word_inside_a_word_is_no_note() {
        assert!(complaints_about("a.rs", "const HEXXXY: u8 = 0;\n").is_empty());
    }

    #[test]
    fn a_long_file_needs_an_excuse() {
        let long = "//\n".repeat(LONGEST + 1);
        assert_eq!(complaints_about("a.rs", &long).len(), 1);
        let excused = format!("//! {EXCUSE}: it is one table.\n{long}");
        assert!(complaints_about("a.rs", &excused).is_empty());
        assert!(complaints_about("a.md", &long).is_empty());
    }
}
