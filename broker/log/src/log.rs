//! One partition's log: its state, its positions, and what happens to it now and then.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use headrace_records::{LeaderEpoch, Offset, TimestampMs};

use crate::{
    checkpoint,
    config::LogConfig,
    disk::{Disk, write_atomically},
    epochs::{self, EpochCache, EpochEndOffset},
    error::{DiskError, Doing, LogError, ReadError},
    partition::{TopicId, TopicPartition},
    producer_snapshot,
    producer_state::{ProducerState, ProducerSummary},
    segment::{Segment, file_path},
    tail::{Tail, TailBudget},
    txn_index::AbortedTxn,
};

pub(crate) const SNAPSHOT_SUFFIX: &str = "snapshot";

/// How long a log may be idle before its hot tail and its descriptors are given back.
const IDLE_MS: i64 = 5 * 60 * 1000;

/// What a log is opened with.
#[derive(Clone, Debug)]
pub struct LogOptions {
    pub disk: Arc<dyn Disk>,
    /// The partition's own directory; made if it is not there.
    pub dir: PathBuf,
    pub partition: TopicPartition,
    /// Written to `partition.metadata` if that is not there.
    pub topic_id: Option<TopicId>,
    pub config: Arc<LogConfig>,
    pub tail_budget: Arc<TailBudget>,
    /// The broker was shut down cleanly: the files are as it left them, and need no scan.
    pub clean: bool,
    /// From `recovery-point-offset-checkpoint`: what lies below was synced.
    pub recovery_point: Offset,
    /// From `log-start-offset-checkpoint`.
    pub log_start_offset: Offset,
    /// The partition's leader epoch as far as it is known: hardly a record can be of a higher one.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// See the crate's page.
#[derive(Debug)]
pub struct Log {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: Arc<Path>,
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: Option<TopicId>,
    pub(crate) config: Arc<LogConfig>,
    /// By base offset, never empty; the last one takes appends.
    pub(crate) segments: Vec<Segment>,
    pub(crate) log_start: Offset,
    pub(crate) flushed: Offset,
    pub(crate) log_end: Offset,
    /// What the checkpoint of recovery points may say: the next start does not read segments that end below it.
    pub(crate) recovery_point: Offset,
    pub(crate) unflushed_records: i64,
    pub(crate) last_flush_ms: i64,
    pub(crate) epochs: EpochCache,
    pub(crate) producers: ProducerState,
    pub(crate) tail: Tail,
    /// Renamed files, by when they may be removed.
    pub(crate) deleted: VecDeque<(i64, PathBuf)>,
    /// Names were made or changed in the directory since it was synced.
    pub(crate) dir_dirty: bool,
    /// The directory was made by this process, and neither its name nor `partition.metadata` in it has been synced.
    pub(crate) unsynced_name: bool,
    /// A failed write may have left bytes behind the last good batch.
    pub(crate) half_written: bool,
    /// Why writes are refused until the next start.
    pub(crate) failed: Option<String>,
    /// Recovery cut off whole batches: not just a write that had not come to its end.
    pub(crate) damaged: bool,
    /// From here on recovery kept what the checksums allow and other marks contradict: see [`Log::settle_doubt`].
    pub(crate) doubtful_from: Option<Offset>,
    /// How often records were taken back: a flush that began before does not count for what came after.
    pub(crate) truncations: u64,
    /// The log end when `maintain` last saw it move, and when that was.
    pub(crate) last_seen_end: (Offset, i64),
}

impl Log {
    /// Opens the log in a directory, recovering it if need be: see [`LogOptions`].
    pub fn open(options: LogOptions, now_ms: i64) -> Result<Self, LogError> {
        crate::recover::open(options, now_ms)
    }

    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub fn topic_id(&self) -> Option<TopicId> {
        self.topic_id
    }

    /// The partition's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// What changes of the configuration holds from the next append on.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
    }

    /// The first offset that readers may ask for.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start
    }

    /// Everything below is safe from a power cut.
    pub fn flushed_offset(&self) -> Offset {
        self.flushed
    }

    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end
    }

    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size_bytes).sum()
    }

    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Why the log refuses writes, if it does.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    pub(crate) fn active(&self) -> &Segment {
        &self.segments[self.segments.len() - 1]
    }

    /// The index of the segment that `offset` belongs to.
    pub(crate) fn segment_of(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    /// Records the topic's id in `partition.metadata`.
    pub fn set_topic_id(&mut self, topic_id: TopicId) -> Result<(), LogError> {
        checkpoint::write_partition_metadata(&*self.disk, &self.dir, topic_id)?;
        self.topic_id = Some(topic_id);
        Ok(())
    }

    // Leader epochs.

    /// The epoch of the newest record, or the one last assigned.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// Says that records from `start_offset` on are of `epoch`; appends do so by themselves.
    pub fn assign_epoch(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        self.epochs.assign(epoch, start_offset);
    }

    pub fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.epochs.epoch_for_offset(offset)
    }

    /// The epoch of the last record before `end`; −1 if there is none.
    pub fn last_epoch_before(&self, end: Offset) -> LeaderEpoch {
        if end > self.log_start { self.epochs.epoch_for_offset(end - 1).unwrap_or(-1) } else { -1 }
    }

    /// Whether recovery had to cut off more than a write that had not come to its end, or doubts what it kept.
    pub fn is_damaged(&self) -> bool {
        self.damaged || self.doubtful_from.is_some()
    }

    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> EpochEndOffset {
        self.epochs.end_offset_for(epoch, self.log_end)
    }

    /// Writes `leader-epoch-checkpoint` if it has changed.
    pub(crate) fn write_epochs(&mut self) -> Result<(), DiskError> {
        let Some(text) = self.epochs.unwritten(self.log_end) else { return Ok(()) };
        let path = self.dir.join(epochs::FILE_NAME);
        write_atomically(&*self.disk, &path, text.as_bytes()).doing("writing", path)?;
        self.epochs.note_written(self.log_end);
        Ok(())
    }

    // Transactions.

    /// Tells the log how far replication is, so that decided transactions stop holding the last stable offset.
    pub fn on_high_watermark(&mut self, high_watermark: Offset) {
        self.producers.on_high_watermark(high_watermark);
    }

    /// Where read_committed readers stop: the first record of an undecided transaction, or the high watermark.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        self.producers.first_unstable_offset().map_or(high_watermark, |first| first.min(high_watermark))
    }

    /// The aborted transactions that have records in `from..upper`.
    pub fn aborted_transactions(&self, from: Offset, upper: Offset) -> Result<Vec<AbortedTxn>, ReadError> {
        let mut all = Vec::new();
        for segment in &self.segments[self.segment_of(from)..] {
            let txns = segment.txns.read(&*self.disk).doing("reading", segment.txns.slot().path())?;
            all.extend(txns.iter().filter(|txn| txn.last_offset >= from && txn.first_offset < upper));
            // Nothing that ends later can have begun before `upper`.
            if txns.iter().any(|txn| txn.last_stable_offset >= upper) {
                break;
            }
        }
        Ok(all)
    }

    /// The producers that the partition remembers.
    pub fn active_producers(&self) -> Vec<ProducerSummary> {
        self.producers.summaries()
    }

    // Segments.

    /// Whether the next set needs a new segment.
    pub(crate) fn must_roll(
        &mut self,
        staged_bytes: u64,
        set_bytes: u64,
        last_offset: Offset,
        timestamp_ms: TimestampMs,
        now_ms: i64,
    ) -> Result<bool, DiskError> {
        let disk = self.disk.clone();
        let Some(segment) = self.segments.last_mut() else { return Ok(false) };
        match segment.load_first_timestamp(&*disk) {
            // Damage in the first batch is a reader's to report, not a reason to refuse appends.
            Ok(()) | Err(ReadError::Corrupt { .. } | ReadError::OffsetOutOfRange { .. }) => {}
            Err(ReadError::Disk(error)) => return Err(error),
        }
        Ok(segment.should_roll(&self.config, staged_bytes, set_bytes, last_offset, timestamp_ms, now_ms))
    }

    /// Starts a new segment at the log end.
    pub(crate) fn roll(&mut self, now_ms: i64) -> Result<(), DiskError> {
        if self.flushed < self.recovery_point {
            // Records were taken back since the checkpoint: what took their place must be as safe as it says.
            for segment in self.segments.iter().filter(|segment| segment.dirty) {
                for file in segment.files_to_sync(&*self.disk, false)? {
                    file.sync_data().doing("syncing", segment.path())?;
                }
            }
        }
        self.write_snapshot()?;
        if let Some(active) = self.segments.last_mut() {
            active.seal(&*self.disk)?;
        }
        let segment = Segment::new(&self.dir, self.log_end, now_ms);
        segment.create_file(&*self.disk)?;
        self.segments.push(segment);
        self.dir_dirty = true;
        Ok(())
    }

    /// Writes the producer state of everything in the log to `NNN.snapshot`. It has a checksum, and older ones
    /// are kept, so it is not synced.
    pub(crate) fn write_snapshot(&mut self) -> Result<(), DiskError> {
        let path = file_path(&self.dir, self.log_end, SNAPSHOT_SUFFIX);
        let content = producer_snapshot::encode(&self.producers);
        let file = self.disk.create(&path).doing("creating", &path)?;
        file.set_len(0).doing("truncating", &path)?;
        file.write_all_at(&[std::io::IoSlice::new(&content)], 0).doing("writing", &path)?;
        self.dir_dirty = true;
        self.prune_snapshots()
    }

    /// Keeps the two newest snapshots: the newest may be torn by a power cut.
    fn prune_snapshots(&self) -> Result<(), DiskError> {
        let mut snapshots = crate::recover::snapshot_offsets(&*self.disk, &self.dir)?;
        snapshots.truncate(snapshots.len().saturating_sub(2));
        for offset in snapshots {
            let path = file_path(&self.dir, offset, SNAPSHOT_SUFFIX);
            self.disk.remove_file(&path).doing("removing", path)?;
        }
        Ok(())
    }

    /// What has to be done now and then, every few seconds: expires producers, rolls a segment that is too old,
    /// removes deleted files that are due, writes changed checkpoints, gives back an idle log's memory.
    pub fn maintain(&mut self, now_ms: i64) -> Result<(), LogError> {
        self.producers.expire(now_ms, self.config.producer_id_expiration_ms);
        self.remove_due(now_ms);
        if self.last_seen_end.0 != self.log_end {
            self.last_seen_end = (self.log_end, now_ms);
        } else if now_ms.saturating_sub(self.last_seen_end.1) >= IDLE_MS {
            self.tail.shrink_to(0);
            for segment in self.segments.iter().filter(|segment| !segment.dirty) {
                segment.close_files();
            }
        }
        if self.failed.is_some() {
            return Ok(());
        }
        Ok(self.write_epochs()?)
    }

    pub(crate) fn remove_due(&mut self, now_ms: i64) {
        while self.deleted.front().is_some_and(|(due_ms, _)| *due_ms <= now_ms) {
            let Some((_, path)) = self.deleted.pop_front() else { break };
            if let Err(error) = self.disk.remove_file(&path) {
                // The next start removes it.
                tracing::warn!(path = %path.display(), %error, "could not remove a deleted file");
            }
        }
    }

    /// Makes everything durable and writes what a clean start needs.
    pub fn close(&mut self, now_ms: i64) -> Result<(), LogError> {
        if let Some(reason) = &self.failed {
            return Err(LogError::Offline(reason.clone()));
        }
        if let Some(active) = self.segments.last_mut() {
            active.seal(&*self.disk)?;
        }
        // A log that has not changed since it was opened has its snapshot.
        if self.log_end > 0 && !self.disk.exists(&file_path(&self.dir, self.log_end, SNAPSHOT_SUFFIX)) {
            self.write_snapshot()?;
        }
        self.flush(now_ms)?;
        for segment in &self.segments {
            segment.close_files();
        }
        Ok(())
    }
}
