//! The disk as the broker sees it: positioned reads and writes, and the few directory operations it needs.
//!
//! Everything that has to survive a crash goes through these two traits, so that a simulated disk with torn and lost writes can take
//! the real one's place. Both are object-safe; a call through them costs nothing beside the system call behind it. No tokio, no clock.

mod real;

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;

/// An open file. Reads and writes say where, so that several threads can share it.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads until `out` is full or the file ends; returns how much.
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize>;
    /// The same from memory alone: `WouldBlock` where the disk itself would be asked.
    fn read_resident_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.read_at(out, position)
    }
    /// Writes all parts, one behind the other. After an error any prefix may be in the file.
    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// Returns when the file's data and length are safe from a power cut.
    fn sync_data(&self) -> io::Result<()>;
    /// Takes room on the disk for so many bytes from `from` on, without making the file longer. False where that is not possible.
    fn reserve(&self, from: u64, bytes: u64) -> bool {
        let _ = (from, bytes);
        false
    }
}

/// A file system.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens a file for reading and writing, made if it is not there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// The names in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    fn is_dir(&self, path: &Path) -> bool;
    fn exists(&self, path: &Path) -> bool;
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Takes a lock file for as long as the answer lives; `WouldBlock` if another process has it.
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Returns when the names in the directory are safe from a power cut.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// Makes the names that lead to a directory safe from a power cut; those further up as far as this process may.
pub fn sync_way_to(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    for (above, parent) in path.ancestors().skip(1).enumerate() {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match disk.sync_dir(parent) {
            Err(error) if above == 0 => return Err(error),
            Err(_) => break,
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Fills `out` or fails with `UnexpectedEof`.
pub fn read_exact_at(file: &dyn File, out: &mut [u8], position: u64) -> io::Result<()> {
    let read = file.read_at(out, position)?;
    if read == out.len() { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// The whole of a small file; `None` if there is none. More than `limit_bytes` is an error.
pub fn read_small(disk: &dyn Disk, path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.len()?;
    if length > limit_bytes {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("the file is larger than {limit_bytes} bytes"),
        ));
    }
    let mut bytes = vec![0; length as usize];
    read_exact_at(&*file, &mut bytes, 0)?;
    Ok(Some(bytes))
}

/// Writes a small file so that after a crash either the old or the new content is there, whole.
pub fn write_atomically(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let file = disk.create(&temporary)?;
    file.set_len(0)?;
    file.write_all_at(&[IoSlice::new(content)], 0)?;
    file.sync_data()?;
    disk.rename(&temporary, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new(".")))
}
