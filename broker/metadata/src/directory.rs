//! The node's directory: one process at a time, one cluster and node id for good.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::wal::sync_dir;

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the metadata directory {} is in use by another process: stop that one first", path.display())]
    InUse { path: PathBuf },
    #[error(
        "the metadata directory {} belongs to {found}, but this is {wanted}: correct node.id, cluster.id or log.dirs",
        path.display()
    )]
    OfAnother { path: PathBuf, found: String, wanted: String },
}

/// Holds the directory until it is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    _lock: File,
}

impl Directory {
    /// Makes the directory if needed, locks it, and checks or writes whose it is. Blocks.
    pub(crate) fn open(path: &Path, cluster_id: &str, node_id: i32) -> Result<Self, DirectoryError> {
        let failed = |action| move |source| DirectoryError::Io { action, path: path.to_path_buf(), source };
        fs::create_dir_all(path).map_err(failed("create"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed("open the lock in"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(DirectoryError::InUse { path: path.to_path_buf() });
            }
            Err(error) => return Err(failed("lock")(error.into())),
        }
        let wanted = format!("cluster.id={cluster_id}\nnode.id={node_id}\n");
        match fs::read_to_string(path.join("identity")) {
            Ok(found) if found == wanted => {}
            Ok(found) => {
                let line = |text: &str| text.trim().replace('\n', " ");
                let (found, wanted) = (line(&found), line(&wanted));
                return Err(DirectoryError::OfAnother { path: path.to_path_buf(), found, wanted });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                write_whole(path, &wanted).map_err(failed("write the identity in"))?;
            }
            Err(error) => return Err(failed("read the identity in")(error)),
        }
        Ok(Self { _lock: lock })
    }
}

/// Writes the identity so that it is there whole or not at all.
fn write_whole(dir: &Path, text: &str) -> io::Result<()> {
    let temporary = dir.join("identity.new");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join("identity"))?;
    sync_dir(dir)?;
    dir.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_owner_and_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta");
        let first = Directory::open(&path, "c", 1).unwrap();
        assert!(matches!(Directory::open(&path, "c", 1), Err(DirectoryError::InUse { .. })));
        drop(first);
        drop(Directory::open(&path, "c", 1).unwrap());
        for (cluster, node) in [("other", 1), ("c", 2)] {
            let error = Directory::open(&path, cluster, node).unwrap_err();
            assert!(matches!(error, DirectoryError::OfAnother { .. }), "{error}");
        }
    }
}
