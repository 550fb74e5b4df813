//! Rooms: drawn as they are, arrows only down, libraries where they belong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Tree;

/// Every room with the rooms it may name. Services name no service but those below them, users of
/// the contract name no other user; all meet in `server`.
const ROOMS: [(&str, &[&str]); 20] = [
    ("base", &[]),
    ("delivery", &["base"]),
    ("jpeg", &["base"]),
    ("avif", &[]),
    ("sandbox", &["avif"]),
    ("image", &["avif", "base", "delivery", "jpeg"]),
    ("host", &["avif", "base"]),
    ("cache", &["base"]),
    ("workshop", &["base"]),
    ("kv", &["base"]),
    ("origin", &["base"]),
    ("gallery", &["base", "image", "jpeg"]),
    ("lab", &["base", "jpeg"]),
    ("pipeline", &["base", "delivery"]),
    (
        "modules",
        &[
            "base", "cache", "delivery", "host", "image", "kv", "origin", "pipeline", "workshop",
        ],
    ),
    ("front", &["base", "delivery", "pipeline"]),
    (
        "server",
        &[
            "avif", "base", "cache", "delivery", "front", "image", "kv", "modules", "origin",
            "pipeline", "sandbox", "workshop",
        ],
    ),
    (
        "firstlight",
        &[
            "base", "delivery", "gallery", "host", "image", "jpeg", "lab", "pipeline", "server",
        ],
    ),
    (
        "testkit",
        &["base", "delivery", "gallery", "image", "jpeg", "lab"],
    ),
    ("xtask", &["*"]),
];

/// Libraries that only some rooms may name, with what they stand for.
const LIBRARIES: [(&str, &str, &[&str]); 29] = [
    (
        "rustls",
        "TLS",
        &["front", "kv", "origin", "lab", "testkit"],
    ),
    ("tokio-rustls", "TLS", &["front", "kv", "origin", "testkit"]),
    ("rcgen", "certificates", &["front", "testkit"]),
    ("webpki-roots", "certificates", &["kv", "origin"]),
    ("rustls-native-certs", "certificates", &["kv", "origin"]),
    ("h2", "HTTP/2", &["front", "testkit"]),
    ("quinn", "QUIC", &["front", "testkit"]),
    ("quinn-proto", "QUIC", &["front"]),
    (
        "hyper",
        "HTTP/1.1",
        &["front", "gallery", "kv", "origin", "testkit"],
    ),
    (
        "hyper-util",
        "HTTP/1.1",
        &["front", "gallery", "kv", "origin", "testkit"],
    ),
    ("zune-jpeg", "codecs", &["image", "jpeg", "lab"]),
    ("rav1e", "codecs", &["avif"]),
    ("rav1d", "codecs", &["sandbox"]),
    ("jxl", "codecs", &["image"]),
    ("png", "codecs", &["gallery", "image"]),
    ("gif", "codecs", &["image"]),
    ("image-webp", "codecs", &["image"]),
    ("libwebp-sys", "codecs", &["image"]),
    ("brotli", "compression", &["modules"]),
    ("flate2", "compression", &["modules"]),
    ("libdeflater", "compression", &["modules"]),
    ("zstd", "compression", &["modules"]),
    ("fast_image_resize", "pixels", &["image"]),
    ("pic-scale", "pixels", &["image"]),
    ("redb", "engines", &["kv"]),
    ("redis", "engines", &["kv"]),
    ("rusty-s3", "engines", &["kv"]),
    ("toml", "configuration", &["base"]),
    ("clap", "arguments", &["firstlight", "xtask"]),
];

/// The drawing of ARCHITECTURE.md names every room once, and nothing else.
pub fn drawing(tree: &Tree) -> Result<Vec<String>, String> {
    let drawn = rooms_drawn(&tree.text("ARCHITECTURE.md")?);
    let built: BTreeSet<String> = packages(tree).into_keys().collect();
    let mut complaints = Vec::new();
    for room in &built {
        match drawn.iter().filter(|name| *name == room).count() {
            1 => {}
            0 => complaints.push(format!(
                "`{room}` is built but not drawn in ARCHITECTURE.md"
            )),
            count => complaints.push(format!(
                "`{room}` is drawn {count} times in ARCHITECTURE.md"
            )),
        }
    }
    let ghosts = drawn.iter().filter(|name| !built.contains(*name));
    complaints.extend(ghosts.map(|name| format!("`{name}` is drawn but not built")));
    Ok(complaints)
}

/// The names at the start of the lines of the first fenced block: the tree of rooms.
fn rooms_drawn(page: &str) -> Vec<String> {
    let block = page
        .lines()
        .skip_while(|line| !line.starts_with("```"))
        .skip(1);
    block
        .take_while(|line| !line.starts_with("```"))
        .filter_map(|line| {
            let line = line.trim_start_matches(['├', '└', '│', '─', ' ']);
            line.split_whitespace().next().map(str::to_owned)
        })
        .collect()
}

/// No room names one it may not name, outside of its tests.
pub fn arrows(tree: &Tree) -> Result<Vec<String>, String> {
    let rooms = packages(tree);
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.into_iter().collect();
    let mut complaints = Vec::new();
    for (room, dependencies) in &rooms {
        let Some(allowed) = allowed.get(room.as_str()) else {
            complaints.push(format!("`{room}` has no place in the list of rooms"));
            continue;
        };
        let wrong = dependencies
            .iter()
            .filter(|name| rooms.contains_key(*name))
            .filter(|name| !allowed.contains(&"*") && !allowed.contains(&name.as_str()));
        complaints.extend(wrong.map(|name| format!("`{room}` must not name `{name}`")));
    }
    Ok(complaints)
}

/// No room names a library that belongs to another, outside of its tests.
pub fn libraries(tree: &Tree) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for (room, dependencies) in packages(tree) {
        for (library, purpose, rooms) in LIBRARIES {
            if dependencies.contains(library) && !rooms.contains(&room.as_str()) && room != "xtask"
            {
                let rooms = rooms.join("`, `");
                complaints.push(format!(
                    "`{room}` names `{library}`: {purpose} is for `{rooms}`"
                ));
            }
        }
    }
    Ok(complaints)
}

/// The rooms of the workspace by name, each with what it names outside of its tests.
fn packages(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let members: Vec<&str> = list(&tree.metadata["workspace_members"])
        .iter()
        .filter_map(Value::as_str)
        .collect();
    list(&tree.metadata["packages"])
        .iter()
        .filter(|package| {
            package["id"]
                .as_str()
                .is_some_and(|id| members.contains(&id))
        })
        .filter_map(|package| {
            let name = room(package["name"].as_str()?);
            Some((name, dependencies(package)))
        })
        .filter(|(name, _)| name != "fuzz-targets")
        .collect()
}

fn dependencies(package: &Value) -> BTreeSet<String> {
    list(&package["dependencies"])
        .iter()
        .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str().map(room))
        .collect()
}

fn room(package: &str) -> String {
    package
        .strip_prefix("firstlight-")
        .unwrap_or(package)
        .to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(packages: &[(&str, &[&str])]) -> Tree {
        let describe = |(name, dependencies): &(&str, &[&str])| {
            let dependencies: Vec<Value> = dependencies
                .iter()
                .map(|name| match name.strip_prefix("dev:") {
                    Some(name) => serde_json::json!({ "name": name, "kind": "dev" }),
                    None => serde_json::json!({ "name": name, "kind": null }),
                })
                .collect();
            serde_json::json!({ "id": name, "name": name, "dependencies": dependencies })
        };
        let described: Vec<Value> = packages.iter().map(describe).collect();
        let names: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        Tree {
            files: vec![],
            metadata: serde_json::json!({ "packages": described, "workspace_members": names }),
        }
    }

    #[test]
    fn an_arrow_that_goes_up_is_found() {
        let tree = tree(&[
            ("firstlight-base", &["serde"]),
            (
                "firstlight-cache",
                &["firstlight-base", "dev:firstlight-origin"],
            ),
            ("firstlight-origin", &["firstlight-cache"]),
            ("firstlight-attic", &[]),
        ]);
        let expected = [
            "`attic` has no place in the list of rooms",
            "`origin` must not name `cache`",
        ];
        assert_eq!(arrows(&tree).unwrap(), expected);
    }

    #[test]
    fn a_library_in_the_wrong_room_is_found() {
        let tree = tree(&[
            ("firstlight-front", &["rustls"]),
            ("firstlight-cache", &["rustls"]),
        ]);
        let complaints = libraries(&tree).unwrap();
        assert_eq!(
            complaints,
            ["`cache` names `rustls`: TLS is for `front`, `kv`, `origin`, `lab`, `testkit`"]
        );
    }

    #[test]
    fn the_drawing_is_read() {
        let page = "# Title\n```text\nfirstlight   the binary\n└─ server  root\n   ├─ base x\n```\n```\nno\n```";
        assert_eq!(rooms_drawn(page), ["firstlight", "server", "base"]);
    }
}
