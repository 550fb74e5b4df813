//! What is on disk, as a list of what came and went. At a start it is read from the beginning; what
//! breaks off at its end was not yet written when the process ended.
//!
//! Each start and each tidying begins a new generation, which holds all that is there when it is
//! complete; until then the generations before it count too.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::super::wire::{Reader, Writer};

/// The form of the journal. Another form is another magic: what has one is not read but discarded.
const MAGIC: &[u8; 8] = b"FLINDEX2";
/// The longest record that is believed, in bytes.
const LONGEST: usize = 1 << 20;

/// Something on disk, as the journal tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The number of its file.
    pub number: u64,
    /// Bytes of its file.
    pub size: u64,
    /// What it costs to make again, in microseconds.
    pub cost: u32,
    /// When it was marked stale, in seconds since 1970; 0 if it was not.
    pub stale_since: u64,
    /// Its URL.
    pub primary: String,
    /// Which of the things kept for the URL.
    pub variant: String,
    /// Its tags.
    pub tags: Vec<u64>,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// It is there.
    Put(Put),
    /// The file of this number is gone.
    Gone(u64),
    /// The thing in this file is stale since then.
    Stale(u64, u64),
    /// All that is there has been said in this generation.
    Complete,
}

impl Record {
    /// Adds it to `bytes`: length, sum, and what it says.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let mut said = Writer::default();
        match self {
            Self::Put(put) => {
                said.u8(1);
                said.u64(put.number);
                said.u64(put.size);
                said.u32(put.cost);
                said.u64(put.stale_since);
                said.bytes(put.primary.as_bytes());
                said.bytes(put.variant.as_bytes());
                put.tags.iter().for_each(|tag| said.u64(*tag));
            }
            Self::Gone(number) => {
                said.u8(2);
                said.u64(*number);
            }
            Self::Stale(number, since) => {
                said.u8(3);
                said.u64(*number);
                said.u64(*since);
            }
            Self::Complete => said.u8(4),
        }
        let mut line = Writer(std::mem::take(bytes));
        line.u32(said.0.len() as u32);
        line.u32(crc32fast::hash(&said.0));
        line.0.extend_from_slice(&said.0);
        *bytes = line.0;
    }

    /// Reads one; `None` where the journal ends or is not right.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let length = reader.u32()? as usize;
        let sum = reader.u32()?;
        let said = reader.take(Some(length).filter(|length| *length <= LONGEST)?)?;
        if crc32fast::hash(said) != sum {
            return None;
        }
        let mut said = Reader(said);
        match said.u8()? {
            1 => {
                let (number, size) = (said.u64()?, said.u64()?);
                let (cost, stale_since) = (said.u32()?, said.u64()?);
                let primary = said.text()?.to_owned();
                let variant = said.text()?.to_owned();
                let mut tags = Vec::new();
                while let Some(tag) = said.u64() {
                    tags.push(tag);
                }
                Some(Self::Put(Put {
                    number,
                    size,
                    cost,
                    stale_since,
                    primary,
                    variant,
                    tags,
                }))
            }
            2 => Some(Self::Gone(said.u64()?)),
            3 => Some(Self::Stale(said.u64()?, said.u64()?)),
            4 => Some(Self::Complete),
            _ => None,
        }
    }
}

/// Reads one generation's file into what is there. Returns whether it is complete; `None` if it is
/// of another form.
pub fn replay(file: &[u8], there: &mut HashMap<u64, Put>) -> Option<bool> {
    let mut reader = Reader(file);
    if reader.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let mut complete = false;
    while let Some(record) = Record::read(&mut reader) {
        match record {
            Record::Put(put) => drop(there.insert(put.number, put)),
            Record::Gone(number) => drop(there.remove(&number)),
            Record::Stale(number, since) => {
                if let Some(put) = there.get_mut(&number) {
                    put.stale_since = since;
                }
            }
            Record::Complete => complete = true,
        }
    }
    Some(complete)
}

/// What a directory's journal says is there.
pub(in super::super) struct Read {
    pub(in super::super) there: Vec<Put>,
    /// The last generation; 0 if there was none.
    pub(in super::super) generation: u64,
}

/// Reads the journal of a directory. What is of another form, or makes no sense, counts as nothing.
///
/// # Errors
/// The directory or a file in it cannot be read.
pub(in super::super) fn read(directory: &Path) -> io::Result<Read> {
    let generations = generations(directory)?;
    let mut there = HashMap::new();
    for generation in &generations {
        let mut own = HashMap::new();
        let bytes = fs::read(file_of(directory, *generation))?;
        match replay(&bytes, &mut own) {
            // It says everything itself.
            Some(true) => there = own,
            // It began after those before it: again, upon what they say.
            Some(false) => drop(replay(&bytes, &mut there)),
            None => there.clear(),
        }
    }
    Ok(Read {
        there: there.into_values().collect(),
        generation: generations.last().copied().unwrap_or(0),
    })
}

fn generations(directory: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for file in fs::read_dir(directory)? {
        let name = file?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("index."));
        found.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn file_of(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("index.{generation}"))
}

/// The journal that is being written.
pub(in super::super) struct Journal {
    directory: PathBuf,
    file: Mutex<Option<File>>,
    /// Records not yet handed to the system. They are added under the lock of the part of the index
    /// they are about, so that their order is that of what happened.
    buffer: Mutex<Vec<u8>>,
    generation: AtomicU64,
    /// Bytes in the files of this journal.
    pub(in super::super) written: AtomicU64,
    /// Something could not be written: only a new generation helps.
    pub(in super::super) broken: AtomicBool,
}

impl Journal {
    /// A journal after `generation`; it has no file yet.
    pub(in super::super) fn new(directory: &Path, generation: u64) -> Self {
        Self {
            directory: directory.to_owned(),
            file: Mutex::new(None),
            buffer: Mutex::default(),
            generation: AtomicU64::new(generation),
            written: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Adds a record; [`Journal::flush`] hands it to the system. Returns whether it was the first
    /// since then.
    pub(in super::super) fn add(&self, record: &Record) -> bool {
        let mut buffer = self.buffer.lock();
        let first = buffer.is_empty();
        record.write(&mut buffer);
        first
    }

    /// Hands to the system what was added: from then on the end of this process loses nothing of it.
    pub(in super::super) fn flush(&self) -> io::Result<()> {
        let mut file = self.file.lock();
        self.flush_to(&mut file)
    }

    fn flush_to(&self, file: &mut Option<File>) -> io::Result<()> {
        let added = std::mem::take(&mut *self.buffer.lock());
        let Some(file) = file.as_mut().filter(|_| !added.is_empty()) else {
            return Ok(());
        };
        // After a record that was written in part nothing can be read.
        if self.broken.load(Ordering::Acquire) {
            return Err(io::Error::other("the journal is broken"));
        }
        file.write_all(&added)
            .inspect_err(|_| self.broken.store(true, Ordering::Release))?;
        self.written
            .fetch_add(added.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Begins a new generation. From now on records go there; the caller adds all that is there, and
    /// then calls [`Journal::complete`].
    pub(in super::super) fn begin(&self) -> io::Result<()> {
        let mut file = self.file.lock();
        // A failure here is what the new generation is for.
        let _ = self.flush_to(&mut file);
        let generation = self.generation.load(Ordering::Relaxed) + 1;
        let path = file_of(&self.directory, generation);
        let mut new = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(path)?;
        new.write_all(MAGIC)?;
        *file = Some(new);
        self.generation.store(generation, Ordering::Relaxed);
        self.written.store(0, Ordering::Relaxed);
        self.broken.store(false, Ordering::Release);
        Ok(())
    }

    /// Ends what [`Journal::begin`] began: the generations before are deleted.
    pub(in super::super) fn complete(&self) -> io::Result<()> {
        self.add(&Record::Complete);
        let mut file = self.file.lock();
        self.flush_to(&mut file)?;
        if let Some(file) = &*file {
            file.sync_data()?;
        }
        let current = self.generation.load(Ordering::Relaxed);
        for generation in generations(&self.directory)? {
            if generation < current {
                fs::remove_file(file_of(&self.directory, generation))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(number: u64) -> Record {
        Record::Put(Put {
            number,
            size: 10,
            cost: 3,
            stale_since: 0,
            primary: "https://a/x".into(),
            variant: number.to_string(),
            tags: vec![1, 2],
        })
    }

    fn file(records: &[Record]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        records.iter().for_each(|record| record.write(&mut bytes));
        bytes
    }

    fn numbers(there: &HashMap<u64, Put>) -> Vec<u64> {
        let mut numbers: Vec<u64> = there.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn what_came_and_did_not_go_is_there() {
        let records = [
            put(1),
            put(2),
            Record::Complete,
            Record::Gone(1),
            Record::Stale(2, 9),
        ];
        let mut there = HashMap::new();
        assert_eq!(replay(&file(&records), &mut there), Some(true));
        assert_eq!((numbers(&there), there[&2].stale_since), (vec![2], 9));
    }

    #[test]
    fn what_breaks_off_was_not_yet_written() {
        let whole = file(&[put(1), put(2)]);
        let first = file(&[put(1)]).len();
        for end in MAGIC.len()..whole.len() {
            let mut there = HashMap::new();
            assert_eq!(replay(&whole[..end], &mut there), Some(false));
            assert_eq!(there.len(), usize::from(end >= first), "{end}");
        }
        let mut other = whole;
        other[7] ^= 1;
        assert_eq!(replay(&other, &mut HashMap::new()), None);
    }

    #[test]
    fn a_generation_counts_with_those_before_it_until_it_is_complete() {
        let folder = crate::store::folder::Folder::new();
        let there = || {
            let read = read(folder.path()).unwrap();
            let there = read.there.into_iter().map(|put| (put.number, put));
            (read.generation, numbers(&there.collect()))
        };
        assert_eq!(there(), (0, vec![]));
        let journal = Journal::new(folder.path(), 0);
        journal.begin().unwrap();
        journal.complete().unwrap();
        journal.add(&put(1));
        journal.add(&put(2));
        assert_eq!(there(), (1, vec![]), "not yet handed over");
        journal.flush().unwrap();
        assert_eq!(there(), (1, vec![1, 2]));
        journal.begin().unwrap();
        journal.add(&Record::Gone(1));
        journal.flush().unwrap();
        assert_eq!(there(), (2, vec![2]));
        journal.add(&put(2));
        journal.add(&put(3));
        journal.complete().unwrap();
        assert_eq!(there(), (2, vec![2, 3]));
        assert_eq!(generations(folder.path()).unwrap(), [2]);
    }
}
