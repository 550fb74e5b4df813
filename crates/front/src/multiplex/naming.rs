//! Whether a client has said by now which pictures are on screen.
//!
//! Chromium names pictures once the page is laid out, and for that it needs the page's stylesheets
//! and the scripts that hold the parser up. It names none of which the first bytes have come by
//! then. So where it could have named and did not, what is on screen is among the pictures that
//! had begun to come, and the others wait for those.

use std::time::Duration;

use tokio::time::Instant;

/// How long a browser may take from the last stylesheet to its first layout. One that takes longer
/// is believed when it speaks.
const LAYOUT: Duration = Duration::from_millis(80);

/// What is known of the page that is being loaded.
#[derive(Debug, Default)]
pub struct Naming {
    /// Whether the client is one that names pictures.
    expected: bool,
    /// Whether it has named some, or let the time for it pass.
    known: bool,
    /// When the last byte left that the layout waits for.
    ready: Option<Instant>,
}

impl Naming {
    /// The client says things that only those say that name pictures.
    pub fn expect(&mut self) {
        self.expected = true;
    }

    /// Whether the client is one that names pictures.
    pub fn is_expected(&self) -> bool {
        self.expected
    }

    /// A page begins: what is on its screen is not known.
    pub fn begin_page(&mut self) {
        self.known = false;
        self.ready = None;
    }

    /// Something that a layout waits for has left.
    pub fn left(&mut self) {
        if self.expected {
            self.ready = Some(Instant::now());
        }
    }

    /// The client has named pictures.
    pub fn heard(&mut self) {
        self.known = true;
    }

    /// Whether pictures that were not named are not on screen.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Whether something that a layout waits for left so lately that the client cannot have spoken
    /// since, over a path of this round trip.
    pub fn is_fresh(&self, round_trip: Duration) -> bool {
        self.ready.is_some_and(|ready| ready.elapsed() < round_trip)
    }

    /// Whether only time is missing: everything a layout waits for has left, as far as this knows.
    pub fn is_near(&self) -> bool {
        self.expected && !self.known && self.ready.is_some()
    }

    /// Whether the client could have spoken by now, over a path of this round trip. True once.
    pub fn is_due(&mut self, round_trip: Duration) -> bool {
        let due = self.is_near()
            && self
                .ready
                .is_some_and(|ready| ready.elapsed() >= round_trip + LAYOUT);
        self.known |= due;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    /// A client that has all it needs, as long ago as it needs.
    fn ready(naming: &mut Naming) {
        naming.left();
        naming.ready = naming.ready.and_then(|at| at.checked_sub(LAYOUT));
    }

    #[test]
    fn silence_says_something_of_those_alone_that_speak() {
        let mut naming = Naming::default();
        ready(&mut naming);
        assert!(!naming.is_near() && !naming.is_due(NONE));
        naming.expect();
        assert!(!naming.is_due(NONE), "nothing has left yet");
        ready(&mut naming);
        assert!(naming.is_near());
        assert!(naming.is_fresh(LAYOUT * 2) && !naming.is_fresh(LAYOUT));
        assert!(!naming.is_due(Duration::from_secs(3600)), "it is far away");
        assert!(naming.is_due(NONE) && naming.is_known());
        assert!(!naming.is_due(NONE), "once is enough");
    }

    #[test]
    fn a_page_begins_anew() {
        let mut naming = Naming::default();
        naming.expect();
        ready(&mut naming);
        naming.heard();
        assert!(naming.is_known() && !naming.is_near() && !naming.is_due(NONE));
        naming.begin_page();
        assert!(!naming.is_known() && !naming.is_near());
        ready(&mut naming);
        assert!(naming.is_due(NONE));
    }
}
