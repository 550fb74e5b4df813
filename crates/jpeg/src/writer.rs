//! From coefficients to a file: baseline or progressive, with the best Huffman codes for each
//! scan, and every offset recorded while writing.

use crate::decoder::{INDICES, Relay};
use crate::headers::{distinct_tables, frame_header, quantisation_tables};
use crate::huffman::Codes;
use crate::markers::{self, DHT, EOI, SOF0, SOF1, SOF2, SOS};
use crate::script::{LOW_END, Members, Script, Step, progressive};
use crate::tokens::{AC, Band, DC, Tokens, bits_of, masks_of};
use crate::{Coefficients, Encoded, JpegError, RECORD, Scan, spare, vectors};

/// How to write coefficients down.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions<'a> {
    /// Several scans, coarse to fine, instead of one from top to bottom.
    pub progressive: bool,
    /// Which scans.
    pub script: Script,
    /// Bytes within which everything up to the first preview should lie, see
    /// [`EncodeOptions::preview_budget`](crate::EncodeOptions::preview_budget).
    pub preview_budget: usize,
    /// Bytes that a progressive file should not exceed: where a coarse preview makes it longer,
    /// the preview is made as fine as it is cheapest. `usize::MAX` for no such wish.
    pub preferred_bytes: usize,
    /// Colour profile, carried along in APP2 segments.
    pub icc: Option<&'a [u8]>,
    /// EXIF data, carried along in APP1.
    pub exif: Option<&'a [u8]>,
}

impl Default for WriteOptions<'_> {
    /// Progressive, with a first scan that fits one record if it can, without metadata.
    fn default() -> Self {
        Self {
            progressive: true,
            script: Script::Small,
            preview_budget: RECORD,
            preferred_bytes: usize::MAX,
            icc: None,
            exif: None,
        }
    }
}

/// The fewest DC bits left for later. One is as good as free: the lowest bit hardly compresses.
const FINEST_DC: u8 = 1;
/// Steps of a preview's DC coefficients below this are finer than is seen: one and a half levels of
/// brightness.
const SEEN_DC: u16 = 12;
/// The most DC bits left for later; beyond it the preview shows bands.
const COARSEST_DC: u8 = 5;
/// The DC bits left for later where nothing fits the budget: a preview of moderate size, since
/// each bit more costs a pass and some bytes and would gain nothing.
const HOPELESS_DC: u8 = 2;
/// The bytes of EOI.
const EOI_LENGTH: usize = 2;

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
    let mut writer = Writer::new(coefficients, None, options)?;
    if options.progressive {
        writer.progressive(options)?;
    } else {
        writer.baseline()?;
    }
    Ok(writer.finish())
}

pub(crate) struct Writer<'a> {
    picture: &'a Coefficients,
    /// The picture's tokens, where it has no blocks.
    relay: Option<&'a Relay<'a>>,
    /// Which coefficients are not zero, for each component's blocks.
    masks: Vec<Vec<u64>>,
    tokens: Tokens,
    /// The bits of every index of the relay.
    bits: Option<Box<[u64; INDICES]>>,
    out: Vec<u8>,
    scans: Vec<Scan>,
}

/// A scan written down apart from the file, not yet in its place.
pub(crate) struct Draft {
    step: Step,
    /// Huffman tables and the SOS header.
    pub(crate) header: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Writes everything before the first scan's tables.
    pub(crate) fn new(
        picture: &'a Coefficients,
        relay: Option<&'a Relay<'a>>,
        options: &WriteOptions<'_>,
    ) -> Result<Self, JpegError> {
        let mut out = Vec::new();
        markers::preamble(&mut out, &picture.marks, options.icc, options.exif)?;
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
            relay,
            masks,
            tokens: Tokens::new(),
            bits: None,
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

    pub(crate) fn progressive(&mut self, options: &WriteOptions<'_>) -> Result<(), JpegError> {
        let components = self.picture.components.len();
        // The second scan does not depend on the first: it is written first, because its header
        // belongs to the budget.
        let script = |low| progressive(options.script, components, low);
        let second = self.draft(script(FINEST_DC)[1])?;
        let before = self.out.len() + second.header.len();
        let room = options.preview_budget.saturating_sub(before);
        let mut fitting = None;
        for low in self.finest_dc(options)..=COARSEST_DC {
            // Each block takes a bit at least.
            if self.blocks() / 8 > room {
                break;
            }
            let draft = self.draft(script(low)[0])?;
            if draft.header.len() + draft.data.len() <= room {
                fitting = Some(draft);
                break;
            }
        }
        let low = fitting.as_ref().map_or(HOPELESS_DC, |draft| draft.step.low);
        let made = fitting.into_iter().chain([second]).collect();
        let mut drafts = self.drafts(script(low), made)?;
        let length = |drafts: &[Draft]| {
            let scans = drafts
                .iter()
                .map(|draft| draft.header.len() + draft.data.len());
            scans.sum::<usize>() + EOI_LENGTH
        };
        if low > FINEST_DC && self.out.len() + length(&drafts) > options.preferred_bytes {
            drafts = self.drafts(script(FINEST_DC), drafts)?;
        }
        self.out.reserve(length(&drafts));
        for draft in drafts {
            self.append(&draft);
            spare::keep_bytes(draft.data);
        }
        Ok(())
    }

    /// The scans of the script, as far as they are not made already.
    fn drafts(&mut self, steps: Vec<Step>, mut made: Vec<Draft>) -> Result<Vec<Draft>, JpegError> {
        let drafts = steps.into_iter().map(|step| {
            let known = made.iter().position(|draft| draft.step == step);
            match known {
                Some(place) => Ok(made.swap_remove(place)),
                None => self.draft(step),
            }
        });
        drafts.collect()
    }

    /// How many DC bits a preview leaves for later if it fits the budget: none that it would show,
    /// but one more where the steps are so fine that it is not seen, unless bytes are bounded.
    fn finest_dc(&self, options: &WriteOptions<'_>) -> u8 {
        let step = self.picture.components.first().map_or(1, |it| it.table[0]);
        let is_unseen = (step << FINEST_DC) < SEEN_DC && options.preferred_bytes == usize::MAX;
        FINEST_DC + u8::from(is_unseen)
    }

    /// Blocks of a scan of all components.
    fn blocks(&self) -> usize {
        let (across, down) = self.picture.mcus();
        let factors = self.picture.components.iter();
        let in_mcu = factors.map(|c| usize::from(c.horizontal) * usize::from(c.vertical));
        across * down * in_mcu.sum::<usize>()
    }

    /// Writes one scan apart from the file.
    fn draft(&mut self, step: Step) -> Result<Draft, JpegError> {
        self.tokens.clear();
        match (step.members, step.start, self.relay) {
            (Members::One(index), 1.., Some(relay)) => return self.relayed(index, step, relay),
            (_, _, Some(relay)) => self.relayed_dc(step, relay),
            (Members::One(index), 1.., None) => self.band(index, step),
            (_, _, None) => self.interleaved(step),
        }
        let (header, codes) = self.header(step, &self.tokens.counts)?;
        let bits = bits_of(&codes);
        let taken = self.tokens.counts.iter().zip(&bits);
        let taken = taken.map(|(count, bits)| u64::from(*count) * (bits & 63));
        let mut data = room_for(taken.sum());
        vectors::emit(&[&self.tokens.list], &bits, &mut data);
        Ok(Draft { step, header, data })
    }

    /// The header of a scan and the best codes for its symbols.
    fn header(
        &self,
        step: Step,
        counts: &[u32; 2048],
    ) -> Result<(Vec<u8>, [u32; 2048]), JpegError> {
        let mut header = Vec::new();
        let mut codes = [0; 2048];
        for (kind, tables) in [(0u8, DC), (1, AC)] {
            for (id, table) in (0u8..).zip(tables) {
                let counts = &counts[table << 8..(table + 1) << 8];
                if counts.iter().any(|count| *count > 0) {
                    let best = Codes::best(counts);
                    let class = [kind << 4 | id];
                    markers::segment(&mut header, DHT, &[&class, &best.lengths, &best.symbols])?;
                    best.assign(&mut codes[table << 8..(table + 1) << 8]);
                }
            }
        }
        self.scan_header(&mut header, step)?;
        Ok((header, codes))
    }

    /// Writes a scan whose tokens are there.
    fn relayed(&mut self, index: usize, step: Step, relay: &Relay<'_>) -> Result<Draft, JpegError> {
        let above = usize::from(step.start) > LOW_END;
        let Some(stream) = relay.stream(index, above) else {
            return Err(JpegError::InvalidInput {
                what: "a component that there is not",
            });
        };
        let table = AC[index.min(1)] << 8;
        let mut counts = [0; 2048];
        let found = relay.look_ups.found(stream.part(), &relay.counts);
        found.count(&relay.counts, &mut counts[table..table + 256]);
        let (header, codes) = self.header(step, &counts)?;
        let bits = self.bits.get_or_insert_with(|| Box::new([0; INDICES]));
        found.bits(&codes[table..table + 256], bits);
        let mut data = room_for(found.length(&relay.counts, bits));
        vectors::emit_look_ups(&[stream.tokens()], bits, &mut data);
        Ok(Draft { step, header, data })
    }

    /// Collects the tokens of a scan of DC coefficients that are there in its order.
    fn relayed_dc(&mut self, step: Step, relay: &Relay<'_>) {
        if step.high > 0 {
            vectors::dc_bits(&relay.dc, step.low, &mut self.tokens);
        } else {
            vectors::dc_differences(&relay.dc, &relay.units, step.low, &mut self.tokens);
        }
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
            let id = self.picture.marks.ids.get(index).copied();
            content.extend_from_slice(&[id.unwrap_or(0), dc << 4 | ac]);
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
    pub(crate) fn append(&mut self, draft: &Draft) {
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

    pub(crate) fn finish(mut self) -> Encoded {
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

/// Room for entropy-coded data of so many bits.
fn room_for(bits: u64) -> Vec<u8> {
    let bytes = bits as usize / 8;
    // A little more, for what is stuffed.
    spare::bytes(bytes + bytes / 64 + 64)
}
