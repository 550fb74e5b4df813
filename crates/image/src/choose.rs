//! From wishes to a variant: pure, explained, and with few distinct outcomes.

mod device;
mod quality;
mod way;

use crate::{
    Accepted, Demands, Effects, Extend, Factor, Fit, Format, FormatChoice, Gravity, MAX_DPR,
    Output, Placeholder, PolicySettings, Prefer, Signals, Tier, Transform, Trim, Variant, Width,
};
use quality::Wish;

/// What the site wants: its settings.
pub type Policy = PolicySettings;

/// Widths that client hints are rounded up to, so that few variants exist.
const WIDTH_STEPS: [u32; 12] = [
    160, 320, 480, 640, 768, 960, 1200, 1600, 1920, 2560, 3200, 3840,
];
/// Device pixel ratios that client hints are rounded up to.
const DPR_STEPS: [u32; 4] = [1000, 1500, 2000, 3000];

/// What was chosen and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The variant to serve.
    pub variant: Variant,
    /// Why it is this one, a sentence fragment for each decision.
    pub reasons: Vec<String>,
    /// The request headers the choice depended on, lower case: what `Vary` must name.
    pub vary: Vec<&'static str>,
    /// Whether the way to the client made it less than others get: no cache behind this server may
    /// give it to them.
    pub lowered: bool,
}

/// Chooses the variant a client gets.
pub fn choose(transform: &Transform, signals: &Signals, policy: &Policy) -> Choice {
    let mut choosing = Choosing {
        transform,
        signals,
        policy,
        reasons: Vec::new(),
        vary: Vec::new(),
        lowered: false,
        density: Factor::ONE,
    };
    let output = choosing.output();
    let (width, height) = choosing.size();
    let Wish { quality, target } = choosing.quality(output);
    let fit = choosing.fit(width, height);
    let variant = Variant {
        width,
        height,
        fit,
        gravity: choosing.gravity(fit),
        trim: choosing.trim(),
        crop: transform.crop,
        relative_width: transform.relative_width.filter(|_| width.is_none()),
        relative_height: transform.relative_height.filter(|_| height.is_none()),
        min_width: transform.min_width.filter(|least| *least > 1),
        min_height: transform.min_height.filter(|least| *least > 1),
        extend: choosing.extend(fit),
        place: transform.place.unwrap_or(Gravity::CENTER),
        padding: transform.padding,
        flip_horizontal: transform.flip_horizontal,
        flip_vertical: transform.flip_vertical,
        rotate: transform.rotate,
        background: transform.background,
        effects: effects(transform),
        output,
        quality,
        target,
        exact: choosing.exact(),
        fast: transform.fast,
        quick_way: choosing.quick_way(output),
        first_frame: transform.animation == Some(false),
        metadata: transform.metadata.unwrap_or(policy.metadata),
        touches: transform.touches.clone(),
        surroundings: transform.surroundings,
        distort: transform.distort,
        longest: transform.longest,
        overlays: transform.overlays.clone(),
        demands: choosing.demands(),
    };
    Choice {
        variant,
        reasons: choosing.reasons,
        vary: choosing.vary,
        lowered: choosing.lowered,
    }
}

struct Choosing<'a> {
    transform: &'a Transform,
    signals: &'a Signals,
    policy: &'a Policy,
    reasons: Vec<String>,
    vary: Vec<&'static str>,
    lowered: bool,
    /// Pixels of the result to a CSS pixel of the page, as far as is known.
    density: Factor,
}

impl Choosing<'_> {
    fn because(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    fn depends_on(&mut self, headers: &[&'static str]) {
        for header in headers {
            if !self.vary.contains(header) {
                self.vary.push(header);
            }
        }
    }

    fn exact(&mut self) -> bool {
        let asked = self.transform.quality.is_some() || self.transform.slow_quality.is_some();
        let exact = !self.policy.lossy && !asked;
        if exact {
            self.because("pixels: exact where the size stays, as the settings say");
        }
        exact
    }

    /// Conditions on the file. Qualities of kinds of files are for URLs that say none for all.
    fn demands(&mut self) -> Demands {
        let mut demands = self.transform.demands.clone();
        if self.transform.quality.is_some() || self.transform.slow_quality.is_some() {
            demands.qualities.clear();
        }
        for option in demands.options() {
            self.because(format!("file: {option}, as asked"));
        }
        demands
    }

    fn output(&mut self) -> Output {
        if let Some(kind) = self.transform.placeholder {
            return self.placeholder(kind);
        }
        let output = match self.transform.format {
            Some(FormatChoice::Auto) => {
                let prefer = self.preference();
                return self.negotiate(prefer);
            }
            None if *self.transform == Transform::default() => {
                let prefer = self.preference();
                return self.negotiate(prefer);
            }
            Some(FormatChoice::Avif) if !self.policy.avif => {
                self.because("format: no AVIF, as the settings say; the best other one instead");
                return self.negotiate(Prefer::Bytes);
            }
            Some(FormatChoice::Avif) => Output::Avif,
            None => Output::Source,
            Some(FormatChoice::WebP) => Output::WebP,
            Some(FormatChoice::Jpeg) => Output::Jpeg,
            Some(FormatChoice::BaselineJpeg) => Output::BaselineJpeg,
            Some(FormatChoice::Png | FormatChoice::PngForce) => Output::Png,
            Some(FormatChoice::Json) => Output::Facts,
        };
        self.because(match output {
            Output::Source => "format: the source's, as none was asked for".to_owned(),
            _ => format!(
                "format: {}, as asked",
                self.transform.format.map_or("", FormatChoice::word)
            ),
        });
        output
    }

    /// Whether the way is quick, where that makes a difference.
    fn quick_way(&mut self, output: Output) -> bool {
        let Output::Auto { accepted, prefer } = output else {
            return false;
        };
        let matters = accepted.avif && prefer == Prefer::Preview && !self.transform.fast;
        let quick = matters && self.signals.tier == Some(Tier::Fast) && !self.signals.save_data;
        if quick {
            self.because("way: quick, medium photographs need no preview");
        }
        quick
    }

    fn placeholder(&mut self, kind: Placeholder) -> Output {
        self.because(format!("no picture: its {}", kind.word()));
        let accepted = match kind {
            Placeholder::Lqip => {
                self.depends_on(&["accept"]);
                Accepted {
                    avif: false,
                    jxl: false,
                    ..accepted(self.signals, self.policy)
                }
            }
            _ => Accepted::COMMON,
        };
        Output::Placeholder { kind, accepted }
    }

    fn negotiate(&mut self, prefer: Prefer) -> Output {
        self.depends_on(&["accept"]);
        let accepted = accepted(self.signals, self.policy);
        // For a weak device few bytes are preferred where that costs it less to decode.
        let weak = prefer != self.policy.prefer;
        let accepted = Accepted {
            avif: accepted.avif && !weak,
            ..accepted
        };
        if accepted.avif && !self.transform.fast {
            self.because("format: AVIF once it is made, if the picture needs no preview");
        }
        self.because(match (accepted.webp, self.policy.webp) {
            (true, _) => "format: by picture, WebP among them as `Accept` names it",
            (false, true) => "format: by picture, without WebP as `Accept` does not name it",
            (false, false) => "format: by picture, without WebP as the settings say",
        });
        Output::Auto { accepted, prefer }
    }

    /// The box in pixels of the result.
    fn size(&mut self) -> (Option<u32>, Option<u32>) {
        let dpr = self.dpr();
        let height = self.transform.height.map(|height| dpr.scale(height));
        let width = match self.transform.width {
            Some(Width::Pixels(width)) => Some(dpr.scale(width)),
            Some(Width::Auto) => Some(dpr.scale(self.auto_width())),
            None if height.is_none() && !self.is_relative() => self.width_in_place(),
            None => None,
        };
        if dpr != Factor::ONE && (width.is_some() || height.is_some()) {
            self.because(format!("size: times {} device pixels", dpr.value()));
            self.density = dpr;
        }
        (width, height)
    }

    /// Whether the box is given as a share of the picture.
    fn is_relative(&self) -> bool {
        self.transform.relative_width.is_some() || self.transform.relative_height.is_some()
    }

    fn dpr(&mut self) -> Factor {
        let asked = self.transform.dpr.unwrap_or(Factor::ONE);
        if asked > MAX_DPR {
            self.because(format!("dpr: {} counts as 3", asked.value()));
        }
        asked.min(MAX_DPR)
    }

    fn auto_width(&mut self) -> u32 {
        self.depends_on(&[
            "sec-ch-width",
            "width",
            "sec-ch-viewport-width",
            "viewport-width",
            "sec-ch-dpr",
            "dpr",
            "sec-ch-ua-mobile",
            "user-agent",
            "save-data",
        ]);
        self.is_weak();
        let auto = &self.transform.auto_width;
        let dpr = snapped_dpr(self.signals.dpr);
        let hinted = match (self.signals.width, self.signals.viewport_width) {
            (Some(width), _) => Some(width),
            (None, Some(viewport)) => Some(dpr.scale(viewport)),
            (None, None) => None,
        };
        let (width, reason) = match hinted {
            Some(wanted) => {
                let wanted = self.capped(wanted, dpr);
                (
                    snap(wanted, &auto.breakpoints).unwrap_or(wanted),
                    "from client hints",
                )
            }
            None if self.signals.mobile => (auto.mobile, "for a mobile device"),
            None => (auto.desktop, "for a desktop device"),
        };
        self.because(format!("width: {width}, {reason}"));
        width
    }

    fn width_in_place(&mut self) -> Option<u32> {
        let hint = if self.policy.width_hints {
            self.depends_on(&["sec-ch-width", "width", "sec-ch-dpr", "dpr", "save-data"]);
            self.is_weak();
            let dpr = snapped_dpr(self.signals.dpr);
            let wanted = self.signals.width.map(|width| self.capped(width, dpr));
            wanted.and_then(|width| snap(width, &WIDTH_STEPS))
        } else {
            None
        };
        let width = match (hint, self.policy.max_width) {
            (Some(hint), Some(most)) => hint.min(most),
            (hint, most) => hint.or(most)?,
        };
        let source = if Some(width) == hint {
            "from the width hint"
        } else {
            "from the settings"
        };
        self.because(format!("width: at most {width}, {source}"));
        Some(width)
    }

    /// A hinted width in device pixels, for no more of them to a CSS pixel than are worth their
    /// bytes; notes how many it has.
    fn capped(&mut self, width: u32, dpr: Factor) -> u32 {
        let slow = self.tier().0 == Some(Tier::Slow);
        let weak = self.is_weak();
        let most = match self.signals.save_data || weak || slow {
            true => Factor::from_thousandths((self.policy.slow_dpr.clamp(1.0, 3.0) * 1e3) as u32),
            false => MAX_DPR,
        };
        let given = self.signals.dpr.unwrap_or(dpr);
        self.density = dpr.min(most);
        if given <= most {
            return width;
        }
        if slow && !weak && !self.signals.save_data {
            self.lowered = true;
        }
        self.because(format!("dpr: {} counts as {}", given.value(), most.value()));
        let scaled = u64::from(width) * u64::from(most.thousandths());
        u32::try_from(scaled / u64::from(given.thousandths())).unwrap_or(width)
    }

    /// The fit, reduced to one that differs: with one side or none, several mean the same.
    fn fit(&mut self, width: Option<u32>, height: Option<u32>) -> Fit {
        let asked = self.transform.fit.unwrap_or(Fit::ScaleDown);
        let width = width.or(self.transform.relative_width.map(Factor::thousandths));
        let height = height.or(self.transform.relative_height.map(Factor::thousandths));
        if width.is_some() && height.is_some() {
            return asked;
        }
        if asked == Fit::Cover {
            self.because("fit: cover needs both width and height");
        }
        match asked {
            _ if width.is_none() && height.is_none() => Fit::ScaleDown,
            Fit::ScaleDown
            | Fit::Crop
            | Fit::AspectCrop
            | Fit::SqueezeDown
            | Fit::OutsideDown
            | Fit::AutoDown
            | Fit::Adaptive => Fit::ScaleDown,
            Fit::ScaleUp => Fit::ScaleUp,
            Fit::Contain | Fit::Cover | Fit::Pad | Fit::Squeeze | Fit::Outside | Fit::Auto => {
                Fit::Contain
            }
        }
    }

    /// How the canvas grows; `fit=pad` says it by itself.
    fn extend(&self, fit: Fit) -> Option<Extend> {
        self.transform.extend.filter(|_| fit != Fit::Pad)
    }

    fn gravity(&mut self, fit: Fit) -> Gravity {
        let cuts = matches!(
            fit,
            Fit::Cover | Fit::Crop | Fit::AspectCrop | Fit::Auto | Fit::AutoDown
        );
        // A picture made larger for its least side is cut where it leaves the box.
        let outgrows = self.transform.min_width.is_some() || self.transform.min_height.is_some();
        if !cuts && !outgrows {
            return Gravity::CENTER;
        }
        match self.transform.gravity.unwrap_or(Gravity::CENTER) {
            Gravity::Face => {
                self.because("gravity: faces are not sought, what stands out stays instead");
                Gravity::Salient
            }
            other => other,
        }
    }

    fn trim(&self) -> Option<Trim> {
        let dpr = self.transform.dpr.unwrap_or(Factor::ONE).min(MAX_DPR);
        let scale = |length: u32| dpr.scale(length);
        Some(match self.transform.trim? {
            border @ Trim::Border { .. } => border,
            Trim::Edges {
                top: 0,
                right: 0,
                bottom: 0,
                left: 0,
            } => return None,
            Trim::Edges {
                top,
                right,
                bottom,
                left,
            } => Trim::Edges {
                top: scale(top),
                right: scale(right),
                bottom: scale(bottom),
                left: scale(left),
            },
            Trim::Area {
                left,
                top,
                width,
                height,
            } => Trim::Area {
                left: scale(left),
                top: scale(top),
                width: width.map(scale),
                height: height.map(scale),
            },
        })
    }
}

/// The class of formats the client may get. JPEG and PNG count when any range covers them, WebP
/// AVIF and JPEG XL only when named and not ranked below both, and the last two only beside them;
/// JPEG XL only where the source is one.
fn accepted(signals: &Signals, policy: &Policy) -> Accepted {
    let accept = &signals.accept;
    let (jpeg, png) = (accept.weight(Format::Jpeg), accept.weight(Format::Png));
    let newer = |format| accept.names(format) && accept.weight(format) >= jpeg.min(png);
    let common = jpeg > 0 && png > 0;
    let accepted = Accepted {
        jpeg: jpeg > 0,
        png: png > 0,
        webp: newer(Format::WebP) && policy.webp,
        avif: newer(Format::Avif) && common && policy.avif,
        jxl: newer(Format::Jxl) && common && signals.jxl,
    };
    if accepted.jpeg || accepted.png || accepted.webp {
        accepted
    } else {
        // A picture is better than 406 (RFC 9110 §12.5.1 leaves the choice).
        Accepted::COMMON
    }
}

fn snapped_dpr(hint: Option<Factor>) -> Factor {
    let wanted = hint.unwrap_or(Factor::ONE).thousandths();
    Factor::from_thousandths(snap(wanted, &DPR_STEPS).unwrap_or(wanted))
}

/// The first step that is large enough, or the last one; `None` without steps.
fn snap(wanted: u32, steps: &[u32]) -> Option<u32> {
    let enough = steps.iter().find(|step| **step >= wanted);
    enough.or(steps.last()).copied()
}

fn effects(transform: &Transform) -> Effects {
    // Factors of 1 change nothing; Cloudflare ignores a brightness, contrast or gamma of 0.
    let changing = |factor: Option<Factor>| {
        factor.filter(|factor| *factor != Factor::ONE && factor.thousandths() > 0)
    };
    Effects {
        blur: transform.blur,
        sharpen: transform.sharpen.filter(|factor| factor.thousandths() > 0),
        brightness: changing(transform.brightness),
        contrast: changing(transform.contrast),
        gamma: changing(transform.gamma),
        saturation: transform.saturation.filter(|factor| *factor != Factor::ONE),
        lift: transform.lift,
    }
}

#[cfg(test)]
mod tests;
