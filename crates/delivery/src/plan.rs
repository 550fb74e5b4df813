//! Plans: from which offset on a body is sent at which level.

use crate::{Concurrency, Kind, Level, Outline, Priority, Urgency};

/// Most bytes of a body that fit one TLS record together with the HTTP/2 frame head: 16,384 bytes
/// of plaintext (RFC 8446 §5.1) less 9 (RFC 9113 §4.1).
pub const RECORD_BODY: usize = 16_375;

/// What a player needs to show or play something: the head of the file and the first picture of a
/// video at usual rates, in bytes.
const MEDIA_START: u64 = 64 * 1024;

/// A picture of fewer bytes goes in one piece, whatever its scans.
const SMALL_PICTURE: u64 = 4096;

/// Most phases taken from a `cf-priority-change` header; later ones are passed over.
const MAX_CHANGES: usize = 64;

/// A stretch of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Where it starts, in bytes from the start of the body.
    pub offset: u64,
    /// Its level.
    pub level: Level,
    /// How it shares the level.
    pub concurrency: Concurrency,
    /// Whether the stretch is of use only as a whole and must leave in one piece (one TLS
    /// record): the header and first scan of a progressive picture. Only for stretches of at most
    /// [`RECORD_BODY`] bytes.
    pub whole: bool,
}

/// The phases of a body, by offset; the first starts at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    phases: Vec<Phase>,
}

impl Plan {
    /// The plan for a response: the client's priority joined with what the body is.
    ///
    /// `outline` is absent for bodies whose structure is not known.
    pub fn new(kind: Kind, outline: Option<&Outline>, priority: Priority) -> Self {
        let concurrency = match kind {
            Kind::Image => return Self::of_picture(outline, priority),
            Kind::Media if priority.urgency > Urgency::new(1) => return Self::of_media(priority),
            // A page is read from its start, and names what is needed next as it goes.
            Kind::Html => Concurrency::Sequential,
            _ if priority.incremental => Concurrency::RoundRobin,
            _ => Concurrency::Exclusive,
        };
        Self::single(level_of(priority), concurrency)
    }

    /// The plan for a request that came through a proxy: the connection may carry the requests of
    /// several people, whose priorities do not compare (RFC 9218 §13).
    pub fn fair() -> Self {
        let level = level_of(Priority::default());
        Self::single(level, Concurrency::RoundRobin)
    }

    /// The plan an origin asks for by `cf-priority` (`30/0`) and `cf-priority-change`
    /// (`512:20/1, 15000:10/n`): level and concurrency, and from which offsets on they change.
    ///
    /// `None` if `priority` is not of that form. Changes that are not, or whose offset does not
    /// come after the one before, are passed over.
    pub fn parse_cf(priority: &str, change: Option<&str>) -> Option<Self> {
        let (level, concurrency) = parse_step(priority)?;
        let mut plan = Self::single(level, concurrency);
        for entry in change.unwrap_or_default().split(',').take(MAX_CHANGES) {
            let Some((offset, step)) = entry.split_once(':') else {
                continue;
            };
            let (Some(offset), Some((level, concurrency))) =
                (parse_number(offset), parse_step(step))
            else {
                continue;
            };
            plan.add(offset, level, concurrency);
        }
        Some(plan)
    }

    /// The phases by offset; never empty, and the first starts at 0.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    pub(crate) fn into_phases(self) -> Vec<Phase> {
        self.phases
    }

    /// The one place where pictures get their levels; see [`Steps`].
    fn of_picture(outline: Option<&Outline>, priority: Priority) -> Self {
        let steps = Steps::of(priority);
        let sequential = Concurrency::Sequential;
        let Some(outline) = outline.filter(|outline| outline.length > 0) else {
            return Self::single(steps.plain, sequential);
        };
        let Outline {
            length,
            preview,
            good,
            ..
        } = *outline;
        let has_preview = 0 < preview && preview < length;
        let one_record = |end: u64| end <= RECORD_BODY as u64;
        if length < SMALL_PICTURE || (!has_preview && one_record(length)) {
            let mut plan = Self::single(steps.preview, sequential);
            plan.keep_whole(length);
            return plan;
        }
        if !has_preview {
            return Self::single(steps.plain, sequential);
        }
        let mut plan = Self::single(steps.preview, sequential);
        // Of a preview that no record holds as much at once as one does: browsers paint what has come
        // first, and go on a second later.
        plan.keep_whole(preview.min(RECORD_BODY as u64));
        plan.add(preview, steps.good, sequential);
        if preview < good && good < length {
            plan.add(good, steps.rest, sequential);
        } else if good <= preview {
            plan.relevel_last(steps.rest);
        }
        plan
    }

    /// Videos and sounds: a player can begin with the first part, which comes right after the
    /// previews. The rest would keep everything else waiting for long; it comes before the last
    /// details of pictures alone, and after all details of those that are named as on screen.
    fn of_media(priority: Priority) -> Self {
        let [start, rest] = match priority.urgency.value() {
            0..=5 => [27, 13],
            6 => [12, 4],
            _ => [4, 2],
        }
        .map(Level::new);
        let mut plan = Self::single(start, Concurrency::RoundRobin);
        plan.add(MEDIA_START, rest, Concurrency::RoundRobin);
        plan
    }

    fn single(level: Level, concurrency: Concurrency) -> Self {
        let phase = Phase {
            offset: 0,
            level,
            concurrency,
            whole: false,
        };
        Self {
            phases: vec![phase],
        }
    }

    /// Marks the first phase as a unit that ends at `end`; what follows stays at its level until
    /// another phase is added.
    fn keep_whole(&mut self, end: u64) {
        if let [first] = &mut self.phases[..] {
            let after = Phase {
                offset: end,
                ..*first
            };
            first.whole = true;
            self.phases.push(after);
        }
    }

    /// Adds a phase; one that does not come after the last is passed over, except that a phase at
    /// the very end of a unit takes the place of what would follow it.
    fn add(&mut self, offset: u64, level: Level, concurrency: Concurrency) {
        let phase = Phase {
            offset,
            level,
            concurrency,
            whole: false,
        };
        match self.phases.last_mut() {
            Some(last) if last.offset == offset && offset > 0 => *last = phase,
            Some(last) if last.offset >= offset => {}
            _ => self.phases.push(phase),
        }
    }

    fn relevel_last(&mut self, level: Level) {
        if let Some(last) = self.phases.last_mut() {
            last.level = level;
        }
    }
}

/// The levels of a picture's phases.
///
/// Previews of all pictures come before refinements of any, and after stylesheets, fonts and
/// scripts. Pictures that are on screen, or that the page calls important, come before others in
/// every phase. A picture without a preview shows what it is at its end only: it comes with the
/// refinements, unless it is known to be on screen. One that is not named where others are shows
/// its preview after all others, and its refinements wait for every part of those that are named,
/// unless the page itself calls it important. Its preview waits for no refinement: browsers do not
/// name every picture that is on screen. One that visitor after visitor was not shown when the page
/// opened, or that could have been named when none was, waits for every part of the others.
struct Steps {
    /// Header and first scan.
    preview: Level,
    /// A picture that has no preview and is too large for one record.
    plain: Level,
    /// What makes it good enough.
    good: Level,
    /// The rest.
    rest: Level,
}

impl Steps {
    fn of(priority: Priority) -> Self {
        let [preview, plain, good, rest] = match priority.urgency.value() {
            _ if priority.visible => [34, 32, 24, 14],
            0 | 1 => [34, 32, 24, 14],
            2..=5 if priority.below => [8, 6, 6, 3],
            2..=5 if priority.offscreen => [25, 6, 6, 3],
            // Chromium's first five pictures of a page.
            2 => [29, 19, 19, 10],
            3 => [28, 18, 18, 9],
            4 => [26, 16, 16, 8],
            // Firefox's ordinary pictures.
            5 => [25, 15, 15, 7],
            6 => [12, 6, 6, 3],
            _ => [4, 2, 2, 1],
        }
        .map(Level::new);
        Self {
            preview,
            plain,
            good,
            rest,
        }
    }
}

fn level_of(priority: Priority) -> Level {
    Level::new(match priority.urgency.value() {
        0 => 60,
        1 => 50,
        2 => 40,
        3 => 30,
        4 => 24,
        5 => 20,
        6 => 12,
        _ => 4,
    })
}

/// `level/concurrency`, as in `30/0`.
fn parse_step(text: &str) -> Option<(Level, Concurrency)> {
    let (level, concurrency) = text.split_once('/')?;
    let level = u8::try_from(parse_number(level)?).ok()?;
    let concurrency = match concurrency.trim() {
        "0" => Concurrency::Exclusive,
        "1" => Concurrency::Sequential,
        "n" => Concurrency::RoundRobin,
        _ => return None,
    };
    (level <= Level::MAX.value()).then_some((Level::new(level), concurrency))
}

fn parse_number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
