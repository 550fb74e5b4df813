//! Makes one picture from the body of its source, and keeps it. Runs on its own, so that the work
//! is done even if the client that asked first has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::cache::policy::Freshness;
use ::cache::{Keep, Key, Store};
use ::image::{Found, ImageError, Limits, Outcome, Variant, outline_of, probe, render_found};
use base::Body;
use bytes::Bytes;
use delivery::Outline;
use http::HeaderMap;
use workshop::{Cancel, Lead, Workshop, WorkshopError};

use super::gather::{Gathered, Source, gather};
use super::perfect::Wish;
use super::reply;
use crate::behind::{Shared, Since};
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
    /// A picture, or the original in its place.
    Entry {
        /// What answers.
        entry: Arc<Entry>,
        /// Whether it will answer the next one too.
        kept: bool,
        /// How long it took.
        took: Duration,
    },
    /// The original as it streams, because there is too much of it or it broke off.
    Original {
        /// The bytes as they came.
        body: Body,
        /// What went wrong.
        reason: Arc<str>,
        /// Cloudflare's number for it.
        code: u16,
        /// Whether it will be the original next time too.
        lasting: bool,
    },
}

/// What is done with a source.
#[derive(Clone)]
pub enum Task {
    /// This variant is made of it, as a search found it best if there was one.
    Make(Box<Variant>, Option<Found>),
    /// It stays as it is, for this reason and under Cloudflare's number for it. Its structure is
    /// found, so that its bytes leave in a good order all the same.
    Keep(&'static str, u16),
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
    /// What to do.
    pub task: Task,
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
    /// Where other nodes find it, if it is the same for every visitor.
    pub share: Option<(Shared, Key, Since)>,
    /// Those who wait for it.
    pub lead: Option<Lead<Landed>>,
    /// What it is to become, where that must be sought first.
    pub wish: Option<Arc<Wish>>,
}

/// Why the original is sent, and whether it will be next time.
struct Trouble {
    reason: String,
    code: u16,
    lasting: bool,
    /// The structure of the original, if there was time to look at it.
    outline: Option<Outline>,
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
            outline: None,
        }
    }
}

impl Task {
    /// The work in pixels, with those of what is laid over it. What its header rules out is only
    /// looked at.
    fn cost(&self, source: &[u8], limits: &Limits) -> u64 {
        match self {
            Self::Make(variant, _) => {
                let pixels = |file: &[u8]| probe(file, limits).map_or(1, |probe| probe.pixels());
                let overlays = variant.overlays.iter();
                let laid = overlays.filter_map(|overlay| overlay.file.as_ref());
                laid.fold(pixels(source), |sum, file| {
                    sum.saturating_add(pixels(file.bytes()))
                })
            }
            Self::Keep(..) => 1,
        }
    }

    /// Does the work, on a thread that may take long.
    fn run(&self, source: &[u8], limits: &Limits, cancel: &Cancel) -> Result<Outcome, Trouble> {
        let (reason, code, lasting) = match self {
            Self::Keep(reason, code) => ((*reason).to_owned(), *code, true),
            Self::Make(variant, found) => {
                let cancel = || cancel.is_cancelled();
                match render_found(source, variant, *found, limits, &cancel) {
                    Ok(outcome) => return Ok(outcome),
                    Err(error) => {
                        let lasting = !matches!(error, ImageError::Cancelled);
                        (error.to_string(), error.cf_code(), lasting)
                    }
                }
            }
        };
        Err(Trouble {
            reason,
            code,
            lasting,
            outline: lasting.then(|| outline_of(source)),
        })
    }
}

impl Job {
    /// Reads the source, makes the picture, keeps it, and lands the flight.
    pub async fn run(mut self) -> Made {
        let body = std::mem::take(&mut self.body);
        let source = match gather(body, self.most_bytes(), self.workshop.share()).await {
            Gathered::Whole(source) => source,
            Gathered::NoRoom(body) => {
                return self.give_up(body, &WorkshopError::Busy.to_string(), 9522, false);
            }
            Gathered::TooLarge(body) => return self.give_up_on_large(body),
            Gathered::Broken(body) => {
                return self.give_up(body, "the source broke off", 9528, false);
            }
        };
        let since = Instant::now();
        match self.make(source.bytes.clone()).await {
            Ok((outcome, worked)) => self.finish(outcome, source, worked, since.elapsed()),
            Err(trouble) => self.refuse(source, trouble, since.elapsed()),
        }
    }

    /// The largest source that is read whole.
    fn most_bytes(&self) -> u64 {
        match self.task {
            Task::Make(..) => self.limits.max_bytes,
            // What cannot be kept would be collected for nothing.
            Task::Keep(..) => self.limits.max_bytes.min(self.store.max_entry()),
        }
    }

    /// Does the task. The future borrows nothing: what waits in a job is not for sharing.
    /// Says how long the work itself took.
    fn make(
        &self,
        source: Bytes,
    ) -> impl Future<Output = Result<(Outcome, Duration), Trouble>> + 'static {
        let (task, limits) = (self.task.clone(), self.limits);
        let workshop = self.workshop.clone();
        async move {
            let cost = task.cost(&source, &limits);
            let made = workshop.run(cost, workshop.deadline(), move |cancel| {
                let since = Instant::now();
                task.run(&source, &limits, cancel)
                    .map(|outcome| (outcome, since.elapsed()))
            });
            made.await?
        }
    }

    fn finish(self, outcome: Outcome, source: Source, worked: Duration, took: Duration) -> Made {
        let Source {
            bytes: source,
            share,
        } = source;
        let freshness = self.freshness.unwrap_or_else(unkept);
        let identity = reply::identity(&self.source, &source);
        let (headers, body, outline) = match outcome {
            Outcome::Rendered(made) => {
                let headers = reply::of_picture(self.inherited.clone(), &made, source.len());
                (headers, made.bytes, Some(made.outline))
            }
            Outcome::Facts(facts) => {
                let (headers, body) = reply::of_facts(self.inherited.clone(), &facts);
                (headers, body, None)
            }
            Outcome::Text(text) => {
                let (headers, body) = reply::of_text(self.inherited.clone(), text);
                (headers, body, None)
            }
            Outcome::Original(original) => {
                let headers = self.original_headers(&original.reason);
                (headers, source, Some(original.outline))
            }
        };
        let mut made = Kept::new(http::StatusCode::OK, headers, body, freshness);
        made.outline = outline.map(Arc::new);
        made.cost = worked;
        made.source = Some(identity);
        made.wish.clone_from(&self.wish);
        let entry = Arc::new(Entry::Response(made));
        let others = self.share.clone();
        let kept = self.keep(&entry, &entry);
        if kept && let Some((shared, key, since)) = others {
            shared.keep_picture(&key, since, &entry);
        }
        if kept {
            // The store counts what it keeps.
            share.release();
        }
        Made::Entry { entry, kept, took }
    }

    fn original_headers(&self, reason: &str) -> HeaderMap {
        let mut headers = self.inherited.clone();
        reply::confine(&mut headers, self.foreign);
        reply::mark_original(&mut headers, reason, None);
        headers
    }

    /// Sends the original; if it would be sent again, that is remembered, with the original unless
    /// that is too large to be kept.
    fn refuse(mut self, source: Source, trouble: Trouble, took: Duration) -> Made {
        self.freshness = self.freshness.filter(|_| trouble.lasting);
        let freshness = self.freshness.unwrap_or_else(unkept);
        let mut headers = self.original_headers(&trouble.reason);
        if !trouble.lasting {
            reply::for_now(&mut headers);
        }
        let mut original = Kept::new(http::StatusCode::OK, headers, source.bytes, freshness);
        original.outline = trouble.outline.map(Arc::new);
        let reason: Arc<str> = trouble.reason.into();
        let refused = |original| {
            Arc::new(Entry::Refused(Refused {
                reason: reason.clone(),
                code: trouble.code,
                freshness,
                original,
            }))
        };
        let entry = refused(Some(original));
        let kept = if entry.weight() <= self.store.max_entry() {
            let kept = self.keep(&entry, &entry);
            if kept {
                source.share.release();
            }
            kept
        } else {
            self.keep(&refused(None), &entry)
        };
        Made::Entry { entry, kept, took }
    }

    fn give_up_on_large(self, body: Body) -> Made {
        match self.task {
            Task::Keep(reason, code) => self.give_up(body, reason, code, true),
            Task::Make(..) => {
                let reason = format!("the source has more than {} bytes", self.limits.max_bytes);
                self.give_up(body, &reason, 9402, true)
            }
        }
    }

    fn give_up(self, body: Body, reason: &str, code: u16, lasting: bool) -> Made {
        land(self.lead, Landed::Alone);
        Made::Original {
            body,
            reason: reason.into(),
            code,
            lasting,
        }
    }

    /// Keeps an entry if it may be kept, and lands what answers those who wait. Returns whether it
    /// was kept.
    fn keep(self, entry: &Arc<Entry>, answer: &Arc<Entry>) -> bool {
        let for_all = self.freshness.is_some() && self.place.is_for_all();
        let kept = self.freshness.is_some() && self.place.keep(&self.store, entry.clone());
        let landed = if for_all {
            Landed::Kept(answer.clone())
        } else {
            Landed::Alone
        };
        land(self.lead, landed);
        kept
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

/// What is known of the structure of a body nobody looked into, such as an SVG: where it ends.
pub fn outline_unseen(body: &Body) -> Option<Arc<Outline>> {
    let length = body.exact_len()?;
    Some(Arc::new(Outline {
        length,
        preview: length,
        good: length,
        ..Outline::default()
    }))
}
