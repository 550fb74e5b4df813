//! What a client said of requests by PRIORITY_UPDATE (RFC 9218 §7.2), perhaps before they came.

use std::collections::BTreeMap;

use delivery::Priority;
use http::HeaderMap;

use crate::multiplex::priority_header;

/// Most streams of which something was said before their request came.
const MAX_EARLY: usize = 256;

/// How many updates a client may send before it has asked for anything, and how many more with
/// every request; what is beyond is not listened to.
const FIRST_ALLOWANCE: u32 = 512;
const ALLOWANCE: u32 = 16;

/// What was said of streams whose requests have not come yet.
#[derive(Debug)]
pub struct Early {
    said: BTreeMap<u32, Priority>,
    allowance: u32,
}

impl Default for Early {
    fn default() -> Self {
        Self {
            said: BTreeMap::new(),
            allowance: FIRST_ALLOWANCE,
        }
    }
}

impl Early {
    /// Whether one more update is listened to.
    pub fn listens(&mut self) -> bool {
        let listens = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        listens
    }

    /// Keeps what was said of a stream whose request has not come. What is too much is dropped.
    pub fn keep(&mut self, stream: u32, priority: Priority) {
        if self.said.len() < MAX_EARLY || self.said.contains_key(&stream) {
            self.said.insert(stream, priority);
        }
    }

    /// What the client says of a request that has come: an update before its `Priority` header
    /// (RFC 9218 §7). `None` if it says nothing.
    pub fn resolve(&mut self, stream: u32, headers: &HeaderMap) -> Option<Priority> {
        self.allowance = self
            .allowance
            .saturating_add(ALLOWANCE)
            .min(FIRST_ALLOWANCE);
        let update = self.said.remove(&stream);
        update.or_else(|| priority_header(headers).map(Priority::parse))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn said(field: &str) -> Priority {
        Priority::parse(field.as_bytes())
    }

    #[test]
    fn an_update_counts_before_the_header() {
        let mut headers = HeaderMap::new();
        let mut early = Early::default();
        assert_eq!(early.resolve(0, &headers), None);
        headers.insert("priority", HeaderValue::from_static("u=1, i"));
        assert_eq!(early.resolve(1, &headers), Some(said("u=1, i")));
        early.keep(2, said("u=6"));
        early.keep(2, said("u=5"));
        assert_eq!(early.resolve(2, &headers), Some(said("u=5")));
        assert_eq!(early.resolve(2, &headers), Some(said("u=1, i")));
    }

    #[test]
    fn only_so_much_is_kept_and_only_so_much_is_heard() {
        let mut early = Early::default();
        for stream in 0..10_000 {
            early.keep(stream, said("u=0"));
        }
        assert_eq!(early.said.len(), MAX_EARLY);
        assert_eq!((0..10_000).take_while(|_| early.listens()).count(), 512);
        early.resolve(0, &HeaderMap::new());
        assert_eq!((0..10_000).take_while(|_| early.listens()).count(), 16);
    }
}
