//! Makes one picture from the body of its source, and keeps it. Runs on its own, so that the work
//! is done even if the client that asked first has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::cache::Store;
use ::cache::policy::Freshness;
use ::image::{ImageError, Limits, Outcome, Variant, outline_of, probe, render};
use base::Body;
use bytes::Bytes;
use http::HeaderMap;
use workshop::{Lead, Workshop, WorkshopError};

use super::gather::{Gathered, gather};
use super::reply;
use crate::facts::now;
use crate::kept::{Entry, Kept, Place, Refused};

/// What lands for those who wait.
#[derive(Clone)]
pub enum Landed {
    /// The answer for all.
    Kept(Arc<Entry>),
    /// Nothing that others may have; each asks for himself.
    Alone,
}

/// What a job came to.
pub enum Made {
    /// A picture, or the original where it is better.
    Entry(Arc<Entry>, Duration),
    /// The original, because of something that went wrong.
    Original {
        /// The bytes as they came.
        body: Body,
        /// What went wrong.
        reason: Arc<str>,
        /// Cloudflare's number for it.
        code: u16,
    },
}

/// One picture to make.
pub struct Job {
    /// The source.
    pub body: Body,
    /// The source's headers.
    pub source: HeaderMap,
    /// The headers that also hold for the result.
    pub inherited: HeaderMap,
    /// Whether the source is another site's.
    pub foreign: bool,
    /// What to make.
    pub variant: Variant,
    /// Within which limits.
    pub limits: Limits,
    /// Where it is made.
    pub workshop: Workshop,
    /// How long the result may be used; `None` if it may not be kept.
    pub freshness: Option<Freshness>,
    /// Where it is kept.
    pub place: Place,
    /// And in which store.
    pub store: Arc<Store<Entry>>,
    /// Those who wait for it.
    pub lead: Option<Lead<Landed>>,
}

/// What went wrong, and whether it will again.
struct Trouble {
    reason: String,
    code: u16,
    lasting: bool,
}

impl From<&ImageError> for Trouble {
    fn from(error: &ImageError) -> Self {
        Self {
            reason: error.to_string(),
            code: error.cf_code(),
            lasting: !matches!(error, ImageError::Cancelled),
        }
    }
}

impl From<WorkshopError> for Trouble {
    fn from(error: WorkshopError) -> Self {
        Self {
            code: match &error {
                WorkshopError::Busy => 9522,
                WorkshopError::Deadline => 9529,
                WorkshopError::Panicked(_) | WorkshopError::Threads(_) => 9523,
            },
            // Neither the crowd nor the clock are the picture's doing, but a panic is.
            lasting: matches!(error, WorkshopError::Panicked(_)),
            reason: error.to_string(),
        }
    }
}

impl Job {
    /// Reads the source, makes the picture, keeps it, and lands the flight.
    pub async fn run(mut self) -> Made {
        let body = std::mem::take(&mut self.body);
        let bytes = match gather(body, self.limits.max_bytes).await {
            Gathered::Whole(bytes) => bytes,
            Gathered::TooLarge(body) => {
                let reason = format!("the source has more than {} bytes", self.limits.max_bytes);
                return self.give_up(body, &reason, 9402);
            }
            Gathered::Broken(body) => return self.give_up(body, "the source broke off", 9528),
        };
        let since = Instant::now();
        match self.make(bytes.clone()).await {
            Ok(outcome) => self.finish(outcome, bytes, since.elapsed()),
            Err(trouble) => self.refuse(bytes, trouble),
        }
    }

    /// Makes the picture. The future borrows nothing: what waits in a job is not for sharing.
    fn make(&self, source: Bytes) -> impl Future<Output = Result<Outcome, Trouble>> + 'static {
        let (variant, limits) = (self.variant.clone(), self.limits);
        let workshop = self.workshop.clone();
        async move {
            let cost = match probe(&source, &limits) {
                Ok(probe) => probe.pixels(),
                Err(ImageError::Unsupported { .. }) => 1,
                Err(error) => return Err(Trouble::from(&error)),
            };
            let made = workshop.run(cost, workshop.deadline(), move |cancel| {
                render(&source, &variant, &limits, &|| cancel.is_cancelled())
            });
            made.await?.map_err(|error| Trouble::from(&error))
        }
    }

    fn finish(self, outcome: Outcome, source: Bytes, took: Duration) -> Made {
        let freshness = self.freshness.unwrap_or_else(unkept);
        let (headers, body, outline) = match outcome {
            Outcome::Rendered(made) => {
                let headers = reply::of_picture(self.inherited.clone(), &made, source.len());
                (headers, made.bytes, Some(made.outline))
            }
            Outcome::Facts(facts) => {
                let (headers, body) = reply::of_facts(self.inherited.clone(), &facts);
                (headers, body, None)
            }
            Outcome::Original(original) => {
                let mut headers = self.original_headers();
                reply::mark_original(&mut headers, &original.reason, None);
                (headers, source, Some(original.outline))
            }
        };
        let mut kept = Kept::new(http::StatusCode::OK, headers, body, freshness);
        kept.outline = outline.map(Arc::new);
        kept.source = Some(reply::identity(&self.source));
        let entry = Arc::new(Entry::Response(kept));
        self.keep(entry.clone());
        Made::Entry(entry, took)
    }

    fn original_headers(&self) -> HeaderMap {
        let mut headers = self.inherited.clone();
        for name in [http::header::ETAG, http::header::CONTENT_TYPE] {
            if let Some(value) = self.source.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if self.foreign {
            reply::confine(&mut headers);
        }
        headers
    }

    /// Sends the original; if it would go wrong again, that is remembered.
    fn refuse(self, source: Bytes, trouble: Trouble) -> Made {
        let reason: Arc<str> = trouble.reason.into();
        if let Some(freshness) = self.freshness.filter(|_| trouble.lasting) {
            let refused = Refused {
                reason: reason.clone(),
                code: trouble.code,
                freshness,
            };
            self.keep(Arc::new(Entry::Refused(refused)));
        } else {
            land(self.lead, Landed::Alone);
        }
        Made::Original {
            body: source.into(),
            reason,
            code: trouble.code,
        }
    }

    fn give_up(self, body: Body, reason: &str, code: u16) -> Made {
        land(self.lead, Landed::Alone);
        Made::Original {
            body,
            reason: reason.into(),
            code,
        }
    }

    fn keep(self, entry: Arc<Entry>) {
        let for_all = self.freshness.is_some() && self.place.is_for_all();
        if self.freshness.is_some() {
            self.place.keep(&self.store, entry.clone());
        }
        let landed = if for_all {
            Landed::Kept(entry)
        } else {
            Landed::Alone
        };
        land(self.lead, landed);
    }
}

/// Lands a flight, if there is one.
pub fn land(lead: Option<Lead<Landed>>, landed: Landed) {
    if let Some(lead) = lead {
        lead.land(landed);
    }
}

/// The times of something that is sent once and not kept.
fn unkept() -> Freshness {
    Freshness {
        received: now(),
        initial_age: Duration::ZERO,
        lifetime: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    }
}

/// The structure of a body that is sent as it is, where it is at hand.
pub fn outline_at_hand(body: &Body) -> Option<Arc<delivery::Outline>> {
    match body {
        Body::Full(bytes) => Some(Arc::new(outline_of(bytes))),
        Body::Empty | Body::Stream(_) => None,
    }
}
