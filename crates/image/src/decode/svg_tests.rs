//! SVG that is drawn, and SVG that stays.

use std::sync::Mutex;

use crate::samples::{self, pixel};
use crate::{Decoders, Format, Limits, OutsideError, Rendered, Svg, probe, render};
use crate::{Outcome, decode};

const DRAWING: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='20' height='10'>\
    <script>a()</script><rect width='20' height='10' fill='red'/></svg>";
const LETTERS: &str = "<svg xmlns='http://www.w3.org/2000/svg'><text>a</text></svg>";

/// Paints everything red, and remembers what was asked for.
#[derive(Default)]
struct Painter(Mutex<Vec<(String, (u32, u32))>>);

impl Svg for Painter {
    fn draw(
        &self,
        document: Vec<u8>,
        size: (u32, u32),
        _: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, OutsideError> {
        let document = String::from_utf8(document).unwrap();
        self.0.lock().unwrap().push((document, size));
        Ok([255, 0, 0, 255].repeat(size.0 as usize * size.1 as usize))
    }
}

fn painter() -> (&'static Painter, Limits) {
    let painter: &Painter = Box::leak(Box::default());
    let decoders = Decoders {
        svg: Some(painter),
        ..Decoders::NONE
    };
    let limits = Limits {
        decoders,
        ..Limits::default()
    };
    (painter, limits)
}

fn made(source: &str, options: &str, limits: &Limits) -> Rendered {
    let variant = samples::variant(options, "image/webp,*/*");
    match render(source.as_bytes(), &variant, limits, &|| false).unwrap() {
        Outcome::Rendered(made) => made,
        other => panic!("{options}: {other:?}"),
    }
}

#[test]
fn it_is_drawn_at_the_very_size_that_is_wanted() {
    for (options, size, drawn) in [
        ("format=png", (20, 10), (20, 10)),
        ("w=5,format=webp", (5, 3), (5, 3)),
        ("w=400,format=png", (400, 200), (400, 200)),
        ("w=40,h=40,fit=cover,format=jpeg", (40, 40), (80, 40)),
        ("w=40,h=40,fit=crop,format=png", (40, 40), (80, 40)),
    ] {
        let (painter, limits) = painter();
        let made = made(DRAWING, options, &limits);
        assert_eq!((made.width, made.height), size, "{options}");
        let asked = painter.0.lock().unwrap().pop().unwrap();
        assert_eq!(asked.1, drawn, "{options}");
        assert!(!asked.0.contains("script"), "{}", asked.0);
        let header = probe(&made.bytes, &limits).unwrap();
        let pixels = decode::decode(&made.bytes, &header, None, &limits, &|| false).unwrap();
        let [red, green, ..] = pixel(&pixels.picture, 1, 1);
        assert!(red > 240 && green < 15, "{options}: {red} {green}");
    }
}

#[test]
fn it_stays_a_drawing_where_no_pixels_are_asked_for_or_can_be_had() {
    let (painter, limits) = painter();
    for (source, options, limits) in [
        (DRAWING, "w=50", &limits),
        (LETTERS, "w=50,format=png", &limits),
        (DRAWING, "w=50,format=png", &Limits::default()),
    ] {
        let made = made(source, options, limits);
        assert_eq!(made.format, Format::Svg, "{options}");
        assert!(made.bytes.starts_with(b"<?xml") || made.bytes.starts_with(b"<svg"));
        assert!(!made.notes.is_empty());
    }
    assert!(painter.0.lock().unwrap().is_empty());
}
