//! The disk as the log sees it: positioned reads and writes, and the few directory operations it needs.
//!
//! Everything goes through these two traits, so that a simulated disk with torn and lost writes can take the
//! real one's place. Both are object-safe; a call through them costs nothing beside the system call behind it.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// How many buffers the kernel takes in one vectored write (`IOV_MAX`).
const MAX_IO_SLICES: usize = 1024;

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

/// Fills `out` or fails with `UnexpectedEof`.
pub(crate) fn read_exact_at(file: &dyn File, out: &mut [u8], position: u64) -> io::Result<()> {
    Patience::Wait.read_exact_at(file, out, position)
}

/// The whole of a small file; `None` if there is none. More than `limit_bytes` is an error.
pub(crate) fn read_small(disk: &dyn Disk, path: &Path, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
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
pub(crate) fn write_atomically(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
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

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl RealDisk {
    pub fn shared() -> Arc<dyn Disk> {
        Arc::new(Self)
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < out.len() {
            match self.0.read_at(&mut out[done..], position + done as u64) {
                Ok(0) => break,
                Ok(amount) => done += amount,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_resident_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < out.len() {
            let mut rest = [IoSliceMut::new(&mut out[done..])];
            let at = position + done as u64;
            match rustix::io::preadv2(&self.0, &mut rest, at, rustix::io::ReadWriteFlags::NOWAIT) {
                Ok(0) => break,
                Ok(amount) => done += amount,
                Err(rustix::io::Errno::INTR) => {}
                // A file system that cannot say is one that may have to be waited for.
                Err(rustix::io::Errno::OPNOTSUPP) => return Err(ErrorKind::WouldBlock.into()),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], mut position: u64) -> io::Result<()> {
        if let [single] = parts {
            return self.0.write_all_at(single, position);
        }
        for chunk in parts.chunks(MAX_IO_SLICES) {
            let mut left: Vec<IoSlice<'_>> = chunk.to_vec();
            let mut left = &mut left[..];
            while !left.is_empty() {
                match rustix::io::pwritev(&self.0, left, position) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(written) => {
                        position += written as u64;
                        IoSlice::advance_slices(&mut left, written);
                    }
                    Err(rustix::io::Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
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
