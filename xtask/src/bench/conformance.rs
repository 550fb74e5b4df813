//! The pictures that other decoders are tested with, through `firstlight image` and through Pillow
//! (`djxl` for JPEG XL): equal, near, off, refused. Pillow's own test pictures, PngSuite as `pypng`
//! has it, and those of the crate `jxl`, all fetched by name.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::Options;
use super::ground::{self, Ground};
use crate::packages;
use crate::shell::{self, Outcome};

/// What compares.
const COMPARER: &str = include_str!("conformance.py");
/// Writes the pictures that PngSuite has as text.
const UNPACKER: &str = "import pathlib, sys
sys.path.insert(0, sys.argv[1])
import pngsuite
for name, data in vars(pngsuite).items():
    if isinstance(data, bytes) and data.startswith(b'\\x89PNG'):
        pathlib.Path(sys.argv[2], name + '.png').write_bytes(data)
";
/// What may come of a file, in the order of the table.
const OUTCOMES: [&str; 6] = [
    "equal",
    "near",
    "off",
    "refused by both",
    "refused by us alone",
    "read by us alone",
];
/// Files that are off, and why that is right.
const RIGHT: [(&str, &str); 10] = [
    (
        "exif_imagemagick_orientation.png",
        "browsers turn by EXIF alone",
    ),
    (
        "tbbn1g04.png",
        "Pillow seeks the transparent value of 4 bits among those of 8",
    ),
    ("xmp_tags_orientation.png", "browsers turn by EXIF alone"),
    ("xmp_tags_orientation.avif", "browsers turn by EXIF alone"),
    (
        "xmp_tags_orientation_exiftool.png",
        "browsers turn by EXIF alone",
    ),
    (
        "1_trns.png",
        "its transparent value is none that one bit has",
    ),
    (
        "i_trns.png",
        "Pillow forgets the transparent value of 16 bits",
    ),
    ("mmap_error.bmp", "its pixels lie in its palette"),
    ("rot1mir0.avif", "another upsampling of colour"),
    ("rot3mir1.avif", "another upsampling of colour"),
];

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    packages::want(&[("djxl", "libjxl-tools")]);
    for program in ["python3", "djxl", "tar"] {
        if !shell::exists(program) {
            shell::skip(
                "the bench `conformance`",
                &format!("`{program}` is missing"),
            );
            return Ok(());
        }
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("conformance")?;
    let python = python(&ground)?;
    let mut command = Command::new(&python);
    command.args(["-W", "ignore", "-c", COMPARER]).arg(binary);
    command
        .arg(ground.path(""))
        .args(folders(&ground, &python)?);
    let text = shell::output(command)?;
    let version = "import PIL; print('Pillow', PIL.__version__)";
    print!(
        "{}",
        shell::output(shell::command(&python, &["-c", version]))?
    );
    report(&text)
}

/// A Python with what reads and what unpacks.
fn python(ground: &Ground) -> Result<String, String> {
    let folder = ground.shown("python");
    shell::run(shell::command("python3", &["-m", "venv", &folder]))?;
    let python = format!("{folder}/bin/python");
    let wanted = [
        "-m",
        "pip",
        "install",
        "-qU",
        "pip",
        "pillow",
        "setuptools",
        "pybind11",
        "wheel",
    ];
    shell::run(shell::command(&python, &wanted))?;
    Ok(python)
}

/// Where the pictures are.
fn folders(ground: &Ground, python: &str) -> Result<Vec<PathBuf>, String> {
    let mut fetch = shell::command(python, &["-m", "pip", "download", "-q", "--no-deps"]);
    fetch.args([
        "--no-build-isolation",
        "--no-binary",
        ":all:",
        "pillow",
        "pypng",
    ]);
    fetch.current_dir(ground.path("www"));
    shell::run(fetch)?;
    let mut unpack = shell::command(
        "sh",
        &["-c", "for file in *.tar.gz; do tar xzf $file; done"],
    );
    unpack.current_dir(ground.path("www"));
    shell::run(unpack)?;
    let mut find = shell::command(
        "sh",
        &["-c", "echo pypng-*/code; echo pillow-*/Tests/images"],
    );
    find.current_dir(ground.path("www"));
    let found = shell::output(find)?;
    let [code, images] = found.lines().collect::<Vec<_>>()[..] else {
        return Err(format!("the packages hold something else: {found}"));
    };
    let suite = ground.path("pngsuite");
    std::fs::create_dir_all(&suite).map_err(|error| error.to_string())?;
    let mut write = shell::command(python, &["-c", UNPACKER]);
    write.arg(ground.path("www").join(code)).arg(&suite);
    shell::run(write)?;
    Ok(vec![ground.path("www").join(images), suite, jxl()?])
}

/// The source of the crate `jxl`, which has its test pictures.
fn jxl() -> Result<PathBuf, String> {
    let text = shell::output(shell::cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--locked",
    ]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array();
    let own = packages.and_then(|all| all.iter().find(|package| package["name"] == "jxl"));
    let manifest = own.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|path| std::path::Path::new(path).parent());
    folder
        .map(std::path::Path::to_owned)
        .ok_or_else(|| "no source of the crate `jxl`".to_owned())
}

/// Prints a table of formats and outcomes, and the files that are off or that we alone refuse.
fn report(text: &str) -> Outcome {
    let mut counts: BTreeMap<&str, [usize; OUTCOMES.len()]> = BTreeMap::new();
    let (mut named, mut wrong) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let parts: Vec<_> = line.split('\t').collect();
        let [format, name, outcome, largest, mean, said] = parts[..] else {
            return Err(format!("what compares said {line:?}"));
        };
        let place = OUTCOMES.iter().position(|known| *known == outcome);
        let place = place.ok_or_else(|| format!("an outcome {outcome:?}"))?;
        counts.entry(format).or_default()[place] += 1;
        let reason = RIGHT.iter().find(|(right, _)| *right == name);
        match (outcome, reason) {
            ("off", Some((_, reason))) => named.push(format!("{name}: off; {reason}")),
            ("off", None) => {
                named.push(format!(
                    "{name}: off by up to {largest}, {mean} on average; {said}"
                ));
                wrong.push(name);
            }
            ("refused by us alone", _) => named.push(format!("{name}: {said}")),
            _ => {}
        }
    }
    println!(
        "\n| format | {} |\n|---{}|",
        OUTCOMES.join(" | "),
        "|---".repeat(OUTCOMES.len())
    );
    for (format, counts) in counts {
        let counts = counts.map(|count| count.to_string());
        println!("| {format} | {} |", counts.join(" | "));
    }
    println!("\n{}", named.join("\n"));
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("off without a reason: {}", wrong.join(", "))),
    }
}
