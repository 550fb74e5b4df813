//! Checks of the tree that no compiler makes. Each returns its complaints, one sentence each.

mod layout;
mod licences;
mod map;
mod text;

use std::path::PathBuf;

use crate::shell::{self, Outcome, cargo, root};

/// What the checks look at.
struct Tree {
    /// Paths of every file under version control, from the root, with `/`.
    files: Vec<String>,
    /// What `cargo metadata` says of the workspace and everything it is built from.
    metadata: serde_json::Value,
}

impl Tree {
    fn read() -> Result<Self, String> {
        let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
        let files = shell::output(shell::command("git", &arguments))?;
        let metadata = shell::output(cargo(&[
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            &host()?,
        ]))?;
        let metadata = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
        let here = |path: &&str| root().join(path).is_file();
        Ok(Self {
            files: files.lines().filter(here).map(str::to_owned).collect(),
            metadata,
        })
    }

    fn path(&self, file: &str) -> PathBuf {
        root().join(file)
    }

    fn text(&self, file: &str) -> Result<String, String> {
        std::fs::read_to_string(self.path(file)).map_err(|error| format!("{file}: {error}"))
    }
}

/// The platform of this machine: packages of others need not be fetched for a look.
fn host() -> Result<String, String> {
    let version = shell::output(shell::command("rustc", &["-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".into())
}

type Check = fn(&Tree) -> Result<Vec<String>, String>;

const CHECKS: [(&str, Check); 7] = [
    ("the map of ARCHITECTURE.md is the workspace", map::drawing),
    ("arrows only go down", map::arrows),
    ("libraries stay in their rooms", map::libraries),
    ("every module is in the list", layout::modules),
    ("the root is small", layout::root_entries),
    ("files read well", text::files),
    ("licences are permissive", licences::check),
];

/// Runs every check.
///
/// # Errors
/// How many complaints there were; they are printed.
pub fn run() -> Outcome {
    let tree = Tree::read()?;
    let mut count = 0;
    for (name, check) in CHECKS {
        let complaints = check(&tree)?;
        println!(
            "{:<8}{name}",
            if complaints.is_empty() { "ok" } else { "WRONG" }
        );
        for complaint in &complaints {
            println!("        {complaint}");
        }
        count += complaints.len();
    }
    match count {
        0 => Ok(()),
        1 => Err("the tree is untidy in one place".into()),
        _ => Err(format!("the tree is untidy in {count} places")),
    }
}
