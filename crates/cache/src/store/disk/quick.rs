//! Small files that the system has in its memory are read on the spot: to wake another thread costs
//! more than that. Whatever would have to wait is left to those who may.

use std::path::Path;

/// The largest file that is read so: its sums are found right on the spot too, in ten microseconds.
pub(super) const LARGEST: u64 = 128 << 10;

/// A whole file of this size, if it can be had without waiting for the disk.
#[cfg(target_os = "linux")]
pub(super) fn read(path: &Path, size: u64) -> Option<Vec<u8>> {
    use std::io::IoSliceMut;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};

    let how = OFlags::RDONLY | OFlags::CLOEXEC;
    // Not even the look-up of its name may wait.
    let file = openat2(CWD, path, how, Mode::empty(), ResolveFlags::CACHED).ok()?;
    // One byte more, to see that there is none.
    let mut bytes = vec![0; usize::try_from(size).ok()?.checked_add(1)?];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let read = preadv2(&file, &mut slices, 0, ReadWriteFlags::NOWAIT).ok()?;
    bytes.truncate(read);
    (read as u64 == size).then_some(bytes)
}

/// Elsewhere there is no way to ask for that.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_path: &Path, _size: u64) -> Option<Vec<u8>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::store::folder::Folder;

    #[test]
    fn a_file_is_read_whole_or_not_at_all() {
        let folder = Folder::new();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..100_000u32).map(|place| place as u8).collect();
        std::fs::write(&path, &content).unwrap();
        // Whether the system has it is its own business; what it gives is the file.
        let found = read(&path, 100_000);
        assert!(found.is_none_or(|found| found == content));
        assert_eq!(read(&path, 99_999), None);
        assert_eq!(read(&path, 100_001), None);
        assert_eq!(read(&folder.path().join("nothing"), 9), None);
    }
}
