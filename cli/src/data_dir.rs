//! The data directory: where it is, what lies in it, and who has it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::failure::Failure;

/// Keys, addresses and pid files are one short line.
const LINE_BYTES_MAX: u64 = 4096;

/// One service's folder. Everything that `up` keeps is below it.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Where the data directory is when nobody says: `$XDG_DATA_HOME/headrace`, `~/.local/share/headrace`, or for root
/// `/var/lib/headrace`, because PostgreSQL does not run as root and the user it runs as can't enter root's home.
pub(crate) fn default_path() -> Option<PathBuf> {
    default_from(
        std::env::var_os("XDG_DATA_HOME").map(PathBuf::from),
        std::env::var_os("HOME").map(PathBuf::from),
        rustix::process::geteuid().is_root(),
    )
}

fn default_from(xdg: Option<PathBuf>, home: Option<PathBuf>, root: bool) -> Option<PathBuf> {
    // The XDG specification says to ignore a relative one.
    match xdg.filter(|dir| dir.is_absolute()) {
        Some(dir) => Some(dir.join("headrace")),
        None if root => Some(PathBuf::from("/var/lib/headrace")),
        None => home.filter(|dir| dir.is_absolute()).map(|dir| dir.join(".local/share/headrace")),
    }
}

impl DataDir {
    /// The directory given by flag or `HEADRACE_DATA_DIR`, else the default. Always absolute; need not exist.
    pub(crate) fn resolve(given: Option<&Path>) -> Result<Self, Failure> {
        let path = match given {
            Some(path) if path.as_os_str().is_empty() => {
                return Err(Failure::usage("--data-dir must not be empty"));
            }
            Some(path) => path.to_owned(),
            None => default_path().ok_or_else(|| {
                Failure::usage("no home directory to put the data into")
                    .hint("pass --data-dir DIR or set HEADRACE_DATA_DIR")
            })?,
        };
        let path = std::path::absolute(&path)
            .map_err(|error| Failure::doing(format!("finding the folder {}", path.display()), error))?;
        // An existing one by its real name: PostgreSQL and child processes are found again by path.
        Ok(Self(path.canonicalize().unwrap_or(path)))
    }

    /// Makes it (and `logs`), open to others only for passing through: PostgreSQL may run as another user.
    pub(crate) fn create(&self) -> Result<(), Failure> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.0)
            .and_then(|()| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(self.logs()))
            .map_err(|error| {
                Failure::doing(format!("making the data directory {}", self.0.display()), error)
                    .hint("pass --data-dir with a folder that you can write to")
            })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn admin_key(&self) -> PathBuf {
        self.0.join("admin-key")
    }

    pub(crate) fn endpoint(&self) -> PathBuf {
        self.0.join("endpoint")
    }

    pub(crate) fn service_pid(&self) -> PathBuf {
        self.0.join("service.pid")
    }

    pub(crate) fn demo_marker(&self) -> PathBuf {
        self.0.join("demo")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// Takes the directory for one `up`, for as long as the lock lives. `None`: another one has it.
    pub(crate) fn try_lock(&self) -> Result<Option<Lock>, Failure> {
        let path = self.0.join("lock");
        let doing =
            |error: &dyn std::fmt::Display| Failure::doing(format!("locking {}", path.display()), error);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| doing(&error))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(doing(&error)),
        }
    }
}

/// The data directory is ours while this lives. The kernel lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// The only line of a small file; `None` when there is no such file.
pub(crate) fn read_line(path: &Path) -> std::io::Result<Option<String>> {
    use std::io::Read;
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(LINE_BYTES_MAX).read_to_string(&mut text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let line = text.lines().next().unwrap_or_default().trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// Writes a small file in one step: a reader sees the old text or the new, never a part.
pub(crate) fn write_line(path: &Path, line: &str, mode: u32) -> Result<(), Failure> {
    use std::io::Write;
    let new = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&new)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|error| Failure::doing(format!("writing {}", path.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_follows_xdg_home_and_root() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(default_from(path("/x"), path("/home/a"), true), path("/x/headrace"));
        assert_eq!(default_from(path("rel"), path("/home/a"), false), path("/home/a/.local/share/headrace"));
        assert_eq!(default_from(None, path("/root"), true), path("/var/lib/headrace"));
        assert_eq!(default_from(None, None, false), None);
    }

    #[test]
    fn a_locked_directory_is_refused_until_it_is_free() {
        let temp = tempfile::tempdir().expect("tempdir");
        let dir = DataDir::resolve(Some(temp.path())).expect("dir");
        let lock = dir.try_lock().expect("lock").expect("free");
        assert!(dir.try_lock().expect("lock").is_none());
        drop(lock);
        assert!(dir.try_lock().expect("lock").is_some());
    }

    #[test]
    fn small_files_are_one_line() {
        let temp = tempfile::tempdir().expect("tempdir");
        let file = temp.path().join("endpoint");
        assert_eq!(read_line(&file).expect("absent"), None);
        write_line(&file, "http://127.0.0.1:8080", 0o600).expect("write");
        assert_eq!(read_line(&file).expect("there").as_deref(), Some("http://127.0.0.1:8080"));
    }
}
