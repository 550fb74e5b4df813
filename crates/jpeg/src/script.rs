//! Which scans a progressive file has, and in which order.

/// The last coefficient of the band that brightness begins with.
pub(crate) const LOW_END: usize = 5;

/// Which scans a progressive file has. All scripts begin with everything at once but coarse, so
/// that the first scan is a preview in true colours; then comes what makes brightness sharp,
/// colour, and the finest detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Script {
    /// The last bit of brightness comes last of all: fewest bytes, and sharp a little earlier.
    #[default]
    Small,
    /// Coefficients other than DC come whole: about 1 % more bytes, and quicker to write.
    Quick,
}

/// Which components a scan holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// All of them, interleaved.
    All,
    /// One, by its index.
    One(usize),
}

/// One scan to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub members: Members,
    pub start: u8,
    pub end: u8,
    pub high: u8,
    pub low: u8,
}

impl Step {
    const fn first(members: Members, start: u8, end: u8, low: u8) -> Self {
        Self {
            members,
            start,
            end,
            high: 0,
            low,
        }
    }

    const fn refine(members: Members, start: u8, end: u8, low: u8) -> Self {
        Self {
            members,
            start,
            end,
            high: low + 1,
            low,
        }
    }
}

/// The scans of a progressive picture of `components` components whose first scan leaves `dc_low`
/// bits of the DC coefficients for later.
pub(crate) fn progressive(script: Script, components: usize, dc_low: u8) -> Vec<Step> {
    let luma = Members::One(0);
    let low_end = LOW_END as u8;
    let last_bits = u8::from(script == Script::Small);
    let mut steps = vec![
        Step::first(Members::All, 0, 0, dc_low),
        Step::first(luma, 1, low_end, last_bits),
    ];
    steps.extend((1..components).map(|index| Step::first(Members::One(index), 1, 63, 0)));
    steps.push(Step::first(luma, low_end + 1, 63, last_bits));
    steps.extend(
        (0..dc_low)
            .rev()
            .map(|low| Step::refine(Members::All, 0, 0, low)),
    );
    steps.extend((0..last_bits).map(|low| Step::refine(luma, 1, 63, low)));
    steps
}
