//! The thread that writes: what is kept as it comes, large bodies piece by piece, the journal.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;

use super::super::key::Name;
use super::super::{Inner, Keep, Mark};
use super::format::Sums;
use super::{Disk, Place};

/// The journal is written anew when it is this much larger than what it says.
const TIDY_FROM: u64 = 8 << 20;
/// What a record of the journal takes, roughly.
const RECORD: u64 = 256;

/// Something to be done.
pub(in super::super) enum Job<V> {
    /// Write a thing of this version.
    Keep {
        name: Name,
        version: u64,
        value: Arc<V>,
        charge: u64,
    },
    /// Write a piece of something large.
    Piece { number: u64, bytes: Bytes },
    /// Something large is whole.
    End { number: u64, end: LargeEnd },
    /// Something large will not be whole.
    Drop { number: u64 },
    /// Look after the journal.
    Wake,
    /// Do what waits, then say so.
    Settle(Sender<()>),
}

/// What is known of something large when it is whole.
pub(in super::super) struct LargeEnd {
    pub(in super::super) name: Name,
    pub(in super::super) mark: Mark,
    pub(in super::super) head: Vec<u8>,
    pub(in super::super) cost: u32,
    pub(in super::super) tags: Vec<u64>,
}

/// The way to the thread: jobs wait here, and take no more memory than they may.
pub(in super::super) struct Queue<V> {
    jobs: Sender<Job<V>>,
    charged: AtomicU64,
    limit: u64,
}

impl<V> Queue<V> {
    pub(in super::super) fn new(limit: u64) -> (Self, Receiver<Job<V>>) {
        let (jobs, receiver) = channel();
        let queue = Self {
            jobs,
            charged: AtomicU64::new(0),
            limit,
        };
        (queue, receiver)
    }

    /// Adds a job that holds so much memory, if there is room for it.
    pub(in super::super) fn offer(&self, charge: u64, job: Job<V>) -> bool {
        let charged = self
            .charged
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |charged| {
                (charged == 0 || charged + charge <= self.limit).then_some(charged + charge)
            });
        charged.is_ok() && self.send(job)
    }

    /// Adds a job that holds nothing.
    pub(in super::super) fn send(&self, job: Job<V>) -> bool {
        self.jobs.send(job).is_ok()
    }

    fn done(&self, charge: u64) {
        self.charged.fetch_sub(charge, Ordering::Relaxed);
    }
}

/// What a job takes in the queue beside its bytes.
const SLIP: u64 = 512;

/// What a piece is charged.
pub(in super::super) fn charge(bytes: u64) -> u64 {
    bytes + SLIP
}

/// Works until the store is gone.
pub(in super::super) fn work<V: Keep>(inner: &Weak<Inner<V>>, jobs: &Receiver<Job<V>>) {
    if let Some(inner) = inner.upgrade() {
        inner.begin_generation();
        inner.sweep();
    }
    let mut writer = Writer {
        large: HashMap::new(),
    };
    loop {
        // Now and then without a job too: what failed is tried again.
        let job = match jobs.recv_timeout(Duration::from_secs(1)) {
            Ok(job) => job,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Job::Wake,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let Some(inner) = inner.upgrade() else {
            return;
        };
        let Some(tier) = &inner.disk else {
            return;
        };
        let done = writer.job(&inner, &tier.disk, job);
        tier.queue.done(done.charge);
        inner.look_after_journal();
        if let Some(settled) = done.settled {
            let _ = settled.send(());
        }
    }
}

#[derive(Default)]
struct Done {
    charge: u64,
    settled: Option<Sender<()>>,
}

/// Something large on its way.
struct Large {
    file: File,
    sums: Sums,
    length: u64,
    room: u64,
}

struct Writer {
    /// By number; `None` once it has failed.
    large: HashMap<u64, Option<Large>>,
}

impl Writer {
    fn job<V: Keep>(&mut self, inner: &Arc<Inner<V>>, disk: &Disk, job: Job<V>) -> Done {
        let mut done = Done::default();
        match job {
            Job::Keep {
                name,
                version,
                value,
                charge,
            } => {
                done.charge = charge;
                let place = keep(inner, disk, &name, &*value);
                inner.written(&name, version, place);
            }
            Job::Piece { number, bytes } => {
                done.charge = charge(bytes.len() as u64);
                self.piece(inner, disk, number, &bytes);
            }
            Job::End { number, end } => {
                if let Some(place) = self.end(inner, disk, number, &end) {
                    inner.written_large(end, place);
                }
            }
            Job::Drop { number } => {
                if let Some(Some(large)) = self.large.remove(&number) {
                    abandon(disk, number, large);
                }
            }
            Job::Wake => {}
            Job::Settle(settled) => done.settled = Some(settled),
        }
        done
    }

    fn piece<V: Keep>(&mut self, inner: &Inner<V>, disk: &Disk, number: u64, bytes: &[u8]) {
        let large = self.large.entry(number).or_insert_with(|| {
            let file = File::create(disk.path(number))
                .inspect_err(|error| disk.failed(error))
                .ok()?;
            Some(Large {
                file,
                sums: Sums::default(),
                length: 0,
                room: 0,
            })
        });
        let Some(open) = large else {
            return;
        };
        if let Err(error) = open.add(inner, disk, bytes) {
            failed(disk, &error);
            if let Some(large) = large.take() {
                abandon(disk, number, large);
            }
        }
    }

    fn end<V: Keep>(
        &mut self,
        inner: &Inner<V>,
        disk: &Disk,
        number: u64,
        end: &LargeEnd,
    ) -> Option<Place> {
        let mut large = self.large.remove(&number)??;
        let sums = std::mem::take(&mut large.sums);
        let rest = sums.finish(number, large.length, &end.name.as_lookup(), &end.head);
        let written = large
            .take_room(inner, disk, rest.len() as u64)
            .and_then(|()| large.file.write_all(&rest));
        match written {
            Ok(()) => Some(Place {
                number,
                size: large.length + rest.len() as u64,
            }),
            Err(error) => {
                failed(disk, &error);
                abandon(disk, number, large);
                None
            }
        }
    }
}

/// Counts a failure; that there is no room for something is none of the disk.
fn failed(disk: &Disk, error: &io::Error) {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => {
            disk.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        _ => disk.failed(error),
    }
}

impl Large {
    fn add<V: Keep>(&mut self, inner: &Inner<V>, disk: &Disk, bytes: &[u8]) -> io::Result<()> {
        self.take_room(inner, disk, bytes.len() as u64)?;
        self.file.write_all(bytes)?;
        self.sums.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Takes the room for so many bytes more.
    fn take_room<V: Keep>(&mut self, inner: &Inner<V>, disk: &Disk, more: u64) -> io::Result<()> {
        let wanted = Place {
            number: 0,
            size: self.length + more,
        };
        let wanted = wanted.room();
        if !inner.make_room_on_disk(disk, wanted.saturating_sub(self.room)) {
            return Err(io::Error::from(io::ErrorKind::QuotaExceeded));
        }
        self.room = wanted.max(self.room);
        Ok(())
    }
}

fn abandon(disk: &Disk, number: u64, large: Large) {
    disk.give_room(large.room);
    drop(large.file);
    let _ = fs::remove_file(disk.path(number));
}

/// Writes a thing. `None` if it is not written.
fn keep<V: Keep>(inner: &Inner<V>, disk: &Disk, name: &Name, value: &V) -> Option<Place> {
    if !disk.is_writable() {
        disk.counters.dropped.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    let packed = value.pack()?;
    let number = disk.number();
    let mut sums = Sums::default();
    let mut length = 0;
    for part in &packed.parts {
        sums.update(part);
        length += part.len() as u64;
    }
    let end = sums.finish(number, length, &name.as_lookup(), &packed.head);
    let place = Place {
        number,
        size: length + end.len() as u64,
    };
    if place.size > disk.settings.max_entry.bytes() || !inner.make_room_on_disk(disk, place.room())
    {
        disk.counters.dropped.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    let mut pieces: Vec<&[u8]> = packed.parts.iter().map(|part| &part[..]).collect();
    pieces.push(&end);
    match disk.write(number, &pieces) {
        Ok(()) => Some(place),
        Err(error) => {
            disk.give_room(place.room());
            disk.failed(&error);
            if error.kind() == io::ErrorKind::StorageFull {
                inner.shrink_disk(disk);
            }
            None
        }
    }
}

impl Disk {
    /// Whether the journal may have grown too large.
    pub(in super::super) fn may_want_tidying(&self) -> bool {
        let written = self.journal.written.load(Ordering::Relaxed);
        written > TIDY_FROM || self.journal.broken.load(Ordering::Acquire)
    }

    /// Whether the journal should be written anew, for so many things on disk.
    pub(in super::super) fn wants_tidying(&self, things: u64) -> bool {
        let written = self.journal.written.load(Ordering::Relaxed);
        let broken = self.journal.broken.load(Ordering::Acquire);
        (broken && self.is_writable()) || written > TIDY_FROM + 2 * RECORD * things
    }
}
