//! Profiles: their folders, and the removal of those whose process was killed.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;
use std::{fs, io};

use super::ending;

const PREFIX: &str = "firstlight-browser-";

/// The folder of a process's profile of a number.
pub fn folder(process: u32, number: u32) -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}{process}-{number}"))
}

/// Removes the profiles of processes that are gone, once in the life of this one. Their browsers
/// are gone with them.
pub fn remove() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
            return;
        };
        for entry in entries.flatten() {
            if owner(&entry.file_name().to_string_lossy()).is_some_and(is_gone) {
                remove_folder(&entry.path());
            }
        }
    });
}

/// How long the last processes of a browser that was ended may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Removes a profile. Where the last processes of its browser still write into it they are waited
/// for; what is left then goes when another process starts a browser.
pub fn remove_folder(folder: &Path) {
    let name = folder.to_string_lossy();
    for _ in 0..3 {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                ending::wait_for_all(LIMIT, |process| ending::is_told(process, &name));
            }
            _ => return,
        }
    }
}

/// The process whose profile has this name.
fn owner(name: &str) -> Option<u32> {
    let (process, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    number.parse::<u32>().ok()?;
    process.parse().ok()
}

fn is_gone(process: u32) -> bool {
    !ending::exists(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_tells_whose_it_is() {
        let name = folder(123, 4);
        let name = name.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(owner(name), Some(123));
        for other in [
            "firstlight-order-1",
            "firstlight-browser-x-1",
            "firstlight-browser-1",
        ] {
            assert_eq!(owner(other), None, "{other}");
        }
        assert!(!is_gone(std::process::id()));
        // Beyond the largest number a process can have.
        assert!(is_gone(u32::MAX));
    }
}
