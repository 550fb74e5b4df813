//! What the way back of a picture needs to know of the way in.

use std::sync::Arc;
use std::time::SystemTime;

use ::cache::{Key, Mark};
use http::{HeaderMap, Uri};
use workshop::Lead;

use super::chosen::Chosen;
use super::job::Landed;
use super::target::Wanted;
use crate::behind::Since;
use crate::kept::Entry;

/// What the way back needs to know of the way in.
pub(super) struct Plan {
    pub(super) chosen: Arc<Chosen>,
    pub(super) key: Key,
    pub(super) mark: Mark,
    /// The same for the fleet.
    pub(super) since: Since,
    /// Whether nothing is kept here, so that others may be asked.
    pub(super) ask_others: bool,
    pub(super) asked: SystemTime,
    /// Went stale; its source may still be the same.
    pub(super) stale: Option<Arc<Entry>>,
    /// Those who wait for the result.
    pub(super) lead: Option<Lead<Landed>>,
    /// Known to stay as it is, for this reason and under Cloudflare's number for it, but not kept:
    /// the original passes.
    pub(super) refused: Option<(Arc<str>, u16)>,
    /// What the client asked, before the request became one for the whole source.
    pub(super) conditions: HeaderMap,
    pub(super) head: bool,
    pub(super) url: Option<UrlPlan>,
}

/// The same for a URL that says what it wants.
pub(super) struct UrlPlan {
    pub(super) source: Uri,
    pub(super) foreign: bool,
    pub(super) redirect: bool,
}

impl UrlPlan {
    /// The plan for such a URL; `None` for a picture at its own.
    pub(super) fn of(wanted: &Wanted) -> Option<Self> {
        let Wanted::Url(asked) = wanted else {
            return None;
        };
        Some(Self {
            source: asked.source.clone(),
            foreign: asked.foreign,
            redirect: asked.transform.redirect_on_error && !asked.foreign,
        })
    }
}

/// Extensions must be cloneable; a plan is for one only, so the first who opens the box has it.
#[derive(Clone)]
pub(super) struct Slot(pub(super) Arc<parking_lot::Mutex<Option<Plan>>>);
