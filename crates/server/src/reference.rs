//! The reference page, made from the declarations of the settings.

use std::fmt::Write;

use base::settings::{Setting, Settings};

use crate::Config;

const HEAD: &str = "\
# Configuration

One TOML file, given with `--config`. `firstlight check --config FILE` says everything that is
wrong with it, with lines. Unknown keys are errors. What is not given has the default shown here.

This page is made from the code by `cargo xtask docs`.
";

/// The page `docs/configuration.md`: every setting with its form, default and meaning.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let (plain, tables): (Vec<_>, Vec<_>) = Config::describe()
        .into_iter()
        .partition(|setting| setting.inner.is_empty());
    page.push_str("\n## At the top of the file\n\n");
    write_table(&mut page, &plain);
    for setting in &tables {
        write_section(&mut page, "", setting);
    }
    page
}

/// One table of the file: its own settings first, then the tables inside it.
fn write_section(page: &mut String, place: &str, setting: &Setting) {
    let name = base::settings::join(place, setting.name);
    let heading = if is_list(setting) {
        format!("[[{name}]]")
    } else {
        format!("[{name}]")
    };
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## `{heading}`\n\n{}\n", cell(setting.doc));
    let (tables, plain): (Vec<_>, Vec<_>) = setting
        .inner
        .iter()
        .cloned()
        .partition(|inner| !inner.inner.is_empty());
    if !plain.is_empty() {
        page.push('\n');
        write_table(page, &plain);
    }
    for inner in &tables {
        write_section(page, &name, inner);
    }
}

fn write_table(page: &mut String, settings: &[Setting]) {
    page.push_str("| key | default | value | meaning |\n|---|---|---|---|\n");
    for Setting {
        name,
        doc,
        form,
        default,
        ..
    } in settings
    {
        let default = if default.is_empty() {
            "none".into()
        } else {
            format!("`{default}`")
        };
        let (form, doc) = (cell(form), cell(doc));
        let _ = writeln!(page, "| `{name}` | {default} | {form} | {doc} |");
    }
}

fn is_list(setting: &Setting) -> bool {
    setting.form.starts_with("a list")
}

/// A text for a cell of a Markdown table.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(place: &str, settings: &[Setting], visit: &mut impl FnMut(&str, &Setting)) {
        for setting in settings {
            let name = base::settings::join(place, setting.name);
            visit(&name, setting);
            walk(&name, &setting.inner, visit);
        }
    }

    #[test]
    fn every_setting_is_on_the_page_and_documented() {
        let page = reference();
        let mut count = 0;
        walk("", &Config::describe(), &mut |name, setting| {
            count += 1;
            assert!(!setting.doc.is_empty(), "`{name}` has no documentation");
            let shown = page.contains(&format!("| `{}` |", setting.name))
                || page.contains(&format!("`[{name}]`"))
                || page.contains(&format!("`[[{name}]]`"));
            assert!(shown, "`{name}` is not on the page");
        });
        assert!(count > 20, "{count}");
    }

    #[test]
    fn a_default_can_be_read_back() {
        walk("", &Config::describe(), &mut |name, setting| {
            if setting.default.is_empty() || !setting.inner.is_empty() || name.starts_with("site") {
                return;
            }
            let (tables, key) = name.rsplit_once('.').unwrap_or(("", name));
            if tables == "front.certificate" {
                return;
            }
            let header = if tables.is_empty() {
                String::new()
            } else {
                format!("[{tables}]\n")
            };
            let source = format!("{header}{key} = {}\n", setting.default);
            let read = base::settings::read::<Config>("default.toml", &source);
            assert!(
                read.is_ok(),
                "{name}: {}",
                read.err().map(|e| e.to_string()).unwrap_or_default()
            );
        });
    }
}
