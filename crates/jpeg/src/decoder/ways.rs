//! Quicker ways to read a scan, each with look-ups of its own.

use super::differences::Differences;
use super::look_ups::Pair;
use super::lowest::Lowest;
use super::part::Part;
use super::scans::{Band, Chosen, Coding};
use super::skims::Skims;

/// Pictures of fewer blocks do not repay the look-ups.
const WORTH: usize = 8192;

/// The quicker ways that there are for a scan; it has one at most.
#[derive(Default)]
pub(crate) struct Ways<'a> {
    /// For finding the ends of blocks, where only their beginnings are wanted.
    pub(super) skims: Option<Skims<'a>>,
    /// For the lowest frequencies, where a scan of a progressive file gives no others.
    pub(super) lowest: Option<Lowest<'a>>,
    /// For differences of DC coefficients, where a scan holds no others.
    pub(super) differences: Option<Differences<'a>>,
}

impl<'a> Ways<'a> {
    /// Those for a scan of `members` among `parts`, with their codes.
    pub(super) fn new(
        parts: &[Part],
        members: &[usize],
        band: Band,
        chosen: &[Chosen<'a>; 4],
    ) -> Self {
        let mut ways = Self::default();
        let parts: Vec<_> = members.iter().map(|index| &parts[*index]).collect();
        if parts
            .iter()
            .all(|part| part.grid.stride * part.grid.rows < WORTH)
        {
            return ways;
        }
        // Which member each block of an MCU is of.
        let counts = parts.iter().map(|part| {
            let (across, down) = part.across_and_down(parts.len() == 1);
            across * down
        });
        let units = counts.enumerate();
        let units = units.flat_map(|(place, count)| std::iter::repeat_n(place, count));
        let codes: Vec<_> = members.iter().map(|index| chosen[*index]).collect();
        match band.coding {
            Coding::Sequential if parts.iter().any(|part| part.size < 4) => {
                let pairs = codes.iter().map(|codes| {
                    Some(Pair {
                        dc: codes.dc?,
                        ac: codes.ac?,
                    })
                });
                let pairs: Option<_> = pairs.collect();
                ways.skims = pairs.and_then(|pairs| Skims::new(pairs, units.collect()));
            }
            Coding::DcFirst => {
                let units: Option<_> = units.map(|place| codes[place].dc).collect();
                ways.differences = units.and_then(Differences::new);
            }
            Coding::AcFirst => {
                let alone = parts.iter().all(|part| part.size == 2 && !part.refined);
                let codes = codes.first().and_then(|codes| codes.ac);
                ways.lowest = codes.filter(|_| alone).map(|ac| Lowest::new(band, ac));
            }
            _ => {}
        }
        ways
    }
}
