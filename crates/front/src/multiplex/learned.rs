//! What clients that say which pictures are on screen teach about a page, for those that do not.
//!
//! Chromium names the pictures that are on screen, once the page is laid out. Other clients, and
//! Chromium over HTTP/3 or before its layout, do not; but the next visitor of the same page sees
//! much the same. So it is remembered for each page, by the `Referer` of its pictures, which of
//! them were named. Only hashes are kept, under a key of this process; the table is bounded, and
//! what was not seen for long is forgotten first.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use http::header::{ACCEPT, HOST, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, Uri};
use parking_lot::Mutex;

/// Most pages that are remembered.
const MAX_PAGES: usize = 1024;

/// Most pictures that are remembered of a page.
const MAX_PICTURES: usize = 128;

/// How often a picture must have been seen before it is believed to be on screen.
const ENOUGH: u16 = 2;

/// How often it must have been passed over before it is believed not to be, and how many times as
/// often as it was named: Chromium passes over four of ten pictures that are on screen, other ones
/// each time, so that eight times in a row are one in fifteen hundred.
const PASSED_OVER: u16 = 8;
const FOR_EACH_NAMED: u16 = 16;

/// Says whether the client is a phone, whose screen shows less.
const MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");

/// A picture on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    page: u64,
    picture: u64,
}

/// Which pictures of which page were on screen.
#[derive(Debug, Default)]
pub struct Learned {
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    pages: HashMap<u64, Vec<Seen>>,
    /// The pages in the order in which they were first seen.
    order: VecDeque<u64>,
}

/// How often a picture was on screen, and how often not.
#[derive(Clone, Copy, Debug)]
struct Seen {
    picture: u64,
    visible: u16,
    hidden: u16,
}

impl Learned {
    /// Where the request for a picture belongs: its target, and the page of the same host that asks for it. `None`
    /// if it is for no picture, if there is no such page, or another host's.
    pub fn place(&self, target: &Uri, headers: &HeaderMap) -> Option<Place> {
        // Every browser asks so for pictures, and for nothing else.
        let accept = headers.get(ACCEPT)?.as_bytes();
        accept.strip_prefix(b"image/")?;
        let referer = headers.get(REFERER)?.to_str().ok()?;
        let (_, page) = referer.split_once("://")?;
        let host = match target.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST)?.to_str().ok()?,
        };
        let after = page
            .get(..host.len())
            .filter(|it| it.eq_ignore_ascii_case(host))?;
        let path = page
            .get(after.len()..)
            .filter(|rest| rest.starts_with('/'))?;
        let target = target.path_and_query()?.as_str();
        Some(Place {
            page: self.hasher.hash_one((host, path, is_phone(headers))),
            picture: self.hasher.hash_one((host, target)),
        })
    }

    /// A client that says what is on screen said this of a picture.
    pub fn note(&self, place: Place, visible: bool) {
        let mut table = self.table.lock();
        let Table { pages, order } = &mut *table;
        let seen = pages.entry(place.page).or_insert_with(|| {
            order.push_back(place.page);
            Vec::new()
        });
        let found = seen.iter().position(|seen| seen.picture == place.picture);
        let at = found.unwrap_or_else(|| {
            if seen.len() >= MAX_PICTURES {
                seen.remove(0);
            }
            seen.push(Seen {
                picture: place.picture,
                visible: 0,
                hidden: 0,
            });
            seen.len() - 1
        });
        if let Some(seen) = seen.get_mut(at) {
            seen.count(visible);
        }
        if pages.len() > MAX_PAGES
            && let Some(oldest) = order.pop_front()
        {
            pages.remove(&oldest);
        }
    }

    /// Whether a picture is on screen when its page opens, as far as others showed; `None` if they
    /// were too few, or did not agree.
    pub fn recall(&self, place: Place) -> Option<bool> {
        let table = self.table.lock();
        let mut seen = table.pages.get(&place.page)?.iter();
        let Seen {
            visible, hidden, ..
        } = *seen.find(|seen| seen.picture == place.picture)?;
        if visible + hidden < ENOUGH {
            None
        } else if visible >= 2 * hidden {
            Some(true)
        } else if hidden >= PASSED_OVER.max(FOR_EACH_NAMED * visible) {
            Some(false)
        } else {
            None
        }
    }
}

impl Seen {
    /// Counts, and lets what was long ago weigh less.
    fn count(&mut self, visible: bool) {
        if self.visible + self.hidden >= 32 {
            self.visible /= 2;
            self.hidden /= 2;
        }
        *(if visible {
            &mut self.visible
        } else {
            &mut self.hidden
        }) += 1;
    }
}

fn is_phone(headers: &HeaderMap) -> bool {
    match headers.get(MOBILE) {
        Some(said) => said == "?1",
        None => headers
            .get(USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .is_some_and(|agent| agent.contains("Mobi")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asking() -> HeaderMap {
        let accept = HeaderValue::from_static("image/avif,image/webp,*/*;q=0.8");
        HeaderMap::from_iter([(ACCEPT, accept)])
    }

    fn place(learned: &Learned, target: &str, page: &str) -> Option<Place> {
        let mut headers = asking();
        headers.insert(REFERER, HeaderValue::from_str(page).unwrap());
        learned.place(&target.parse().unwrap(), &headers)
    }

    #[test]
    fn only_pages_of_the_same_host_count() {
        let learned = Learned::default();
        let picture = "https://a.example/x.jpg";
        for (page, counts) in [
            ("https://a.example/", true),
            ("https://A.Example/page?x=1", true),
            ("https://b.example/", false),
            ("https://a.example.org/", false),
            ("https://a.example:8443/", false),
            ("a.example/", false),
            ("", false),
        ] {
            assert_eq!(place(&learned, picture, page).is_some(), counts, "{page}");
        }
        assert!(
            learned
                .place(&picture.parse().unwrap(), &asking())
                .is_none()
        );
        let one = place(&learned, picture, "https://a.example/1");
        assert_ne!(one, place(&learned, picture, "https://a.example/2"));
        let mut phone = asking();
        phone.insert(REFERER, HeaderValue::from_static("https://a.example/1"));
        phone.insert(MOBILE, HeaderValue::from_static("?1"));
        assert_ne!(one, learned.place(&picture.parse().unwrap(), &phone));
    }

    #[test]
    fn a_picture_is_believed_when_enough_agree_and_may_change() {
        let learned = Learned::default();
        let place = place(&learned, "https://a/x.jpg", "https://a/").unwrap();
        assert_eq!(learned.recall(place), None);
        learned.note(place, true);
        assert_eq!(learned.recall(place), None, "one is not enough");
        learned.note(place, true);
        assert_eq!(learned.recall(place), Some(true));
        for _ in 0..3 {
            learned.note(place, false);
        }
        assert_eq!(learned.recall(place), None, "they do not agree");
        for _ in 0..100 {
            learned.note(place, false);
        }
        assert_eq!(learned.recall(place), Some(false));
        for _ in 0..64 {
            learned.note(place, true);
        }
        assert_eq!(learned.recall(place), Some(true), "the page has changed");
    }

    #[test]
    fn a_picture_is_believed_to_be_below_the_fold_after_many() {
        let learned = Learned::default();
        let place = place(&learned, "https://a/x.jpg", "https://a/").unwrap();
        for _ in 1..PASSED_OVER {
            learned.note(place, false);
            assert_ne!(learned.recall(place), Some(false));
        }
        learned.note(place, false);
        assert_eq!(learned.recall(place), Some(false));
        learned.note(place, true);
        assert_eq!(learned.recall(place), None, "one has seen it");
    }

    #[test]
    fn memory_is_bounded() {
        let learned = Learned::default();
        for page in 0..2 * MAX_PAGES as u64 {
            learned.note(Place { page, picture: 1 }, true);
        }
        for picture in 0..2 * MAX_PICTURES as u64 {
            learned.note(
                Place {
                    page: 5000,
                    picture,
                },
                true,
            );
        }
        let table = learned.table.lock();
        assert_eq!(
            (table.pages.len(), table.order.len()),
            (MAX_PAGES, MAX_PAGES)
        );
        assert_eq!(table.pages[&5000].len(), MAX_PICTURES);
        assert!(!table.pages.contains_key(&0), "the oldest went first");
    }
}
