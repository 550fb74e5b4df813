//! How fast the way to the client counts as: what the server sees of it, joined with what the
//! browser says and with how much is to be sent.

use super::Choosing;
use crate::Tier;

impl Choosing<'_> {
    /// The tier that counts, and why. Only a connection in between is open to doubt, and then counts
    /// as slow: where the browser, which sees more than this server, calls it worse than 4G, and
    /// where the page has many pictures to share it. What was measured to be fast or slow is so, and
    /// nothing follows from the browser's word alone.
    pub(super) fn tier(&mut self) -> (Option<Tier>, &'static str) {
        let own = self.signals.tier;
        match own {
            Some(Tier::Slow) => return (own, "for a slow connection"),
            Some(Tier::Medium) => {}
            Some(Tier::Fast) | None => return (own, ""),
        }
        self.depends_on(&["ect"]);
        if self.signals.slow_type {
            let reason = "for a connection in between, slow by the browser's word";
            return (Some(Tier::Slow), reason);
        }
        match self.signals.crowded {
            true => (
                Some(Tier::Slow),
                "for a connection in between that many pictures share",
            ),
            false => (own, "for a connection in between"),
        }
    }
}
