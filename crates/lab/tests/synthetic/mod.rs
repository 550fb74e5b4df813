//! A page that never was: painted photographs that arrive in two orders, filmed frame by frame.

use std::time::Duration;

use firstlight_lab::run::{Comparison, Conditions, Frame, Part, Piece, Resource, Run, Series};
use gallery::{Picture, Scene, baseline_jpeg, photograph};

/// Size of the frames, pixels.
pub const SIZE: (usize, usize) = (960, 600);

const PHOTOGRAPH: (usize, usize) = (284, 213);
const SCENES: [Scene; 6] = [
    Scene::Lake,
    Scene::Dunes,
    Scene::Dahlia,
    Scene::City,
    Scene::Sunset,
    Scene::Leaves,
];

/// What is there of a photograph.
#[derive(Clone, Copy)]
enum Shown {
    Slice(usize),
    Blocks(usize),
}

/// The state of the page: nothing, or its layout with as much of the photographs.
type State = Option<[Shown; 6]>;

struct Painter {
    photographs: Vec<Vec<u8>>,
}

impl Painter {
    fn new() -> Self {
        let (width, height) = PHOTOGRAPH;
        let paint =
            |scene: &Scene| photograph(*scene, width as u32, height as u32, scene.take()).pixels;
        Self {
            photographs: SCENES.iter().map(paint).collect(),
        }
    }

    fn jpeg(&self, state: &State) -> Vec<u8> {
        let rgb = self.rgb(state);
        let page = Picture {
            width: SIZE.0 as u32,
            height: SIZE.1 as u32,
            pixels: rgb,
        };
        baseline_jpeg(&page, 85)
    }

    fn rgb(&self, state: &State) -> Vec<u8> {
        let mut page = vec![255; SIZE.0 * SIZE.1 * 3];
        let Some(shown) = state else {
            return page;
        };
        fill(&mut page, [0, 0, 960, 72], [31, 41, 55]);
        fill(&mut page, [30, 26, 190, 20], [250, 204, 130]);
        for item in 0..4 {
            fill(&mut page, [560 + item * 96, 30, 70, 12], [156, 163, 175]);
        }
        fill(&mut page, [30, 92, 430, 18], [55, 65, 81]);
        for (index, shown) in shown.iter().enumerate() {
            let (x, y) = corner(index);
            fill(
                &mut page,
                [x, y, PHOTOGRAPH.0, PHOTOGRAPH.1],
                [233, 233, 236],
            );
            self.photograph(&mut page, index, *shown);
        }
        page
    }

    fn photograph(&self, page: &mut [u8], index: usize, shown: Shown) {
        let (left, top) = corner(index);
        let (rows, block) = match shown {
            Shown::Slice(rows) => (rows, 1),
            Shown::Blocks(side) => (PHOTOGRAPH.1, side),
        };
        for y in 0..rows.min(PHOTOGRAPH.1) {
            for x in 0..PHOTOGRAPH.0 {
                let pixel = self.mean(index, x / block * block, y / block * block, block);
                let to = ((top + y) * SIZE.0 + left + x) * 3;
                page[to..to + 3].copy_from_slice(&pixel);
            }
        }
    }

    /// The mean colour of a block of a photograph.
    fn mean(&self, index: usize, left: usize, top: usize, side: usize) -> [u8; 3] {
        let (width, height) = PHOTOGRAPH;
        let mut sums = [0_usize; 3];
        let mut count = 0;
        for y in top..(top + side).min(height) {
            for x in left..(left + side).min(width) {
                let pixel = self.photographs[index].iter().skip((y * width + x) * 3);
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += usize::from(*value);
                }
                count += 1;
            }
        }
        sums.map(|sum| (sum / count.max(1)) as u8)
    }
}

fn fill(page: &mut [u8], [left, top, width, height]: [usize; 4], colour: [u8; 3]) {
    for y in top..top + height {
        let start = (y * SIZE.0 + left) * 3;
        page[start..start + width * 3].copy_from_slice(&colour.repeat(width));
    }
}

fn corner(index: usize) -> (usize, usize) {
    (30 + index % 3 * 308, 130 + index / 3 * 237)
}

/// One after another, each from top to bottom, painted once a second.
fn in_turn() -> Vec<(u64, State)> {
    let rows = |photo: usize, done: usize| match done.checked_sub(photo * 2) {
        None => 0,
        Some(0) => 96,
        Some(_) => PHOTOGRAPH.1,
    };
    let mut states = vec![(420, Some([Shown::Slice(0); 6]))];
    for done in 0..12 {
        let shown = std::array::from_fn(|photo| Shown::Slice(rows(photo, done)));
        states.push((840 + done as u64 * 460, Some(shown)));
    }
    states
}

/// All at once in blocks, then finer and finer.
fn previews_first() -> Vec<(u64, State)> {
    let all = |side| Some([Shown::Blocks(side); 6]);
    let some = std::array::from_fn(|photo| match photo {
        0..3 => Shown::Blocks(8),
        _ => Shown::Slice(0),
    });
    vec![
        (430, Some([Shown::Slice(0); 6])),
        (780, Some(some)),
        (1050, all(8)),
        (2080, all(4)),
        (3560, all(2)),
        (5990, all(1)),
    ]
}

fn run(frames: &[(u64, Vec<u8>)], factor: f64, with: bool) -> Run {
    let ms = |at: f64| Duration::from_micros((at * factor * 1000.0) as u64);
    let frames: Vec<Frame> = frames
        .iter()
        .map(|(at, jpeg)| Frame {
            at: ms(*at as f64),
            jpeg: jpeg.clone(),
        })
        .collect();
    let boxes = (0..6).map(|index| {
        let (x, y) = corner(index);
        [x, y, PHOTOGRAPH.0, PHOTOGRAPH.1].map(|length| length as f64)
    });
    let end = if with { 5900.0 } else { 5860.0 };
    Run {
        frames,
        resources: resources(with, &ms),
        fcp: Some(ms(425.0)),
        lcp: Some(ms(if with { 5990.0 } else { 1300.0 })),
        load: Some(ms(end)),
        pictures: boxes.collect(),
        viewport: (SIZE.0 as u32, SIZE.1 as u32),
        arrivals: (1_u64..60)
            .map(|part| (ms(part as f64 * end / 60.0 + 150.0), part * 19_000))
            .collect(),
        trace: None,
    }
}

fn resources(with: bool, ms: &dyn Fn(f64) -> Duration) -> Vec<Resource> {
    let resource = |name: &str, kind: &str, priority: [&str; 2], bytes, times: [f64; 3]| Resource {
        url: format!("https://photos.example/{name}"),
        kind: kind.into(),
        protocol: "h2".into(),
        priority: (priority[0].into(), priority[1].into()),
        status: if name.contains("missing") { 404 } else { 200 },
        mime: String::new(),
        bytes,
        times: times.map(|time| Some(ms(time))),
        sent: Some(ms(times[0])),
        pieces: if with {
            pieces(kind, bytes, times, ms)
        } else {
            vec![]
        },
    };
    let mut resources = vec![
        resource("", "Document", ["VeryHigh"; 2], 3_190, [2.0, 310.0, 330.0]),
        resource(
            "style.css?v=3",
            "Stylesheet",
            ["VeryHigh"; 2],
            5_402,
            [336.0, 500.0, 520.0],
        ),
        resource(
            "missing-font.woff2",
            "Font",
            ["High"; 2],
            180,
            [430.0, 590.0, 592.0],
        ),
    ];
    for (index, scene) in SCENES.iter().enumerate() {
        let (head, end) = if with {
            (560.0 + index as f64 * 84.0, 4900.0 + index as f64 * 200.0)
        } else {
            (600.0 + index as f64 * 900.0, 1390.0 + index as f64 * 900.0)
        };
        let priority = if index < 3 {
            ["Medium", "High"]
        } else {
            ["Low", "High"]
        };
        let name = format!("photographs/{}-1600.jpg", scene.name());
        resources.push(resource(
            &name,
            "Image",
            priority,
            186_000,
            [344.0, head, end],
        ));
    }
    resources
}

/// What the server says that it sent: a picture's preview at once, the rest in turns.
fn pieces(kind: &str, bytes: u64, times: [f64; 3], ms: &dyn Fn(f64) -> Duration) -> Vec<Piece> {
    let [_, head, end] = times;
    let piece = |at, part| Piece {
        at: ms(at),
        bytes: bytes / 8,
        part,
        level: Some(30),
    };
    if kind != "Image" {
        return vec![piece(head - 75.0, Part::Whole)];
    }
    let step = |count: usize| head + 200.0 + (end - head - 300.0) * count as f64 / 7.0;
    let part = |count| if count < 3 { Part::Good } else { Part::Rest };
    let later = (0..7).map(|count| piece(step(count), part(count)));
    std::iter::once(piece(head - 75.0, Part::Preview))
        .chain(later)
        .collect()
}

/// Two sides of so many runs, a few percent apart each.
pub fn comparison(runs: usize) -> Comparison {
    let painter = Painter::new();
    let paint = |states: Vec<(u64, State)>| -> Vec<(u64, Vec<u8>)> {
        states
            .iter()
            .map(|(at, state)| (*at, painter.jpeg(state)))
            .collect()
    };
    let series = |name: &str, states: Vec<(u64, State)>, with: bool| {
        let frames = paint(states);
        let factor = |index: usize| 0.98 + 0.01 * ((index * 3 + 2) % 5) as f64;
        let state = if with { "on" } else { "off" };
        Series {
            name: name.into(),
            url: "https://photos.example/".into(),
            features: vec![
                ("order of bytes".into(), state.into()),
                ("progressive".into(), state.into()),
            ],
            runs: (0..runs)
                .map(|index| run(&frames, factor(index), with))
                .collect(),
        }
    };
    Comparison {
        without: series("Page as it is", in_turn(), false),
        with: series("With Firstlight", previews_first(), true),
        conditions: Conditions {
            profile: "3g-fast: 1600 kbit/s down, 768 up, 150 ms round trip".into(),
            link: "tun".into(),
            browser: "Chrome/156.0.8078.79".into(),
            congestion_control: "bbr".into(),
            load_average: (0.71, 2.34),
            notes: vec!["This page is made up.".into()],
        },
    }
}
