//! What Firstlight is built from may be used by anyone: the allow-list of `deny.toml`, checked
//! also where `cargo deny` is not installed.

use serde_json::Value;

use super::Tree;

/// Every package that is built into the workspace has a licence on the list.
pub fn check(tree: &Tree) -> Result<Vec<String>, String> {
    let allowed = allow_list(&tree.text("deny.toml")?);
    let packages = tree.metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    Ok(packages
        .iter()
        .filter_map(|package| complaint(package, &allowed))
        .collect())
}

fn complaint(package: &Value, allowed: &[String]) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let licence = package["license"].as_str().unwrap_or_default();
    let fine = Expression::new(licence).weigh(allowed);
    (!fine).then(|| format!("`{name}` has the licence `{licence}`, which deny.toml does not allow"))
}

/// The strings between `allow = [` and `]`.
fn allow_list(deny: &str) -> Vec<String> {
    let list = deny.split_once("allow = [").map_or("", |(_, rest)| rest);
    let list = list.split(']').next().unwrap_or_default();
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// An SPDX licence expression (SPDX 2.3 annex D), with the old `A/B` for `A OR B`.
struct Expression<'a> {
    words: Vec<&'a str>,
    place: usize,
}

impl<'a> Expression<'a> {
    fn new(text: &'a str) -> Self {
        let mut words = Vec::new();
        for word in text.split_inclusive(['(', ')', '/', ' ']) {
            let name = word.trim_end_matches(['(', ')', '/', ' ']);
            words.extend((!name.is_empty()).then_some(name));
            words.extend(
                ["(", ")", "/"]
                    .into_iter()
                    .find(|mark| word.ends_with(mark)),
            );
        }
        Self { words, place: 0 }
    }

    fn weigh(mut self, allowed: &[String]) -> bool {
        let satisfied = self.any(allowed);
        satisfied && self.place == self.words.len()
    }

    fn any(&mut self, allowed: &[String]) -> bool {
        let mut satisfied = self.all(allowed);
        while self.take("OR") || self.take("/") {
            satisfied |= self.all(allowed);
        }
        satisfied
    }

    fn all(&mut self, allowed: &[String]) -> bool {
        let mut satisfied = self.one(allowed);
        while self.take("AND") {
            satisfied &= self.one(allowed);
        }
        satisfied
    }

    fn one(&mut self, allowed: &[String]) -> bool {
        if self.take("(") {
            let satisfied = self.any(allowed);
            return self.take(")") && satisfied;
        }
        let name = self.next();
        let name = if self.take("WITH") {
            format!("{name} WITH {}", self.next())
        } else {
            name
        };
        allowed.contains(&name)
    }

    fn next(&mut self) -> String {
        let word = self.words.get(self.place).copied().unwrap_or_default();
        self.place += 1;
        word.to_owned()
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.words.get(self.place) == Some(&word);
        self.place += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions_are_weighed() {
        let allowed =
            ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(String::from);
        for fine in [
            "MIT",
            "MIT OR GPL-3.0",
            "GPL-2.0/MIT",
            "ISC AND (Apache-2.0 OR OpenSSL)",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "(MIT OR GPL-2.0) AND ISC",
        ] {
            assert!(Expression::new(fine).weigh(&allowed), "{fine}");
        }
        for wrong in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "ISC AND (MPL-2.0 OR OpenSSL)",
            "MIT WITH a-twist",
            "MIT ISC",
            "(MIT",
        ] {
            assert!(!Expression::new(wrong).weigh(&allowed), "{wrong}");
        }
    }

    #[test]
    fn the_allow_list_is_read() {
        assert_eq!(
            allow_list("[licenses]\nallow = [\n  \"MIT\",\n \"ISC\",\n]\nx = [\"no\"]"),
            ["MIT", "ISC"]
        );
    }
}
