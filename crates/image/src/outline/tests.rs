use super::*;
use crate::samples;

#[test]
fn bytes_that_are_no_picture_have_no_structure() {
    assert_eq!(outline_of(b"text"), without_scans(4, 0));
    assert_eq!(outline_of(b""), without_scans(0, 0));
    assert_eq!(outline_of(b"\xFF\xD8\xFF"), without_scans(3, 0));
    assert_eq!(outline_of(b"\xFF\x0A"), without_scans(2, 0));
}

/// Every cut of a file gives an outline within it, and never panics.
fn cuts(file: &[u8]) {
    for length in 0..file.len() {
        let outline = outline_of(&file[..length]);
        let Outline {
            header,
            preview,
            good,
            length,
            ..
        } = outline;
        assert!(header <= length && preview <= good && good <= length);
    }
}

#[test]
fn an_animation_shows_its_first_frame_first() {
    let frames = [vec![0; 600], vec![1; 600], vec![2; 600]];
    let file = samples::gif(30, 20, &frames);
    let alone = samples::gif(30, 20, &frames[..1]);
    let outline = outline_of(&file);
    // All but the one byte that ends a file.
    assert_eq!(outline.preview, alone.len() as u64 - 1);
    assert_eq!((outline.good, outline.header), (outline.preview, 13));
    assert_eq!(outline_of(&alone).preview, alone.len() as u64);
    cuts(&file);
}

/// A chunk of PNG, without a true checksum: nobody here looks at it.
fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&length, name, content, &[0; 4]].concat()
}

#[test]
fn an_animated_png_shows_the_first_frame_of_its_animation() {
    let header = [&[0, 0, 0, 9, 0, 0, 0, 9, 8, 6][..], &[0; 3]].concat();
    let start = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
    ]
    .concat();
    let control = chunk(b"fcTL", &[0; 26]);
    let still = chunk(b"IDAT", &[7; 50]);
    let moving = chunk(b"fdAT", &[7; 60]);
    let end = chunk(b"IEND", &[]);
    let with_still = [&start, &control, &still, &still, &control, &moving, &end];
    let file = with_still.map(Vec::as_slice).concat();
    let expected = start.len() + control.len() + 2 * still.len();
    assert_eq!(outline_of(&file).preview, expected as u64);
    cuts(&file);
    // The still picture is for those who know no animations.
    let beside = [&start, &still, &control, &moving, &control, &moving, &end];
    let file = beside.map(Vec::as_slice).concat();
    let expected = start.len() + still.len() + control.len() + moving.len();
    assert_eq!(outline_of(&file).preview, expected as u64);
}

#[test]
fn an_animated_webp_shows_its_first_frame_first() {
    let riff = |name: &[u8], content: &[u8]| {
        let length = (content.len() as u32).to_le_bytes();
        let padding = vec![0; content.len() % 2];
        [name, &length, content, &padding].concat()
    };
    let chunks = [
        riff(b"VP8X", &[2, 0, 0, 0, 9, 0, 0, 9, 0, 0]),
        riff(b"ANIM", &[0; 6]),
        riff(b"ANMF", &[0; 77]),
        riff(b"ANMF", &[0; 40]),
    ];
    let content = [b"WEBP".to_vec(), chunks.concat()].concat();
    let file = riff(b"RIFF", &content);
    let first: usize = chunks[..3].iter().map(Vec::len).sum();
    assert_eq!(outline_of(&file).preview, 12 + first as u64);
    cuts(&file);
}

/// A box of an ISO media file.
fn boxed(name: &[u8], content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 8).to_be_bytes();
    [&length, name, content].concat()
}

/// An AVIF file of one item with these properties, the first of which is not its own.
fn avif(properties: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let kind = boxed(b"ftyp", b"avif\0\0\0\0mif1");
    let meta = |start: u32| {
        let list: Vec<u8> = (2..=properties.len() as u8 + 1).collect();
        let associations = [&[0; 4][..], &[0, 0, 0, 1, 0, 1, list.len() as u8], &list].concat();
        let container = [boxed(b"ispe", &[0; 12]), properties.concat()].concat();
        let properties = [boxed(b"ipco", &container), boxed(b"ipma", &associations)];
        let place = [
            &[0; 4][..],
            &[0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1],
            &start.to_be_bytes(),
            &(data.len() as u32).to_be_bytes(),
        ];
        let inner = [
            boxed(b"pitm", &[0, 0, 0, 0, 0, 1]),
            boxed(b"iloc", &place.concat()),
            boxed(b"iprp", &properties.concat()),
        ];
        boxed(b"meta", &[&[0; 4][..], &inner.concat()].concat())
    };
    let start = kind.len() + meta(0).len() + 8;
    [kind, meta(start as u32), boxed(b"mdat", data)].concat()
}

#[test]
fn the_first_layer_of_an_avif_is_its_preview() {
    let sizes = |large: bool, sizes: [u32; 3]| {
        let numbers = sizes.map(|size| match large {
            true => size.to_be_bytes().to_vec(),
            false => (size as u16).to_be_bytes().to_vec(),
        });
        boxed(b"a1lx", &[vec![u8::from(large)], numbers.concat()].concat())
    };
    let data = vec![0; 5000];
    for large in [false, true] {
        let file = avif(&[sizes(large, [700, 0, 0])], &data);
        let start = (file.len() - data.len()) as u64;
        let outline = outline_of(&file);
        assert_eq!(outline.header, start);
        assert_eq!((outline.preview, outline.good), (start + 700, start + 700));
        cuts(&file[..file.len() - 4900]);
        let file = avif(&[sizes(large, [700, 1100, 0])], &data);
        let outline = outline_of(&file);
        assert_eq!((outline.preview, outline.good), (start + 700, start + 1800));
    }
    let whole = |file: &[u8]| outline_of(file).preview == file.len() as u64;
    assert!(whole(&avif(&[], &data)), "no layers");
    let one = boxed(b"lsel", &[0, 1]);
    assert!(whole(&avif(&[sizes(false, [700, 0, 0]), one], &data)));
    let all = boxed(b"lsel", &[0xFF, 0xFF]);
    assert!(!whole(&avif(&[sizes(false, [700, 0, 0]), all], &data)));
    assert!(
        whole(&avif(&[sizes(false, [60_000, 0, 0])], &data)),
        "beyond the end"
    );
}

/// Writes bits, the lowest of each byte first.
#[derive(Default)]
struct Written(Vec<u8>, u32);

impl Written {
    fn bits(mut self, value: u32, count: u32) -> Self {
        for place in 0..count {
            if self.1.is_multiple_of(8) {
                self.0.push(0);
            }
            if let Some(last) = self.0.last_mut() {
                *last |= ((value >> place & 1) as u8) << (self.1 % 8);
            }
            self.1 += 1;
        }
        self
    }

    fn align(mut self) -> Self {
        self.1 = self.1.next_multiple_of(8);
        self
    }
}

/// A JPEG XL codestream of 1024 × 768 pixels, in default everything, whose sections have these
/// lengths.
fn jxl(lengths: &[u32]) -> Vec<u8> {
    let mut written = Written::default()
        .bits(0x0AFF, 16)
        // Height, and the width as 4 : 3.
        .bits(0, 1)
        .bits(1, 2)
        .bits(767, 13)
        .bits(3, 3)
        // Metadata and colours.
        .bits(1, 1)
        .bits(1, 1)
        .align()
        // The frame, whose sections are in order.
        .bits(1, 1)
        .bits(0, 1)
        .align();
    for length in lengths {
        written = written.bits(1, 2).bits(length - 1024, 14);
    }
    let mut file = written.align().0;
    file.resize(file.len() + lengths.iter().sum::<u32>() as usize, 0);
    file
}

#[test]
fn the_low_frequencies_of_a_jpeg_xl_are_its_preview() {
    // What all share, one group of low frequencies, what all details share, twelve groups.
    let lengths: Vec<u32> = (0..15).map(|section| 1024 + section).collect();
    let file = jxl(&lengths);
    let data: u32 = lengths.iter().sum();
    let start = file.len() as u64 - u64::from(data);
    let outline = outline_of(&file);
    assert_eq!(outline.header, start);
    assert_eq!(outline.preview, start + 1024 + 1025);
    assert_eq!(outline.good, outline.preview, "there is one pass only");
    // The same in boxes, in two parts.
    let kind = boxed(b"JXL ", b"\r\n\x87\n");
    let parts = [&file[..1500], &file[1500..]];
    let parts = parts.map(|part| boxed(b"jxlp", &[&[0; 4][..], part].concat()));
    let packed = [kind, parts.concat()].concat();
    let outline = outline_of(&packed);
    assert_eq!(outline.header, start + 12 + 12);
    assert_eq!(outline.preview, start + 1024 + 1025 + 12 + 12 + 12);
    cuts(&file[..200]);
    cuts(&packed[..200]);
}

/// What a program makes of a picture; none, and a word about it, if it is missing.
fn made(program: &str, arguments: &[&str], ending: &str) -> Option<Vec<u8>> {
    let name = format!("outline-{}-{}", std::process::id(), arguments.join(""));
    let source = std::env::temp_dir().join(format!("{name}.png"));
    let result = std::env::temp_dir().join(format!("{name}.{ending}"));
    std::fs::write(&source, samples::png(&samples::photograph(700, 500))).unwrap();
    let mut command = std::process::Command::new(program);
    let ran = command.arg(&source).arg(&result).args(arguments).output();
    std::fs::remove_file(&source).unwrap();
    let Ok(ran) = ran else {
        eprintln!("skipped: `{program}` is not installed");
        return None;
    };
    assert!(ran.status.success(), "{program} {arguments:?}: {ran:?}");
    let file = std::fs::read(&result).unwrap();
    std::fs::remove_file(result).unwrap();
    Some(file)
}

#[test]
fn real_jpeg_xl_files_are_read_to_their_last_section() {
    let kinds: [&[&str]; 6] = [
        &["-d", "1"],
        &["-d", "0"],
        &["-d", "1", "-p"],
        &["-d", "2", "--progressive_dc=1"],
        &["-d", "1", "--container=1"],
        &["-d", "1", "--progressive_ac", "--container=1"],
    ];
    for arguments in kinds {
        let quick = [arguments, &["-e", "3"]].concat();
        let Some(file) = made("cjxl", &quick, "jxl") else {
            return;
        };
        let passes = jxl::passes(&file).unwrap_or_else(|| panic!("{arguments:?}"));
        assert!(passes.header < passes.preview && passes.preview <= passes.good);
        assert!(passes.good <= file.len(), "{arguments:?}: {passes:?}");
        assert_eq!(jxl::end(&file), Some(file.len()), "{arguments:?}");
        if !arguments.contains(&"0") {
            let early = passes.preview * 3 < file.len();
            assert!(early, "{arguments:?}: {passes:?} of {}", file.len());
        }
    }
}

#[test]
fn real_avif_files_are_read() {
    let Some(file) = made("avifenc", &["-s", "9"], "avif") else {
        return;
    };
    let layers = avif::layers(&file).expect("boxes");
    assert!(layers.header > 100 && layers.header < 1000, "{layers:?}");
    assert_eq!(layers.first, None);
    assert_eq!(outline_of(&file).preview, file.len() as u64);
}
