//! What the log adds to the disk: reads that do not wait, and files that are opened when they are first needed.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use headrace_disk::{Disk, File, RealDisk};
pub(crate) use headrace_disk::{read_exact_at, read_small, sync_way_to, write_atomically};

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Wait,
    /// `WouldBlock` instead of waiting.
    NoWait,
}

impl Patience {
    /// Fills `out` or fails with `UnexpectedEof`.
    pub(crate) fn read_exact_at(self, file: &dyn File, out: &mut [u8], position: u64) -> io::Result<()> {
        let read = match self {
            Self::Wait => file.read_at(out, position)?,
            Self::NoWait => file.read_resident_at(out, position)?,
        };
        if read == out.len() { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

/// A file that is opened when it is first needed, so that thousands of idle partitions cost no descriptors.
pub(crate) struct FileSlot {
    path: PathBuf,
    open: parking_lot::Mutex<Option<Arc<dyn File>>>,
}

impl FileSlot {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, open: parking_lot::Mutex::new(None) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, made if it is not there.
    pub(crate) fn create(&self, disk: &dyn Disk) -> io::Result<Arc<dyn File>> {
        self.get(|| disk.create(&self.path))
    }

    /// The file, which must be there.
    pub(crate) fn open(&self, disk: &dyn Disk) -> io::Result<Arc<dyn File>> {
        self.get(|| disk.open(&self.path))
    }

    fn get(&self, open: impl FnOnce() -> io::Result<Arc<dyn File>>) -> io::Result<Arc<dyn File>> {
        let mut slot = self.open.lock();
        if let Some(file) = &*slot {
            return Ok(file.clone());
        }
        let file = open()?;
        *slot = Some(file.clone());
        Ok(file)
    }

    /// Gives the descriptor back; the next use opens the file again.
    pub(crate) fn close(&self) {
        *self.open.lock() = None;
    }
}

impl fmt::Debug for FileSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileSlot").field(&self.path).finish()
    }
}
