//! Which pages show many pictures, learned from those who looked at them.

use std::collections::HashMap;

use parking_lot::Mutex;

/// So many pictures in one view are many.
pub const MANY: u16 = 20;
/// Most pages remembered: at about 24 bytes each, a hundred kilobytes.
const MOST: usize = 4096;
/// After so many views older ones count half.
const VIEWS: u16 = 32;

/// All of them, by a hash of their address.
#[derive(Default)]
pub struct Pages(Mutex<HashMap<u64, Views>>);

/// How often one was looked at, and in how many of these views many pictures were asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Views {
    all: u16,
    many: u16,
}

impl Pages {
    /// A view of a page begins. Says whether most views so far had many pictures.
    pub fn begin(&self, page: u64) -> bool {
        let mut pages = self.0.lock();
        if pages.len() >= MOST && !pages.contains_key(&page) {
            pages.clear();
        }
        let views = pages.entry(page).or_default();
        let crowded = views.many * 2 > views.all;
        if views.all >= VIEWS {
            *views = Views {
                all: views.all / 2,
                many: views.many / 2,
            };
        }
        views.all += 1;
        crowded
    }

    /// Many pictures were asked for in a view of a page.
    pub fn reached_many(&self, page: u64) {
        if let Some(views) = self.0.lock().get_mut(&page) {
            views.many = views.many.saturating_add(1).min(views.all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_crowded_if_most_of_its_views_were() {
        let pages = Pages::default();
        assert!(!pages.begin(1), "nobody saw it yet");
        pages.reached_many(1);
        assert!(pages.begin(1));
        assert!(!pages.begin(1), "one of two is not most");
        assert!(!pages.begin(2), "each page is its own");
    }

    #[test]
    fn what_a_page_was_long_ago_is_forgotten() {
        let pages = Pages::default();
        for _ in 0..1000 {
            pages.begin(1);
            pages.reached_many(1);
        }
        assert!(pages.begin(1));
        let still = (0..100).filter(|_| pages.begin(1)).count();
        assert!(still < usize::from(VIEWS) * 2, "{still}");
        assert!(!pages.begin(1));
    }

    #[test]
    fn memory_is_bounded() {
        let pages = Pages::default();
        for page in 0..MOST as u64 * 2 + 5 {
            pages.begin(page);
        }
        assert!(pages.0.lock().len() <= MOST);
        pages.reached_many(u64::MAX);
    }
}
