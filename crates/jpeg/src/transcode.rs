//! From file to file without loss: the same coefficients in progressive scans.
//!
//! Nearly every file in the world has one sequential scan, and such a file is read straight into
//! the tokens of the new scans. What is rare goes by way of its coefficients. Both give the same
//! bytes.

use crate::coefficients::Grid;
use crate::decoder::{self, LookUps, Pair, Reader, Relay, Tables, unstuffed};
use crate::writer::Writer;
use crate::{
    Coefficients, ComponentCoefficients, DecodeOptions, Encoded, JpegError, Limits, Marks, Process,
    ScanMap, Script, WriteOptions, map_scans, read_coefficients, spare, vectors,
};

/// How to bring a file into progressive order.
#[derive(Clone, Copy)]
pub struct TranscodeOptions<'a> {
    /// What the file may ask for.
    pub limits: Limits,
    /// How the new file is written. `progressive` is taken as true.
    pub write: WriteOptions<'a>,
    /// Asked once for each row of blocks; true stops the work.
    pub cancel: &'a dyn Fn() -> bool,
}

/// Brings a file into progressive order: our scan script, the best Huffman codes for each scan,
/// and not one coefficient changed, so that every decoder gives the same pixels. Restart markers
/// and metadata other than that of the options are left out; what tells decoders the meaning of
/// the components is carried along.
///
/// Costs a small part of decoding where the file has one sequential scan, and about three times a
/// decoding elsewhere.
///
/// # Errors
/// As [`decode`](crate::decode()) for files that are damaged or cannot be read, also
/// [`JpegError::InvalidInput`] for coefficients that have no code in a progressive file, and for
/// metadata that does not fit its segments.
pub fn transcode(bytes: &[u8], options: &TranscodeOptions<'_>) -> Result<Encoded, JpegError> {
    let how = DecodeOptions {
        limits: options.limits,
        cancel: options.cancel,
        ..DecodeOptions::default()
    };
    let write = WriteOptions {
        progressive: true,
        ..options.write
    };
    let map = map_scans(bytes, &options.limits)?;
    decoder::check(&map)?;
    check_sequence(&map)?;
    if map.complete
        && let Some(encoded) = relayed(bytes, &map, &write, options.cancel)?
    {
        return Ok(encoded);
    }
    // Whatever is wrong, the long way says what.
    crate::write(&read_coefficients(bytes, &how)?, &write)
}

/// Refuses sequential files of which no two decoders make the same picture, so that there is none
/// to keep: scans that name a part of the coefficients (ITU-T T.81 table B.3), and more than one
/// scan for a component (§G.1.1 has those for progressive files alone).
fn check_sequence(map: &ScanMap) -> Result<(), JpegError> {
    if !matches!(map.process, Process::Baseline | Process::Extended) {
        return Ok(());
    }
    let mut seen = vec![false; map.components.len()];
    for scan in &map.scans {
        let malformed = |what| JpegError::Malformed {
            offset: scan.start,
            what,
        };
        let band = (scan.band_start, scan.band_end);
        if (band, scan.high_bit, scan.low_bit) != ((0, 63), 0, 0) {
            return Err(malformed("a sequential scan of a part of the coefficients"));
        }
        let again = |component: &usize| {
            let first = seen.get_mut(*component);
            first.is_none_or(|seen| std::mem::replace(seen, true))
        };
        if scan.components.iter().any(again) {
            return Err(malformed("a second sequential scan of a component"));
        }
    }
    Ok(())
}

/// The short way; none if the file is not of the kind that it is for, or damaged.
///
/// # Errors
/// [`JpegError::Cancelled`], [`JpegError::Malformed`] for tables, and as the writer.
fn relayed(
    bytes: &[u8],
    map: &ScanMap,
    options: &WriteOptions<'_>,
    cancel: &dyn Fn() -> bool,
) -> Result<Option<Encoded>, JpegError> {
    if !is_usual(map) || options.script != Script::Quick {
        return Ok(None);
    }
    let mut tables = Tables::default();
    tables.read(bytes, 2..map.scans[0].start)?;
    let Some(frame) = frame(map, &tables) else {
        return Ok(None);
    };
    if frame.check_frame().is_err() {
        return Ok(None);
    }
    let Some(mut relay) = relay(bytes, map, &tables, &frame) else {
        return Ok(None);
    };
    if !read(bytes, map, tables.restart_interval, &mut relay, cancel)? {
        return Ok(None);
    }
    let mut writer = Writer::new(&frame, Some(&relay), options)?;
    writer.progressive(options)?;
    Ok(Some(writer.finish()))
}

/// Whether a file has one sequential scan of all components, of which only the first may have more
/// than one block in an MCU.
fn is_usual(map: &ScanMap) -> bool {
    let whole = match &map.scans[..] {
        [scan] => scan.components.iter().copied().eq(0..map.components.len()),
        _ => false,
    };
    let single =
        |component: &crate::Component| (component.horizontal, component.vertical) == (1, 1);
    whole
        && matches!(map.process, Process::Baseline | Process::Extended)
        && map.components.iter().skip(1).all(single)
}

/// The picture without its blocks; none if a quantisation table is missing.
fn frame(map: &ScanMap, tables: &Tables) -> Option<Coefficients> {
    let alone = map.components.len() == 1;
    let factors = |component: &crate::Component| match alone {
        true => (1, 1),
        false => (component.horizontal, component.vertical),
    };
    let size = (map.width as usize, map.height as usize);
    let wide = |(h, v): (u8, u8)| (usize::from(h), usize::from(v));
    let largest = wide(factors(map.components.first()?));
    let components = map.components.iter().map(|component| {
        let (horizontal, vertical) = factors(component);
        let grid = Grid::new(size, wide((horizontal, vertical)), largest);
        Some(ComponentCoefficients {
            horizontal,
            vertical,
            table: (*tables.quantisation.get(usize::from(component.table))?)?,
            columns: grid.columns,
            rows: grid.rows,
            stride: grid.stride,
            blocks: Vec::new(),
        })
    });
    Some(Coefficients {
        width: size.0,
        height: size.1,
        components: components.collect::<Option<_>>()?,
        marks: Marks::of(map),
    })
}

/// An empty relay for the picture; none if a Huffman table is missing.
fn relay<'a>(
    bytes: &[u8],
    map: &ScanMap,
    tables: &'a Tables,
    frame: &Coefficients,
) -> Option<Relay<'a>> {
    let scan = map.scans.first()?;
    let selectors = bytes.get(scan.start + 5..scan.data)?;
    let selectors = selectors.chunks_exact(2).take(frame.components.len());
    let mut pairs = Vec::new();
    for selector in selectors {
        let selector = usize::from(selector[1]);
        pairs.push(Pair {
            dc: tables.dc.get(selector >> 4)?.as_ref()?,
            ac: tables.ac.get(selector & 15)?.as_ref()?,
        });
    }
    if pairs.len() < frame.components.len() {
        return None;
    }
    let factors = frame.factors();
    let (across, down) = frame.mcus();
    let mut units = vec![0; factors.0 * factors.1];
    units.extend(1..frame.components.len());
    let first = frame.components.first()?;
    let blocks = (first.columns, first.rows);
    Some(Relay::new(
        LookUps::new(pairs),
        units,
        (factors, blocks),
        (across, across * down),
        scan.end - scan.data,
    ))
}

/// Reads the scan; false if it cannot be read.
fn read(
    bytes: &[u8],
    map: &ScanMap,
    interval: usize,
    relay: &mut Relay<'_>,
    cancel: &dyn Fn() -> bool,
) -> Result<bool, JpegError> {
    let scan = &map.scans[0];
    let mut data = bytes.get(scan.data..scan.end).unwrap_or_default();
    let mut plain = Vec::new();
    let across = (map.width as usize).div_ceil(8 * relay.factors.0);
    let total = across * (map.height as usize).div_ceil(8 * relay.factors.1);
    let interval = match interval {
        0 => total,
        interval => interval,
    };
    let mut mcu = 0;
    while mcu < total {
        data = unstuffed(data, &mut plain);
        let mut reader = Reader::new(&plain);
        relay.previous = [0; 4];
        let end = total.min(mcu + interval);
        while mcu < end {
            let (x, row) = (mcu % across, mcu / across);
            let count = (across - x).min(end - mcu);
            if vectors::relay_row(relay, &mut reader, count).is_err() {
                return Ok(false);
            }
            mcu += count;
            if mcu % across == 0 {
                vectors::relay_end(relay, row);
                if cancel() {
                    return Err(JpegError::Cancelled);
                }
            }
        }
    }
    relay.finish();
    spare::keep_bytes(plain);
    Ok(true)
}
