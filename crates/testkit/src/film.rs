//! A page as it appeared over a link: every change of the screen, and when how much had arrived.

use std::time::{Duration, SystemTime};

use crate::browser::{BrowserError, Page};
use crate::link::Meter;

/// What was on the screen while a page loaded. All times count from the start of the navigation.
#[derive(Clone, Debug)]
pub struct Film {
    /// Every change of the screen, in order.
    pub frames: Vec<Frame>,
    /// Bytes that had arrived, packet headers included, and when; in order.
    pub arrivals: Vec<(Duration, u64)>,
}

/// What was on the screen from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The moment.
    pub at: Duration,
    /// The screen, as JPEG.
    pub jpeg: Vec<u8>,
}

impl Film {
    /// What a page has shown since its navigation began; its screencast must be on. `meter` must
    /// be as old as that.
    ///
    /// # Errors
    /// When the page cannot say when it started.
    pub fn of(page: &Page, meter: &Meter) -> Result<Self, BrowserError> {
        let origin = page.evaluate("performance.timeOrigin")?.as_f64();
        let origin = origin
            .and_then(|milliseconds| Duration::try_from_secs_f64(milliseconds / 1000.0).ok())
            .ok_or(BrowserError::Nonsense("no time origin"))?;
        let origin = SystemTime::UNIX_EPOCH + origin;
        let frames = page.frames()?.into_iter();
        let frames = frames.map(|(at, frame)| Frame {
            at,
            jpeg: frame.jpeg,
        });
        // What arrived before the navigation, if anything, counts from its start.
        let after = |moment: SystemTime| moment.duration_since(origin).unwrap_or_default();
        let arrivals = meter.arrivals().into_iter();
        Ok(Self {
            frames: frames.collect(),
            arrivals: arrivals.map(|(at, bytes)| (after(at), bytes)).collect(),
        })
    }

    /// What was on the screen at a time.
    pub fn screen(&self, time: Duration) -> Option<&Frame> {
        self.frames
            .iter()
            .take_while(|frame| frame.at <= time)
            .last()
    }

    /// How much had arrived by a time.
    pub fn arrived(&self, time: Duration) -> u64 {
        let until = self.arrivals.partition_point(|(at, _)| *at <= time);
        until.checked_sub(1).map_or(0, |last| self.arrivals[last].1)
    }

    /// The last time at which no more than so many bytes had arrived; `None` if no more than that
    /// ever did.
    pub fn last_below(&self, bytes: u64) -> Option<Duration> {
        let above = self.arrivals.iter().find(|(_, arrived)| *arrived > bytes)?;
        Some(above.0.saturating_sub(Duration::from_nanos(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screens_and_bytes_last_until_the_next_ones() {
        let ms = Duration::from_millis;
        let frame = |at| Frame {
            at: ms(at),
            jpeg: vec![at as u8],
        };
        let film = Film {
            frames: vec![frame(10), frame(50)],
            arrivals: vec![(ms(0), 0), (ms(20), 1500), (ms(60), 3000)],
        };
        let screen = |at| film.screen(ms(at)).map(|frame| frame.at);
        assert_eq!((screen(9), screen(49)), (None, Some(ms(10))));
        assert_eq!(screen(900), Some(ms(50)));
        let arrived = [0, 19, 20, 59, 900].map(|at| film.arrived(ms(at)));
        assert_eq!(arrived, [0, 0, 1500, 1500, 3000]);
        for bytes in [0, 1499, 1500, 2999] {
            let last = film.last_below(bytes).unwrap();
            assert!(film.arrived(last) <= bytes, "{bytes}");
            assert!(film.arrived(last + ms(1)) > bytes, "{bytes}");
        }
        assert_eq!(film.last_below(3000), None);
    }
}
