//! Tests of whole logs on a real file system.

mod append;
mod dirs;
mod faults;
mod golden;
mod history;
mod model;
mod moves;
mod recovery;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use headrace_records::{Batch, BatchBuilder, Compression, EndTxnMarker, Offset, batches};
use tempfile::TempDir;

use crate::{
    AppendError, AppendInfo, Disk, Log, LogConfig, LogOptions, Origin, RealDisk, TailBudget, TopicPartition,
};

pub(super) const NOW_MS: i64 = 1_700_000_000_000;
pub(super) const EPOCH: i32 = 3;
pub(super) const ALL: usize = 1 << 30;

pub(super) struct Bench {
    pub(super) dir: TempDir,
    pub(super) config: LogConfig,
    pub(super) disk: Arc<dyn Disk>,
}

impl Bench {
    /// A bench whose logs keep nothing in memory, so that reads go to the files.
    pub(super) fn cold() -> Self {
        Self::new(LogConfig { hot_tail_max_bytes: 0, ..LogConfig::default() })
    }

    pub(super) fn new(config: LogConfig) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), config, disk: RealDisk::shared() }
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("topic-0")
    }

    pub(super) fn options(&self, clean: bool, recovery_point: Offset) -> LogOptions {
        LogOptions {
            disk: self.disk.clone(),
            dir: self.path(),
            partition: TopicPartition::new("topic", 0),
            topic_id: None,
            config: Arc::new(self.config.clone()),
            tail_budget: TailBudget::new(1 << 30),
            clean,
            recovery_point,
            log_start_offset: 0,
            leader_epoch: None,
        }
    }

    pub(super) fn open(&self, clean: bool, recovery_point: Offset) -> Log {
        Log::open(self.options(clean, recovery_point), NOW_MS).unwrap()
    }

    /// Opens as after kill -9 before any flush.
    pub(super) fn recover(&self) -> Log {
        self.open(false, 0)
    }
}

/// A batch of `count` records with `value_bytes` each and timestamps from `timestamp_ms` on.
pub(super) fn batch(count: i32, value_bytes: usize, timestamp_ms: i64) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for index in 0..count {
        let value = vec![index as u8; value_bytes];
        builder.append(timestamp_ms + i64::from(index), Some(b"key"), Some(&value), &[]).unwrap();
    }
    builder.build().unwrap()
}

pub(super) fn producer_batch(id: i64, epoch: i16, sequence: i32, count: i32, transactional: bool) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None).producer(id, epoch, sequence);
    if transactional {
        builder = builder.transactional();
    }
    for _ in 0..count {
        builder.append(NOW_MS, Some(b"key"), Some(b"value"), &[]).unwrap();
    }
    builder.build().unwrap()
}

pub(super) fn marker(id: i64, committed: bool) -> Bytes {
    let marker = EndTxnMarker { committed, coordinator_epoch: 1 };
    BatchBuilder::end_txn(marker, NOW_MS, id, 0).unwrap().build().unwrap()
}

pub(super) fn append(log: &mut Log, records: Bytes) -> Result<AppendInfo, AppendError> {
    log.append_as_leader(records, EPOCH, Origin::Coordinator, NOW_MS)
}

/// Every batch from `from` on, read in small steps, so that segment borders and limits are crossed.
pub(super) fn read_all(log: &Log, mut from: Offset) -> Vec<Batch> {
    let mut all = Vec::new();
    while from < log.log_end_offset() {
        let result = log.read(from, 500, log.log_end_offset(), true).unwrap();
        assert!(result.next_offset > from, "no progress at {from}");
        from = result.next_offset;
        for batch in batches(result.into_bytes()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            all.push(batch);
        }
    }
    all
}

/// The names in a directory that end in `suffix`.
pub(super) fn names(dir: &Path, suffix: &str) -> Vec<String> {
    let mut names = RealDisk.list(dir).unwrap();
    names.retain(|name| name.ends_with(suffix));
    names
}
