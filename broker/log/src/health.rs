//! Whether a log directory's disk still works. All that is done in the directory goes through [`WatchedDisk`]; an error that means that
//! the disk is broken is noted, for good: until the next start nobody can know what is on it.
//!
//! A full disk is not a broken one: what is there stays readable, and there may be room again.

use std::{
    io::{self, ErrorKind, IoSlice},
    path::Path,
    sync::{Arc, OnceLock},
};

use rustix::io::Errno;

use crate::disk::{Disk, File};

/// Is called when a directory has failed, on the thread that met the error: it must not block.
pub type Alarm = Box<dyn Fn() + Send + Sync>;

/// What rings when any directory fails.
#[derive(Default)]
pub(crate) struct Bell(OnceLock<Alarm>);

impl std::fmt::Debug for Bell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bell")
    }
}

impl Bell {
    /// False if it had one already.
    pub(crate) fn set(&self, alarm: Alarm) -> bool {
        self.0.set(alarm).is_ok()
    }
}

/// Of one directory.
#[derive(Debug)]
pub(crate) struct Health {
    failure: OnceLock<String>,
    bell: Arc<Bell>,
}

impl Health {
    pub(crate) fn new(bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Self { failure: OnceLock::new(), bell })
    }

    /// Why the directory is not used any more.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    pub(crate) fn fail(&self, reason: String) {
        if self.failure.set(reason).is_ok()
            && let Some(alarm) = self.bell.0.get()
        {
            alarm();
        }
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && means_broken(error)
        {
            self.fail(error.to_string());
        }
        result
    }

    /// After a failed sync the kernel may have dropped what was written: any reason is bad enough.
    fn note_sync(&self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result
            && !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Interrupted)
        {
            self.fail(format!("a sync failed: {error}"));
        }
        result
    }
}

/// Whether a disk that answers so is not to be trusted any more.
fn means_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::StaleNetworkFileHandle)
        || matches!(
            Errno::from_io_error(error),
            Some(
                Errno::IO
                    | Errno::ROFS
                    | Errno::NODEV
                    | Errno::NXIO
                    | Errno::STALE
                    | Errno::UCLEAN
                    | Errno::NOTCONN
                    | Errno::NOMEDIUM
                    | Errno::REMOTEIO
            )
        )
}

/// The disk under one log directory.
#[derive(Debug)]
pub(crate) struct WatchedDisk {
    inner: Arc<dyn Disk>,
    health: Arc<Health>,
}

impl WatchedDisk {
    pub(crate) fn over(inner: Arc<dyn Disk>, health: Arc<Health>) -> Arc<dyn Disk> {
        Arc::new(Self { inner, health })
    }

    fn watched(&self, file: io::Result<Arc<dyn File>>) -> io::Result<Arc<dyn File>> {
        let inner = self.health.note(file)?;
        Ok(Arc::new(WatchedFile { inner, health: self.health.clone() }))
    }
}

impl Disk for WatchedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.watched(self.inner.open(path))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.watched(self.inner.create(path))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.health.note(self.inner.list(dir))
    }
    fn is_dir(&self, path: &Path) -> bool {
        self.inner.is_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        self.inner.exists(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.health.note(self.inner.create_dir_all(path))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.health.note(self.inner.rename(from, to))
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.health.note(self.inner.remove_file(path))
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.health.note(self.inner.remove_dir_all(path))
    }
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.health.note(self.inner.lock(path))
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.health.note_sync(self.inner.sync_dir(dir))
    }
}

#[derive(Debug)]
struct WatchedFile {
    inner: Arc<dyn File>,
    health: Arc<Health>,
}

impl File for WatchedFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.health.note(self.inner.read_at(out, position))
    }
    fn read_resident_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.health.note(self.inner.read_resident_at(out, position))
    }
    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.health.note(self.inner.write_all_at(parts, position))
    }
    fn len(&self) -> io::Result<u64> {
        self.health.note(self.inner.len())
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.health.note(self.inner.set_len(length))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.health.note_sync(self.inner.sync_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_disk_is_told_from_a_full_one() {
        for (errno, broken) in [
            (Errno::IO, true),
            (Errno::ROFS, true),
            (Errno::NOSPC, false),
            (Errno::DQUOT, false),
            (Errno::NOENT, false),
        ] {
            assert_eq!(means_broken(&errno.into()), broken, "{errno:?}");
        }
        assert!(!means_broken(&ErrorKind::UnexpectedEof.into()));
    }
}
