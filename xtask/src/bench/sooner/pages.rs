//! The pages: the sample site, and two sites made by others, from their packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gallery::Site;
use testkit::{Origin, Reply};

use crate::bench::ground::Ground;
use crate::shell;

/// The pages by name.
pub const NAMES: [&str; 3] = ["demo", "creative", "material-kit"];

/// A page whose site lies in the ground's folder `www`.
pub struct Page {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its path on the host.
    pub path: &'static str,
}

/// Puts a page's site into the ground's folder.
///
/// # Errors
/// Its package cannot be had, or a file cannot be written.
pub fn make(name: &str, ground: &Ground) -> Result<Page, String> {
    match name {
        "creative" => {
            let package = unpack("startbootstrap-creative@7.0.7", ground)?;
            copy(&package.join("dist"), &ground.path("www"))?;
            Ok(Page {
                name: "creative",
                about: "startbootstrap-creative 7.0.7, one photograph fills the screen",
                path: "/",
            })
        }
        "material-kit" => {
            let package = unpack("material-kit@2.0.4", ground)?;
            copy(&package, &ground.path("www"))?;
            Ok(Page {
                name: "material-kit",
                about: "material-kit 2.0.4, one photograph in view and many below",
                path: "/",
            })
        }
        _ => {
            demo(ground)?;
            Ok(Page {
                name: "demo",
                about: "the sample site, sixteen photographs of 1600 pixels",
                path: "/",
            })
        }
    }
}

fn demo(ground: &Ground) -> Result<(), String> {
    let site = Arc::new(Site::new(1600, 1066, 2026));
    site.warm();
    for path in site.paths() {
        let resource = site
            .get(&path)
            .ok_or("a path of the sample site is empty")?;
        let name = if path == "/" { "/index.html" } else { &path };
        let file = ground.path("www").join(name.trim_start_matches('/'));
        write(&file, &resource.body)?;
    }
    Ok(())
}

/// The folder of a package, fetched by name.
fn unpack(package: &str, ground: &Ground) -> Result<PathBuf, String> {
    let folder = ground.path("package");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut npm = shell::command("npm", &["pack", "--silent", package]);
    npm.current_dir(&folder);
    let tarball = shell::output(npm)?;
    let mut tar = shell::command("tar", &["xzf", tarball.trim()]);
    tar.current_dir(&folder);
    shell::run(tar)?;
    Ok(folder.join("package"))
}

/// Copies a folder; pages lose what they take from other hosts, which is not there.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|error| error.to_string())?;
    for entry in fs::read_dir(from).map_err(|error| error.to_string())? {
        let entry = entry.map_err(|error| error.to_string())?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            let bytes = fs::read(&source).map_err(|error| error.to_string())?;
            match std::str::from_utf8(&bytes) {
                Ok(text) if is_page(&source) => {
                    let page = without_other_hosts(text);
                    write(&target, page.as_bytes())?;
                }
                _ => write(&target, &bytes)?,
            }
        }
    }
    Ok(())
}

fn is_page(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "html")
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(file, bytes).map_err(failed)
}

/// A page less the stylesheets and scripts of other hosts.
fn without_other_hosts(page: &str) -> String {
    let mut kept = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(start) = rest
        .find("<link")
        .into_iter()
        .chain(rest.find("<script"))
        .min()
    {
        let (before, tag) = rest.split_at(start);
        let Some(end) = tag.find('>') else { break };
        let (tag, after) = tag.split_at(end + 1);
        kept.push_str(before);
        let outside = ["=\"http", "=\"//", "='http", "='//"]
            .iter()
            .any(|start| tag.contains(start));
        if !outside {
            kept.push_str(tag);
        }
        rest = match after.split_once("</script>") {
            Some((_, after)) if outside && tag.starts_with("<script") => after,
            _ => after,
        };
    }
    kept.push_str(rest);
    kept
}

/// An origin with all files of the ground's folder `www`.
///
/// # Errors
/// A file cannot be read, or no port can be had.
pub async fn serve(ground: &Ground) -> Result<Origin, String> {
    let origin = Origin::start().await.map_err(|error| error.to_string())?;
    let root = ground.path("www");
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| error.to_string())? {
            let file = entry.map_err(|error| error.to_string())?.path();
            if file.is_dir() {
                folders.push(file);
                continue;
            }
            let bytes = fs::read(&file).map_err(|error| error.to_string())?;
            let reply =
                Reply::ok(media_type(&file), bytes).header("cache-control", "public, max-age=3600");
            let path = file
                .strip_prefix(&root)
                .map_err(|error| error.to_string())?;
            let path = format!("/{}", path.display());
            if let Some(folder) = path.strip_suffix("index.html") {
                origin.reply(folder, reply.clone());
            }
            origin.reply(&format!("{path}?*"), reply);
        }
    }
    Ok(origin)
}

fn media_type(file: &Path) -> &'static str {
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css",
        "js" => "text/javascript",
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "ttf" => "font/ttf",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "json" | "map" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lose_what_other_hosts_have_and_nothing_else() {
        let page = "<head><link href=\"https://a/x.css\" rel=\"stylesheet\"/>\
                    <link href=\"x.css\"><script src='//b/y.js'></script>\
                    <script src=\"y.js\"></script><a href=\"https://c/\">c</a>";
        assert_eq!(
            without_other_hosts(page),
            "<head><link href=\"x.css\"><script src=\"y.js\"></script><a href=\"https://c/\">c</a>"
        );
        assert_eq!(without_other_hosts("a <script"), "a <script");
    }
}
