//! Kafka's small text files: `partition.metadata`, the offset checkpoints, `meta.properties` and the
//! clean-shutdown marker. Each is written whole: to a temporary file, synced, renamed, and the directory synced.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use headrace_records::Offset;

use crate::{
    disk::{Disk, read_small, write_atomically},
    error::{DiskError, Doing, LogError},
    partition::{TopicId, TopicPartition},
};

/// The size of a text file that is not believed any more: a checkpoint of a million partitions is below it.
const TEXT_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(crate) const LOG_STARTS: &str = "log-start-offset-checkpoint";
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const META_PROPERTIES: &str = "meta.properties";
const PARTITION_METADATA: &str = "partition.metadata";
const LOST_RECORDS: &str = "headrace.lost-records";
const DOUBT: &str = "headrace.doubt";

fn read_text(disk: &dyn Disk, path: &Path) -> Result<Option<String>, LogError> {
    let Some(bytes) = read_small(disk, path, TEXT_BYTES_MAX).doing("reading", path)? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(LogError::BadFile { path: path.to_owned(), reason: "it is not text".to_owned() }),
    }
}

fn write_text(disk: &dyn Disk, path: &Path, text: &str) -> Result<(), DiskError> {
    write_atomically(disk, path, text.as_bytes()).doing("writing", path)
}

pub(crate) fn write_partition_metadata(disk: &dyn Disk, dir: &Path, id: TopicId) -> Result<(), DiskError> {
    write_text(disk, &partition_metadata(dir), &partition_metadata_text(id))
}

/// The same for a log that is just being made: not synced, for there is nothing in it yet that could be lost. The log's first flush
/// syncs it.
pub(crate) fn begin_partition_metadata(disk: &dyn Disk, dir: &Path, id: TopicId) -> Result<(), DiskError> {
    let path = partition_metadata(dir);
    let write = || {
        let content = partition_metadata_text(id);
        disk.create(&path)?.write_all_at(&[std::io::IoSlice::new(content.as_bytes())], 0)
    };
    write().doing("writing", &path)
}

pub(crate) fn partition_metadata(dir: &Path) -> PathBuf {
    dir.join(PARTITION_METADATA)
}

fn partition_metadata_text(id: TopicId) -> String {
    format!("version: 0\ntopic_id: {id}")
}

/// `None` too for a file that a power cut has left without its end: see [`begin_partition_metadata`].
pub(crate) fn read_partition_metadata(disk: &dyn Disk, dir: &Path) -> Result<Option<TopicId>, LogError> {
    let path = partition_metadata(dir);
    let Some(text) = read_text(disk, &path)? else { return Ok(None) };
    let id =
        text.lines().find_map(|line| line.strip_prefix("topic_id:")).and_then(|id| TopicId::parse(id.trim()));
    match id {
        Some(id) => Ok(Some(id)),
        None if is_torn(&text) => Ok(None),
        None => Err(LogError::BadFile { path, reason: "it names no topic_id".to_owned() }),
    }
}

/// Whether this is the beginning of such a file, or the zeros that a power cut leaves.
fn is_torn(text: &str) -> bool {
    let longest = partition_metadata_text(TopicId::default());
    let name = longest.len() - TopicId::default().to_string().len();
    let text = text.trim_end_matches('\0');
    longest.starts_with(text) || (text.starts_with(&longest[..name]) && text.len() < longest.len())
}

pub(crate) type Offsets = BTreeMap<TopicPartition, Offset>;

/// Kafka's text: version, number of entries, then `topic partition offset` a line.
pub(crate) fn write_offsets(disk: &dyn Disk, path: &Path, offsets: &Offsets) -> Result<(), DiskError> {
    let mut text = format!("0\n{}\n", offsets.len());
    for (partition, offset) in offsets {
        text.push_str(&format!("{} {} {offset}\n", partition.topic, partition.partition));
    }
    write_text(disk, path, &text)
}

/// Reads what [`write_offsets`] writes; nothing if there is no such file.
pub(crate) fn read_offsets(disk: &dyn Disk, path: &Path) -> Result<Offsets, LogError> {
    let Some(text) = read_text(disk, path)? else { return Ok(Offsets::new()) };
    parse_offsets(&text).ok_or_else(|| LogError::BadFile {
        path: path.to_owned(),
        reason: "it is no offset checkpoint; remove it to have the partitions scanned from the start"
            .to_owned(),
    })
}

fn parse_offsets(text: &str) -> Option<Offsets> {
    let mut lines = text.lines();
    if lines.next()? != "0" {
        return None;
    }
    let count: usize = lines.next()?.parse().ok()?;
    let mut offsets = Offsets::new();
    for line in lines {
        let mut words = line.split(' ');
        let (topic, partition, offset) =
            (words.next()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        offsets.insert(TopicPartition::new(topic, partition), offset);
    }
    (offsets.len() == count).then_some(offsets)
}

/// Who a log directory belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetaProperties {
    pub(crate) cluster_id: String,
    pub(crate) node_id: i32,
    pub(crate) directory_id: TopicId,
}

pub(crate) fn write_meta_properties(
    disk: &dyn Disk,
    dir: &Path,
    meta: &MetaProperties,
) -> Result<(), DiskError> {
    let MetaProperties { cluster_id, node_id, directory_id } = meta;
    let text =
        format!("cluster.id={cluster_id}\nversion=1\ndirectory.id={directory_id}\nnode.id={node_id}\n");
    write_text(disk, &dir.join(META_PROPERTIES), &text)
}

pub(crate) fn read_meta_properties(disk: &dyn Disk, dir: &Path) -> Result<Option<MetaProperties>, LogError> {
    let path = dir.join(META_PROPERTIES);
    let Some(text) = read_text(disk, &path)? else { return Ok(None) };
    let value = |key: &str| {
        let line =
            text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='));
        line.map(str::trim)
    };
    let meta = (|| {
        Some(MetaProperties {
            cluster_id: value("cluster.id")?.to_owned(),
            node_id: value("node.id")?.parse().ok()?,
            directory_id: TopicId::parse(value("directory.id")?)?,
        })
    })();
    match meta {
        Some(meta) => Ok(Some(meta)),
        None => Err(LogError::BadFile {
            path,
            reason: "cluster.id, node.id or directory.id is missing".to_owned(),
        }),
    }
}

pub(crate) fn write_clean_shutdown(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    write_text(disk, &dir.join(CLEAN_SHUTDOWN), "{\"version\":0,\"brokerEpoch\":-1}")
}

/// Whether the directory was shut down cleanly. The marker is taken away, so that the next stop has to earn it.
pub(crate) fn take_clean_shutdown(disk: &dyn Disk, dir: &Path) -> Result<bool, DiskError> {
    let path = dir.join(CLEAN_SHUTDOWN);
    if !disk.exists(&path) {
        return Ok(false);
    }
    disk.remove_file(&path).doing("removing", &path)?;
    disk.sync_dir(dir).doing("syncing", dir)?;
    Ok(true)
}

/// From which offset on a partition's records are in doubt.
pub(crate) fn read_doubt(disk: &dyn Disk, dir: &Path) -> Result<Option<Offset>, LogError> {
    let text = read_text(disk, &dir.join(DOUBT))?;
    // One that cannot be read doubts everything.
    Ok(text.map(|text| text.trim().parse().unwrap_or(0)))
}

pub(crate) fn write_doubt(disk: &dyn Disk, dir: &Path, offset: Offset) -> Result<(), DiskError> {
    write_text(disk, &dir.join(DOUBT), &offset.to_string())
}

pub(crate) fn forget_doubt(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    remove_synced(disk, dir, DOUBT)
}

/// Remembers that records in this directory are about to be cut off that may have been acknowledged, whatever becomes of this process: the
/// next will not find the damage any more.
pub(crate) fn note_lost_records(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    let path = dir.join(LOST_RECORDS);
    if disk.exists(&path) {
        return Ok(());
    }
    disk.create(&path).doing("creating", &path)?;
    disk.sync_dir(dir).doing("syncing", dir)
}

pub(crate) fn has_lost_records(disk: &dyn Disk, dir: &Path) -> bool {
    disk.exists(&dir.join(LOST_RECORDS))
}

pub(crate) fn forget_lost_records(disk: &dyn Disk, dir: &Path) -> Result<(), DiskError> {
    remove_synced(disk, dir, LOST_RECORDS)
}

fn remove_synced(disk: &dyn Disk, dir: &Path, name: &str) -> Result<(), DiskError> {
    let path = dir.join(name);
    if !disk.exists(&path) {
        return Ok(());
    }
    disk.remove_file(&path).doing("removing", &path)?;
    disk.sync_dir(dir).doing("syncing", dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn checkpoints_are_kafkas_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(RECOVERY_POINTS);
        let offsets: Offsets =
            [(TopicPartition::new("b", 1), 7), (TopicPartition::new("a", 0), 42)].into_iter().collect();
        write_offsets(&RealDisk, &path, &offsets).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "0\n2\na 0 42\nb 1 7\n");
        assert_eq!(read_offsets(&RealDisk, &path).unwrap(), offsets);
        assert!(!dir.path().join(format!("{RECOVERY_POINTS}.tmp")).exists());
        std::fs::write(&path, "0\n3\na 0 42\n").unwrap();
        assert!(read_offsets(&RealDisk, &path).is_err());
        assert!(read_offsets(&RealDisk, &dir.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn metadata_files_are_kafkas_text() {
        let dir = tempfile::tempdir().unwrap();
        let id = TopicId([3; 16]);
        write_partition_metadata(&RealDisk, dir.path(), id).unwrap();
        let text = std::fs::read_to_string(dir.path().join(PARTITION_METADATA)).unwrap();
        assert_eq!(text, "version: 0\ntopic_id: AwMDAwMDAwMDAwMDAwMDAw");
        assert_eq!(read_partition_metadata(&RealDisk, dir.path()).unwrap(), Some(id));
        let meta = MetaProperties { cluster_id: "abc".to_owned(), node_id: 4, directory_id: id };
        write_meta_properties(&RealDisk, dir.path(), &meta).unwrap();
        assert_eq!(read_meta_properties(&RealDisk, dir.path()).unwrap(), Some(meta));
        assert!(!take_clean_shutdown(&RealDisk, dir.path()).unwrap());
        write_clean_shutdown(&RealDisk, dir.path()).unwrap();
        assert!(take_clean_shutdown(&RealDisk, dir.path()).unwrap());
        assert!(!take_clean_shutdown(&RealDisk, dir.path()).unwrap());
    }
}
