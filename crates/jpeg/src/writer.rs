//! From coefficients to a file: baseline or progressive, with the best Huffman codes for each
//! scan, and every offset recorded while writing.

use crate::huffman::Codes;
use crate::markers::{self, DHT, DQT, EOI, SOF0, SOF1, SOF2, SOS};
use crate::quantisation::{NATURAL, QuantisationTable};
use crate::script::{Members, Step, progressive};
use crate::tokens::{AC, Band, DC, Tokens, masks_of};
use crate::{Coefficients, ComponentCoefficients, Encoded, JpegError, Scan, vectors};

/// How to write coefficients down.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions<'a> {
    /// Several scans, coarse to fine, instead of one from top to bottom.
    pub progressive: bool,
    /// Bytes within which everything up to the first preview should lie, see
    /// [`EncodeOptions::preview_budget`](crate::EncodeOptions::preview_budget).
    pub preview_budget: usize,
    /// Colour profile, carried along in APP2 segments.
    pub icc: Option<&'a [u8]>,
    /// EXIF data, carried along in APP1.
    pub exif: Option<&'a [u8]>,
}

/// The fewest DC bits left for later. One is as good as free: the lowest bit hardly compresses.
const FINEST_DC: u8 = 1;
/// The most DC bits left for later; beyond it the preview shows bands.
const COARSEST_DC: u8 = 5;
/// The DC bits left for later where nothing fits the budget: a preview of moderate size, since
/// each bit more costs a pass and some bytes and would gain nothing.
const HOPELESS_DC: u8 = 3;

/// Writes coefficients as a file. No coefficient is changed: decoding gives the same ones.
///
/// The first scan of a progressive file leaves out as few bits of the DC coefficients as the
/// budget allows; when even the coarsest does not fit, a middling one is taken.
///
/// # Errors
/// [`JpegError::InvalidInput`] when the coefficients do not make a picture of 8 bits, or the
/// metadata does not fit its segments.
pub fn write(
    coefficients: &Coefficients,
    options: &WriteOptions<'_>,
) -> Result<Encoded, JpegError> {
    coefficients.check()?;
    let mut writer = Writer::new(coefficients, options)?;
    if options.progressive {
        writer.progressive(options.preview_budget)?;
    } else {
        writer.baseline()?;
    }
    Ok(writer.finish())
}

struct Writer<'a> {
    picture: &'a Coefficients,
    /// Which coefficients are not zero, for each component's blocks.
    masks: Vec<Vec<u64>>,
    tokens: Tokens,
    out: Vec<u8>,
    scans: Vec<Scan>,
}

/// A scan written down apart from the file, not yet in its place.
struct Draft {
    step: Step,
    /// Huffman tables and the SOS header.
    header: Vec<u8>,
    data: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Writes everything before the first scan's tables.
    fn new(picture: &'a Coefficients, options: &WriteOptions<'_>) -> Result<Self, JpegError> {
        let mut out = Vec::new();
        markers::preamble(&mut out, options.icc, options.exif)?;
        let (tables, chosen) = distinct_tables(picture);
        quantisation_tables(&mut out, &tables)?;
        let wide = tables
            .iter()
            .any(|table| table.iter().any(|step| *step > 255));
        let marker = match (options.progressive, wide) {
            (true, _) => SOF2,
            (false, true) => SOF1,
            (false, false) => SOF0,
        };
        frame_header(&mut out, marker, picture, &chosen)?;
        let masks = picture.components.iter().map(masks_of).collect();
        Ok(Self {
            picture,
            masks,
            tokens: Tokens::new(),
            out,
            scans: Vec::new(),
        })
    }

    fn baseline(&mut self) -> Result<(), JpegError> {
        let step = Step {
            members: Members::All,
            start: 0,
            end: 63,
            high: 0,
            low: 0,
        };
        let draft = self.draft(step)?;
        self.append(&draft);
        Ok(())
    }

    fn progressive(&mut self, budget: usize) -> Result<(), JpegError> {
        let components = self.picture.components.len();
        // The second scan does not depend on the first: it is written first, because its header
        // belongs to the budget.
        let second = self.draft(progressive(components, FINEST_DC)[1])?;
        let room = budget.saturating_sub(self.out.len() + second.header.len());
        let mut fitting = None;
        for low in FINEST_DC..=COARSEST_DC {
            let draft = self.draft(progressive(components, low)[0])?;
            if draft.header.len() + draft.data.len() <= room {
                fitting = Some(draft);
                break;
            }
        }
        let first = match fitting {
            Some(draft) => draft,
            None => self.draft(progressive(components, HOPELESS_DC)[0])?,
        };
        let low = first.step.low;
        self.append(&first);
        self.append(&second);
        for step in progressive(components, low).into_iter().skip(2) {
            let draft = self.draft(step)?;
            self.append(&draft);
        }
        Ok(())
    }

    /// Writes one scan apart from the file.
    fn draft(&mut self, step: Step) -> Result<Draft, JpegError> {
        self.tokens.clear();
        match (step.members, step.start) {
            (Members::One(index), 1..) => self.band(index, step),
            _ => self.interleaved(step),
        }
        let mut header = Vec::new();
        let mut codes = [0; 2048];
        for (kind, tables) in [(0u8, DC), (1, AC)] {
            for (id, table) in (0u8..).zip(tables) {
                let counts = self.tokens.counts(table);
                if counts.iter().any(|count| *count > 0) {
                    let best = Codes::best(counts);
                    let class = [kind << 4 | id];
                    markers::segment(&mut header, DHT, &[&class, &best.lengths, &best.symbols])?;
                    best.assign(&mut codes[table << 8..(table + 1) << 8]);
                }
            }
        }
        self.scan_header(&mut header, step)?;
        let mut data = Vec::new();
        vectors::emit(&self.tokens.list, &codes, &mut data);
        Ok(Draft { step, header, data })
    }

    /// Collects the tokens of a scan of AC coefficients of one component.
    fn band(&mut self, index: usize, step: Step) {
        let band = Band {
            component: &self.picture.components[index],
            masks: &self.masks[index],
            table: AC[index.min(1)],
            start: step.start,
            end: step.end,
            low_bit: step.low,
        };
        if step.high == 0 {
            band.first(&mut self.tokens);
        } else {
            band.refine(&mut self.tokens);
        }
    }

    /// Collects the tokens of a scan that holds all components: DC alone, or everything.
    fn interleaved(&mut self, step: Step) {
        let picture = self.picture;
        let (across, down) = picture.mcus();
        let mut previous = vec![0; picture.components.len()];
        for mcu in 0..across * down {
            let (mcu_x, mcu_y) = (mcu % across, mcu / across);
            for (index, component) in picture.components.iter().enumerate() {
                let (h, v) = (
                    usize::from(component.horizontal),
                    usize::from(component.vertical),
                );
                for at in
                    (0..h * v).map(|i| (mcu_y * v + i / h) * component.stride + mcu_x * h + i % h)
                {
                    let block = &component.blocks[at];
                    let dc = i32::from(block[0]) >> step.low;
                    if step.high > 0 {
                        self.tokens.bit(dc as u32);
                        continue;
                    }
                    self.tokens
                        .dc_difference(DC[index.min(1)], dc - previous[index]);
                    previous[index] = dc;
                    if step.end > 0 {
                        let mask = self.masks[index][at];
                        self.tokens.sequential(AC[index.min(1)], block, mask);
                    }
                }
            }
        }
    }

    fn scan_header(&self, out: &mut Vec<u8>, step: Step) -> Result<(), JpegError> {
        let members = self.members(step);
        let mut content = vec![members.len() as u8];
        for index in members {
            let table = index.min(1) as u8;
            // DC scans name no AC table and the other way round (T.81 §B.2.3 wants zeros).
            let dc = if step.start == 0 && step.high == 0 {
                table
            } else {
                0
            };
            let ac = if step.end > 0 { table } else { 0 };
            content.extend_from_slice(&[index as u8 + 1, dc << 4 | ac]);
        }
        content.extend_from_slice(&[step.start, step.end, step.high << 4 | step.low]);
        markers::segment(out, SOS, &[&content])
    }

    fn members(&self, step: Step) -> Vec<usize> {
        match step.members {
            Members::All => (0..self.picture.components.len()).collect(),
            Members::One(index) => vec![index],
        }
    }

    /// Puts a scan behind the others and records where it lies.
    fn append(&mut self, draft: &Draft) {
        let members = self.members(draft.step);
        // The SOS header is the last of the header's segments: marker, length, content.
        let sos = 2 + 2 + 1 + 2 * members.len() + 3;
        self.out.extend_from_slice(&draft.header);
        let data = self.out.len();
        self.out.extend_from_slice(&draft.data);
        if let Some(previous) = self.scans.last_mut() {
            previous.shown_at = data;
        }
        self.scans.push(Scan {
            start: data - sos,
            data,
            end: self.out.len(),
            shown_at: self.out.len(),
            components: members,
            band_start: draft.step.start,
            band_end: draft.step.end,
            high_bit: draft.step.high,
            low_bit: draft.step.low,
        });
    }

    fn finish(mut self) -> Encoded {
        self.out.extend_from_slice(&[0xFF, EOI]);
        if let Some(last) = self.scans.last_mut() {
            last.shown_at = self.out.len();
        }
        Encoded {
            header_end: self.scans.first().map_or(0, |scan| scan.data),
            components: self.picture.components.len(),
            bytes: self.out,
            scans: self.scans,
        }
    }
}

/// The tables that differ, and which of them each component uses.
fn distinct_tables(picture: &Coefficients) -> (Vec<&QuantisationTable>, Vec<u8>) {
    let mut tables: Vec<&QuantisationTable> = Vec::new();
    let mut chosen = Vec::new();
    for ComponentCoefficients { table, .. } in &picture.components {
        let known = tables.iter().position(|other| *other == table);
        let index = known.unwrap_or_else(|| {
            tables.push(table);
            tables.len() - 1
        });
        chosen.push(index as u8);
    }
    (tables, chosen)
}

fn quantisation_tables(out: &mut Vec<u8>, tables: &[&QuantisationTable]) -> Result<(), JpegError> {
    let mut content = Vec::new();
    for (id, table) in (0u8..).zip(tables) {
        let wide = table.iter().any(|step| *step > 255);
        content.push(u8::from(wide) << 4 | id);
        for natural in NATURAL {
            let [high, low] = table[usize::from(natural)].to_be_bytes();
            if wide {
                content.push(high);
            }
            content.push(low);
        }
    }
    markers::segment(out, DQT, &[&content])
}

fn frame_header(
    out: &mut Vec<u8>,
    marker: u8,
    picture: &Coefficients,
    tables: &[u8],
) -> Result<(), JpegError> {
    let [height_high, height_low] = (picture.height as u16).to_be_bytes();
    let [width_high, width_low] = (picture.width as u16).to_be_bytes();
    let count = picture.components.len() as u8;
    let mut content = vec![8, height_high, height_low, width_high, width_low, count];
    for ((id, component), table) in (1..).zip(&picture.components).zip(tables) {
        let factors = component.horizontal << 4 | component.vertical;
        content.extend_from_slice(&[id, factors, *table]);
    }
    markers::segment(out, marker, &[&content])
}
