//! How good the variant is to be: a number for the encoder, or a target for the eye.

use base::Quality;

use super::Choosing;
use crate::{Demands, Factor, Output, QualityChoice, Target, Tier};

/// By how much less quality, and how many points less, pictures for so dense displays have. Shown at
/// half its size, quality 50 looks better than quality 80 does at its own (`cargo xtask bench
/// quality-usual`).
const BY_DENSITY: [(u32, u8, u8); 2] = [(3000, 30, 13), (2000, 12, 5)];

/// What the encoder is told.
pub(super) struct Wish {
    /// The encoder's quality; with a target, until a search has found better.
    pub(super) quality: Quality,
    /// How good the result is to look.
    pub(super) target: Option<Target>,
}

impl Choosing<'_> {
    pub(super) fn quality(&mut self, output: Output) -> Wish {
        if let Output::Placeholder { .. } = output {
            // The same for everyone.
            return Wish {
                quality: self.policy.quality.quality(),
                target: None,
            };
        }
        let choice = self.quality_choice();
        let lossless = matches!(output, Output::Png | Output::Facts);
        // Who wants it fast wants no search, and a number of bytes is a goal of its own.
        let Demands {
            max_bytes,
            qualities,
            ..
        } = &self.transform.demands;
        let said = self.transform.fast || max_bytes.is_some() || !qualities.is_empty();
        let target = choice.target().filter(|_| !lossless && !said);
        if let Some(target) = target {
            self.because(format!(
                "quality: {} until a search has found what gives {target} points of SSIMULACRA2",
                choice.quality()
            ));
        }
        Wish {
            quality: choice.quality(),
            target,
        }
    }

    fn quality_choice(&mut self) -> Level {
        if let Some(slow) = self.transform.slow_quality {
            self.depends_on(&["save-data", "rtt", "downlink", "ect"]);
            if self.signals.is_slow() {
                self.lowered |= self.signals.tier == Some(Tier::Slow);
                return self.said(slow.into(), "asked for slow connections");
            }
        }
        if let Some(asked) = self.transform.quality
            && asked != QualityChoice::Auto
        {
            return self.said(asked.into(), "as asked");
        }
        self.depends_on(&["save-data"]);
        let usual = match self.transform.quality {
            Some(asked) => asked,
            None => self.policy.quality,
        };
        let (level, reason) = if self.signals.save_data {
            let saving = self.policy.save_data_quality.into();
            (Level::like(usual, saving), "for `Save-Data`")
        } else {
            self.by_tier(usual)
        };
        let level = self.said(level, reason);
        self.by_density(usual.into(), level)
    }

    fn by_tier(&mut self, usual: QualityChoice) -> (Level, &'static str) {
        let plain = match self.transform.quality {
            Some(_) => "as asked",
            None => "from the settings",
        };
        let (tier, reason) = self.tier();
        let less = match tier {
            Some(Tier::Slow) => self.policy.slow_quality,
            Some(Tier::Medium) => self.policy.medium_quality,
            Some(Tier::Fast) | None => return (usual.into(), plain),
        };
        let (usual, less) = (Level::from(usual), Level::like(usual, less.into()));
        if less.rank() >= usual.rank() {
            return (usual, plain);
        }
        self.lowered = true;
        (less, reason)
    }

    /// Less than usual for pixels so small that flaws are not seen, if it is not less already.
    fn by_density(&mut self, usual: Level, level: Level) -> Level {
        if !self.policy.dpr_quality {
            return level;
        }
        let density = self.density.thousandths();
        let mut steps = BY_DENSITY.iter();
        let Some((least, quality, points)) = steps.find(|(least, ..)| density >= *least) else {
            return level;
        };
        let less = usual.less(*quality, *points);
        if less.rank() >= level.rank() {
            return level;
        }
        let least = Factor::from_thousandths(*least).value();
        self.said(less, &format!("for {least} device pixels or more"))
    }

    fn said(&mut self, level: Level, why: &str) -> Level {
        match level {
            Level::Number(quality) => self.because(format!("quality: {quality}, {why}")),
            Level::Looks(target) => self.because(format!("quality: {target} points, {why}")),
        }
        level
    }
}

/// A quality on one of two scales.
#[derive(Clone, Copy)]
enum Level {
    /// The encoder's.
    Number(Quality),
    /// The eye's.
    Looks(Target),
}

impl From<QualityChoice> for Level {
    fn from(choice: QualityChoice) -> Self {
        match choice.target() {
            Some(target) => Self::Looks(target),
            None => Self::Number(choice.quality()),
        }
    }
}

impl Level {
    /// A level on the same scale as another: beside one for the eye, a number stands for what it
    /// usually looks like.
    fn like(usual: QualityChoice, level: Self) -> Self {
        match (usual.target(), level) {
            (Some(_), Self::Number(quality)) => Self::Looks(Target::usual(quality)),
            _ => level,
        }
    }

    fn target(self) -> Option<Target> {
        match self {
            Self::Number(_) => None,
            Self::Looks(target) => Some(target),
        }
    }

    fn quality(self) -> Quality {
        match self {
            Self::Number(quality) => quality,
            Self::Looks(target) => target.usual_quality(),
        }
    }

    /// How good it is beside others.
    fn rank(self) -> u8 {
        match self {
            Self::Number(quality) => Target::usual(quality).points(),
            Self::Looks(target) => target.points(),
        }
    }

    fn less(self, quality: u8, points: u8) -> Self {
        match self {
            Self::Number(usual) => {
                Self::Number(Quality::new(usual.value().saturating_sub(quality)))
            }
            Self::Looks(target) => Self::Looks(target.less(points)),
        }
    }
}
