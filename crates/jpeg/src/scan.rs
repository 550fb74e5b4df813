//! Scans and their offsets: what a file shows, and from which byte on.

/// One scan of a file. All offsets are in bytes from the beginning of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Offset of the scan's SOS marker; tables that come before it belong to the gap before.
    pub start: usize,
    /// Offset of the first entropy-coded byte, just after the SOS header.
    pub data: usize,
    /// Offset just past the last entropy-coded byte.
    pub end: usize,
    /// Offset at which everything this scan shows has been sent: after the **next** scan's SOS
    /// header, or the end of the file for the last scan. Decoders hold back the last rows of a
    /// scan until they see that another one begins.
    pub shown_at: usize,
    /// Which components the scan holds, as indices into the frame's list.
    pub components: Vec<usize>,
    /// First coefficient of the band in zigzag order, 0–63 (ITU-T T.81 §G.1.1.1.1, `Ss`).
    pub band_start: u8,
    /// Last coefficient of the band (`Se`).
    pub band_end: u8,
    /// Bits that were missing before this scan (`Ah`); 0 for the first scan of a band.
    pub high_bit: u8,
    /// Bits still missing after this scan (`Al`).
    pub low_bit: u8,
}

/// The structure of a file, for deciding in which order its bytes leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Length of the file in bytes.
    pub length: usize,
    /// Offset at which a decoder knows the dimensions: after the first SOS header.
    pub header: usize,
    /// Offset at which every component has been seen over the whole picture; `length` for files
    /// that show it only at their end.
    pub preview: usize,
    /// Offset at which the picture is near its final look; between `preview` and `length`.
    pub good: usize,
    /// Every scan in file order.
    pub scans: Vec<Scan>,
}

impl Outline {
    /// Reads the points of interest from the scans of a file of `length` bytes whose frame has
    /// `components` components.
    ///
    /// `good` is the first point past a fifth of the file at which the first component has more
    /// than its DC coefficients; `length` when there is none.
    pub fn new(scans: &[Scan], components: usize, length: usize) -> Self {
        let mut outline = Self {
            length,
            header: scans.first().map_or(0, |scan| scan.data),
            preview: length,
            good: length,
            scans: scans.to_vec(),
        };
        if scans.len() > 1 {
            outline.preview = preview_offset(scans, components).unwrap_or(length);
            outline.good = good_offset(scans, length).map_or(length, |at| at.max(outline.preview));
        }
        outline
    }
}

/// Where the last of the components has been shown for the first time.
fn preview_offset(scans: &[Scan], components: usize) -> Option<usize> {
    let mut seen = vec![false; components];
    for scan in scans {
        for &component in &scan.components {
            if let Some(flag) = seen.get_mut(component) {
                *flag = true;
            }
        }
        if seen.iter().all(|flag| *flag) {
            return Some(scan.shown_at);
        }
    }
    None
}

/// Where the picture is good enough, see [`Outline::new`].
fn good_offset(scans: &[Scan], length: usize) -> Option<usize> {
    let detailed = scans
        .iter()
        .position(|scan| scan.band_end > 0 && scan.components.contains(&0))?;
    let mut points = scans[detailed..].iter().map(|scan| scan.shown_at);
    points.find(|at| *at >= length / 5)
}
