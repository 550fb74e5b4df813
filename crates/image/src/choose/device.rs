//! What a picture costs the device that shows it, and what is done for one that is weak.

use super::Choosing;
use crate::{Prefer, Width};

/// The hints that tell of it.
const MEMORY: [&str; 2] = ["sec-ch-device-memory", "device-memory"];

/// A kind of file, as a decoder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    BaselineJpeg,
    WebP,
    ProgressiveJpeg,
    ExactWebP,
}

/// Processor time for a photograph of 1600 by 1306 pixels, in milliseconds: Chromium 156 on x86-64,
/// `createImageBitmap` sixty times, the time of all its processes, per picture; lossy files at
/// quality 80. One photograph, and no phone: the order and the rough proportions are what counts.
/// Pixels weigh more than any kind of file, so a right size saves the most.
const DECODE: [(Kind, u32); 4] = [
    (Kind::BaselineJpeg, 27),
    (Kind::WebP, 39),
    (Kind::ProgressiveJpeg, 42),
    (Kind::ExactWebP, 78),
];

/// What decoding one costs, in milliseconds for the picture of the table.
pub(super) fn decode_cost(kind: Kind) -> u32 {
    let mut known = DECODE.iter().filter(|(known, _)| *known == kind);
    known.next().map_or(u32::MAX, |(_, cost)| *cost)
}

impl Choosing<'_> {
    /// What matters more for photographs. On a weak device few bytes do: WebP has fewer and costs
    /// less to decode, and a progressive JPEG needs memory for all its coefficients until the last
    /// scan is there.
    ///
    /// Device memory is only looked at where the browser's hints are in play anyway, so that other
    /// responses do not vary on one header more.
    pub(super) fn preference(&mut self) -> Prefer {
        let usual = self.policy.prefer;
        if usual == Prefer::Bytes || !self.policy.webp || !self.follows_hints() {
            return usual;
        }
        let cheaper = decode_cost(Kind::WebP) < decode_cost(Kind::ProgressiveJpeg);
        match self.is_weak() && cheaper {
            true => {
                self.because("format: few bytes, which a device with little memory decodes sooner");
                Prefer::Bytes
            }
            false => usual,
        }
    }

    /// Whether the device says that it is weak; the choice depends on it from now on.
    pub(super) fn is_weak(&mut self) -> bool {
        self.depends_on(&MEMORY);
        self.signals.is_weak()
    }

    /// Whether the hints on the size decide anything here.
    fn follows_hints(&self) -> bool {
        self.transform.width == Some(Width::Auto)
            || (self.policy.width_hints
                && self.transform.width.is_none()
                && self.transform.height.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_was_measured_and_few_bytes_cost_less_than_an_early_preview() {
        let kinds = [
            Kind::BaselineJpeg,
            Kind::WebP,
            Kind::ProgressiveJpeg,
            Kind::ExactWebP,
        ];
        let costs = kinds.map(decode_cost);
        assert!(costs.is_sorted() && costs[3] < u32::MAX, "{costs:?}");
        assert!(costs[1] < costs[2]);
    }
}
