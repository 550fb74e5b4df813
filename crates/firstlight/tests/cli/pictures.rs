//! `image` and `inspect` on files made here.

use std::fs;

use crate::support::{Folder, run};

/// A baseline JPEG of 640×427 with natural detail.
fn photograph(folder: &Folder) -> String {
    let (width, height) = (640, 427);
    let picture = gallery::photograph(gallery::Scene::ALL[0], width, height, 7);
    let planes = jpeg::rgb_to_planes(
        &picture.pixels,
        width as usize,
        height as usize,
        jpeg::Subsampling::default(),
    );
    let options = jpeg::EncodeOptions {
        progressive: false,
        quality: 92,
        ..Default::default()
    };
    let path = folder.file("photo.jpg");
    fs::write(
        &path,
        jpeg::encode(&planes.unwrap(), &options).unwrap().bytes,
    )
    .unwrap();
    path
}

#[test]
fn a_photograph_becomes_smaller_and_progressive() {
    let folder = Folder::new();
    let (photo, small) = (photograph(&folder), folder.file("small.jpg"));
    let ran = run(&[
        "image",
        &photo,
        "-o",
        &small,
        "--options",
        "width=320",
        "--json",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = ran.json();
    assert_eq!(
        (&made["format"], &made["width"]),
        (&"jpeg".into(), &320.into()),
        "{made}"
    );
    let bytes = fs::read(&small).unwrap();
    assert_eq!(made["bytes"], bytes.len());
    assert!(bytes.len() < fs::metadata(&photo).unwrap().len() as usize / 2);
    let map = jpeg::map_scans(&bytes, &jpeg::Limits::default()).unwrap();
    assert!(map.progressive(), "{map:?}");
    assert_eq!(map.width, 320);
}

#[test]
fn the_ending_of_the_output_or_the_options_say_the_format() {
    let folder = Folder::new();
    let photo = photograph(&folder);
    for (output, options, magic) in [
        ("a.webp", "width=100", &b"RIFF"[..]),
        ("b.png", "width=100", b"\x89PNG"),
        ("c", "width=100,format=png", b"\x89PNG"),
        ("d.json", "width=100", b"{\"width\":100,"),
    ] {
        let path = folder.file(output);
        let ran = run(&["image", &photo, "-o", &path, "--options", options]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(ran.stdout, "", "{ran:?}");
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.starts_with(magic), "{output}: {:?}", &bytes[..8]);
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let folder = Folder::new();
    let text = folder.file("text.jpg");
    fs::write(&text, "no picture at all").unwrap();
    for arguments in [
        &["inspect", &text][..],
        &["image", &text, "-o", &folder.file("out.jpg")],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.stderr.starts_with("error: ") && ran.stderr.contains("text.jpg"),
            "{ran:?}"
        );
    }
    assert!(!folder.0.join("out.jpg").exists());
}

#[test]
fn inspect_says_what_is_shown_at_which_byte() {
    let folder = Folder::new();
    let (photo, made) = (photograph(&folder), folder.file("made.jpg"));
    assert_eq!(
        run(&[
            "image",
            &photo,
            "-o",
            &made,
            "--options",
            "quality=80,width=600"
        ])
        .code,
        0
    );
    let previews = folder.file("previews");
    let ran = run(&["inspect", &made, "--json", "--previews", &previews]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    let bytes = fs::read(&made).unwrap();
    assert_eq!(report["process"], "progressive");
    assert_eq!(report["bytes"], bytes.len());
    let scans = report["scans"].as_array().unwrap();
    let ends: Vec<u64> = scans
        .iter()
        .map(|scan| scan["shown_at"].as_u64().unwrap())
        .collect();
    assert!(ends.len() > 2 && ends.is_sorted(), "{ends:?}");
    assert_eq!(*ends.last().unwrap(), bytes.len() as u64);
    let preview = report["points"]["preview"].as_u64().unwrap();
    assert!(preview < bytes.len() as u64 / 3, "{report}");
    assert_eq!(report["plan"][0]["whole"], true, "{report}");

    let written = report["previews"].as_array().unwrap();
    assert_eq!(written.len(), scans.len());
    for path in written {
        let picture = fs::read(path.as_str().unwrap()).unwrap();
        let options = jpeg::DecodeOptions {
            lenient: true,
            ..Default::default()
        };
        let decoded = jpeg::decode(&picture, &options).unwrap();
        assert_eq!((decoded.width, decoded.height), (600, 400));
    }
}

#[test]
fn inspect_draws_for_people() {
    let folder = Folder::new();
    let photo = photograph(&folder);
    let ran = run(&["inspect", &photo]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("JPEG 640×427, "), "{}", ran.stdout);
    for part in [
        "baseline",
        "everything, from top to bottom",
        "|1111",
        "from byte",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn a_cut_file_is_a_problem_and_still_inspected() {
    let folder = Folder::new();
    let photo = photograph(&folder);
    let bytes = fs::read(&photo).unwrap();
    fs::write(&photo, &bytes[..bytes.len() / 2]).unwrap();
    let ran = run(&["inspect", &photo]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.starts_with("JPEG 640×427"), "{ran:?}");
    assert!(
        ran.stderr.contains("the file ends inside its picture"),
        "{ran:?}"
    );
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused_before_it_is_read() {
    let folder = Folder::new();
    let path = folder.file("huge.png");
    fs::write(&path, huge_png()).unwrap();
    let ran = run(&[
        "image",
        &path,
        "-o",
        &folder.file("out.png"),
        "--options",
        "width=10",
    ]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("65535"), "{ran:?}");
}

/// The head of a PNG of 65,535×65,535 pixels, and nothing else.
fn huge_png() -> Vec<u8> {
    let mut chunk = b"IHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0".to_vec();
    let check = crc32(&chunk).to_be_bytes();
    chunk.extend_from_slice(&check);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend_from_slice(&chunk);
    bytes.resize(100, 0);
    bytes
}

/// CRC-32 of PNG chunks (W3C PNG, annex D), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc))
    })
}

/// A folder of pictures: two photographs of one name, one deeper down, and something else.
fn album(folder: &Folder) -> String {
    let photo = photograph(folder);
    let album = folder.file("album");
    fs::create_dir_all(format!("{album}/deep")).unwrap();
    let made = [
        "image",
        &photo,
        "-o",
        &format!("{album}/a.png"),
        "--options",
        "width=200",
    ];
    assert_eq!(run(&made).code, 0);
    fs::copy(&photo, format!("{album}/a.jpg")).unwrap();
    fs::copy(&photo, format!("{album}/deep/B.JPG")).unwrap();
    fs::write(format!("{album}/notes.txt"), "no picture").unwrap();
    album
}

#[test]
fn a_folder_becomes_a_folder() {
    let folder = Folder::new();
    let (album, out) = (album(&folder), folder.file("out"));
    let arguments = [
        "image",
        &album,
        "-o",
        &out,
        "--options",
        "width=100",
        "-j",
        "3",
        "--json",
    ];
    let ran = run(&arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    let files = report["files"].as_array().unwrap();
    let outputs: Vec<_> = files
        .iter()
        .filter_map(|file| file["output"].as_str())
        .collect();
    let expected = ["a.jpg", "a.png", "deep/B.JPG"].map(|name| format!("{out}/{name}"));
    assert_eq!(outputs, expected, "{report}");
    let bytes = |path: &String| fs::metadata(path).unwrap().len();
    let total: u64 = expected.iter().map(bytes).sum();
    assert_eq!(report["total"]["bytes"], total, "{report}");
    assert_eq!(
        (&report["total"]["pictures"], &report["total"]["failed"]),
        (&3.into(), &0.into())
    );
    let left: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "nothing else is left behind: {left:?}");

    let ran = run(&[
        "image",
        &format!("{album}/**/*.[jJ]*"),
        "-o",
        &out,
        "--options",
        "format=webp,width=100",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("2 pictures"), "{ran:?}");
    for name in ["a.webp", "deep/B.webp"] {
        assert!(
            fs::read(format!("{out}/{name}"))
                .unwrap()
                .starts_with(b"RIFF"),
            "{name}"
        );
    }
}

#[test]
fn one_of_many_that_fails_does_not_keep_the_others_from_being_made() {
    let folder = Folder::new();
    let (album, out) = (album(&folder), folder.file("out"));
    fs::write(format!("{album}/broken.jpg"), "no picture").unwrap();
    let ran = run(&[
        "image",
        &album,
        "-o",
        &out,
        "--options",
        "width=100,format=webp",
    ]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("4 pictures") && ran.stderr.contains("1 failed"),
        "{ran:?}"
    );
    for name in ["a.jpg.webp", "a.png.webp", "deep/B.webp"] {
        assert!(
            fs::metadata(format!("{out}/{name}")).is_ok(),
            "{name}: {ran:?}"
        );
    }
}

#[test]
fn many_pictures_never_take_the_place_of_others() {
    let folder = Folder::new();
    let (photo, album) = (photograph(&folder), album(&folder));
    let before = fs::read(format!("{album}/a.jpg")).unwrap();
    let ran = run(&["image", &album, "-o", &album]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.stderr.contains("would take the place of a source"),
        "{ran:?}"
    );
    assert_eq!(fs::read(format!("{album}/a.jpg")).unwrap(), before);
    let one = format!("{album}/a.jpg");
    let same = folder.file("a.jpg");
    fs::copy(&photo, &same).unwrap();
    for (inputs, said) in [
        (&[&one[..], &same][..], "would both be written to a.jpg"),
        (&[&one, "-"], "`-` is one picture"),
        (&[&folder.file("none/*.jpg")], "no pictures in"),
        (&[&folder.file("[.jpg")], "is no pattern"),
    ] {
        let out = folder.file("new");
        let ran = run(&[&["image", "-o", &out], inputs].concat());
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains(said), "{said}: {ran:?}");
    }
    let ran = run(&["image", &album, "-o", &photo]);
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.stderr.contains("must be a folder"), "{ran:?}");
}

#[test]
fn the_manual_and_the_completions_know_every_command() {
    let folder = Folder::new();
    let pages = folder.file("man");
    assert_eq!(run(&["manual", "-o", &pages]).code, 0);
    let page = fs::read_to_string(format!("{pages}/firstlight-image.1")).unwrap();
    assert!(page.contains("jobs") && page.contains(".TH"), "{page}");
    let first = run(&["manual"]);
    assert!(
        first.stdout.contains("demo") && first.stdout.contains("migrate"),
        "{first:?}"
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]);
        assert_eq!(script.code, 0, "{script:?}");
        assert!(script.stdout.contains("inspect"), "{shell}");
    }
}

/// The shipped program decodes by starting itself again; where the kernel has no sandbox, the file
/// is kept as it is.
#[test]
fn an_avif_is_read_by_a_worker() {
    let folder = Folder::new();
    let photo = photograph(&folder);
    let (avif, small) = (folder.file("photo.avif"), folder.file("small.jpg"));
    let ran = run(&["image", &photo, "-o", &avif, "--options", "width=160"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let options = "width=80,format=jpeg";
    let ran = run(&["image", &avif, "-o", &small, "--options", options]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = fs::read(&small).unwrap();
    if ran.stderr.contains("offers no sandbox") {
        assert_eq!(made, fs::read(&avif).unwrap());
        return;
    }
    let map = jpeg::map_scans(&made, &jpeg::Limits::default()).unwrap();
    assert_eq!((map.width, map.height), (80, 54));
}
