//! Which scans a progressive file has, and in which order.

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
///
/// Everything at once but coarse, so that the first scan is a preview in true colours; then what
/// makes brightness sharp, colour, the finest detail, and last the bits that were left out.
pub(crate) fn progressive(components: usize, dc_low: u8) -> Vec<Step> {
    let luma = Members::One(0);
    let mut steps = vec![
        Step::first(Members::All, 0, 0, dc_low),
        Step::first(luma, 1, 5, 1),
    ];
    steps.extend((1..components).map(|index| Step::first(Members::One(index), 1, 63, 0)));
    steps.push(Step::first(luma, 6, 63, 1));
    steps.extend(
        (0..dc_low)
            .rev()
            .map(|low| Step::refine(Members::All, 0, 0, low)),
    );
    steps.push(Step::refine(luma, 1, 63, 0));
    steps
}
