//! Where things are.

use std::collections::BTreeSet;

use super::Tree;

/// Most entries of the root that a visitor sees; each is explained in the README.
const ROOT_ENTRIES: usize = 15;

/// Every directory of `modules` stands in the list, and the root's README entry explains the rest.
pub fn modules(tree: &Tree) -> Result<Vec<String>, String> {
    let list = tree.text("crates/modules/src/list.rs")?;
    Ok(module_directories(&tree.files)
        .into_iter()
        .filter(|name| !list.contains(&format!("{name}::")))
        .map(|name| format!("module `{name}` is not in crates/modules/src/list.rs"))
        .collect())
}

fn module_directories(files: &[String]) -> BTreeSet<&str> {
    files
        .iter()
        .filter_map(|file| {
            file.strip_prefix("crates/modules/src/")?
                .strip_suffix("/mod.rs")
        })
        .filter(|directory| !directory.contains('/'))
        .collect()
}

/// The root has few entries, and the README names each.
pub fn root_entries(tree: &Tree) -> Result<Vec<String>, String> {
    let readme = tree.text("README.md")?;
    let entries: BTreeSet<&str> = tree
        .files
        .iter()
        .filter_map(|file| file.split('/').next())
        .filter(|entry| !entry.starts_with('.'))
        .collect();
    let mut complaints: Vec<String> = entries
        .iter()
        .filter(|entry| !readme.contains(&format!("`{entry}")))
        .map(|entry| format!("README.md does not explain `{entry}`"))
        .collect();
    if entries.len() > ROOT_ENTRIES {
        complaints.push(format!(
            "the root has {} entries, over {ROOT_ENTRIES}",
            entries.len()
        ));
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::module_directories;

    #[test]
    fn a_module_is_a_directory_of_its_own() {
        let files = [
            "crates/modules/src/images/mod.rs",
            "crates/modules/src/images/parts/mod.rs",
            "crates/modules/src/list.rs",
            "crates/front/src/tls/mod.rs",
        ]
        .map(String::from);
        assert_eq!(
            module_directories(&files).into_iter().collect::<Vec<_>>(),
            ["images"]
        );
    }
}
