//! The node's directory: one process at a time, one cluster and node id for good.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headrace_disk::{Disk, File, read_small, sync_way_to, write_atomically};

/// The longest identity that is read, in bytes.
const IDENTITY_BYTES_MAX: u64 = 64 * 1024;

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
    _lock: Arc<dyn File>,
}

impl Directory {
    /// Makes the directory if needed, locks it, and checks or writes whose it is. Blocks.
    pub(crate) fn open(
        disk: &dyn Disk,
        path: &Path,
        cluster_id: &str,
        node_id: i32,
    ) -> Result<Self, DirectoryError> {
        let failed = |action| move |source| DirectoryError::Io { action, path: path.to_path_buf(), source };
        disk.create_dir_all(path).map_err(failed("create"))?;
        let lock = disk.lock(&path.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => DirectoryError::InUse { path: path.to_path_buf() },
            _ => failed("lock")(error),
        })?;
        let wanted = format!("cluster.id={cluster_id}\nnode.id={node_id}\n");
        let identity = path.join("identity");
        match read_small(disk, &identity, IDENTITY_BYTES_MAX).map_err(failed("read the identity in"))? {
            Some(found) if found == wanted.as_bytes() => {}
            Some(found) => {
                let line = |text: &str| text.trim().replace('\n', " ");
                let (found, wanted) = (line(&String::from_utf8_lossy(&found)), line(&wanted));
                return Err(DirectoryError::OfAnother { path: path.to_path_buf(), found, wanted });
            }
            None => {
                write_atomically(disk, &identity, wanted.as_bytes())
                    .and_then(|()| sync_way_to(disk, path))
                    .map_err(failed("write the identity in"))?;
            }
        }
        Ok(Self { _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use headrace_disk::RealDisk;

    use super::*;

    #[test]
    fn a_directory_has_one_owner_and_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta");
        let first = Directory::open(&RealDisk, &path, "c", 1).unwrap();
        assert!(matches!(Directory::open(&RealDisk, &path, "c", 1), Err(DirectoryError::InUse { .. })));
        drop(first);
        drop(Directory::open(&RealDisk, &path, "c", 1).unwrap());
        for (cluster, node) in [("other", 1), ("c", 2)] {
            let error = Directory::open(&RealDisk, &path, cluster, node).unwrap_err();
            assert!(matches!(error, DirectoryError::OfAnother { .. }), "{error}");
        }
    }
}
