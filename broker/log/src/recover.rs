//! Opening a log. After a clean stop the files are taken as they are; after any other, everything from the
//! recovery point on is scanned: the first damaged batch and all behind it are cut off, and indexes, leader
//! epochs, aborted transactions and producer state are built anew from what stays.

use std::{collections::VecDeque, path::Path};

use bytes::Bytes;
use headrace_records::{Batch, LeaderEpoch, Offset, layout};

use crate::{
    append::producer_batch,
    checkpoint,
    disk::{Disk, File, read_exact_at, read_small},
    epochs::{self, EpochCache},
    error::{DiskError, Doing, LogError, ReadError},
    log::{Log, LogOptions, SNAPSHOT_SUFFIX},
    producer_snapshot,
    producer_state::{ProducerState, Rules, Staged},
    scan::SCAN_CHUNK_BYTES,
    segment::{DELETED_SUFFIX, LOG_SUFFIX, Placed, Segment, file_path},
    tail::Tail,
    txn_index::AbortedTxn,
};

/// The size of a checkpoint or snapshot that is not believed any more.
const SMALL_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// A larger batch with a flipped length is taken for a write that did not come to its end.
const BATCH_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) fn open(options: LogOptions, now_ms: i64) -> Result<Log, LogError> {
    let LogOptions { disk, dir, partition, config, tail_budget, .. } = options;
    let new = !disk.exists(&dir);
    if new {
        disk.create_dir_all(&dir).doing("creating", &dir)?;
    }
    let known_id = if new { None } else { checkpoint::read_partition_metadata(&*disk, &dir)? };
    let mut log = Log {
        tail: Tail::new(tail_budget),
        dir: dir.into(),
        disk,
        partition,
        topic_id: known_id,
        config,
        segments: Vec::new(),
        log_start: options.log_start_offset.max(0),
        flushed: 0,
        log_end: 0,
        recovery_point: 0,
        unflushed_records: 0,
        last_flush_ms: now_ms,
        epochs: EpochCache::default(),
        producers: ProducerState::default(),
        deleted: VecDeque::new(),
        dir_dirty: false,
        unsynced_name: new,
        half_written: false,
        failed: None,
        damaged: false,
        doubtful_from: None,
        truncations: 0,
        last_seen_end: (-1, now_ms),
    };
    match (known_id, options.topic_id) {
        (None, Some(topic_id)) if new => {
            checkpoint::begin_partition_metadata(&*log.disk, &log.dir, topic_id)?;
            log.topic_id = Some(topic_id);
        }
        (None, Some(topic_id)) => log.set_topic_id(topic_id)?,
        _ => {}
    }
    if new {
        log.start_empty(now_ms)?;
        return Ok(log);
    }
    log.load(options.clean, options.recovery_point, options.leader_epoch, now_ms)?;
    Ok(log)
}

impl Log {
    /// The first segment of a log without records. Only at offset 0 may its file wait for the first record:
    /// elsewhere its name is what remembers where the log is.
    pub(crate) fn start_empty(&mut self, now_ms: i64) -> Result<(), LogError> {
        let segment = Segment::new(&self.dir, self.log_start, now_ms);
        if self.log_start > 0 {
            segment.create_file(&*self.disk)?;
            self.dir_dirty = true;
        }
        self.segments = vec![segment];
        (self.log_end, self.flushed) = (self.log_start, self.log_start);
        Ok(())
    }

    fn load(
        &mut self,
        clean: bool,
        recovery_point: Offset,
        leader_epoch: Option<LeaderEpoch>,
        now_ms: i64,
    ) -> Result<(), LogError> {
        let mut bases = self.list_segments()?;
        bases.sort_unstable();
        let Some(first) = bases.first() else {
            return self.start_empty(now_ms);
        };
        self.log_start = self.log_start.max(*first);
        self.recovery_point = recovery_point;
        self.load_epochs()?;
        let trusted_below = if clean { Offset::MAX } else { recovery_point };
        let mut rebuilt_from = self.load_segments(&bases, trusted_below, leader_epoch, now_ms)?;
        if !self.epochs.covers(self.log_start, self.log_end) {
            // Without its checkpoint only the records themselves say of which epoch they are, and who cannot say that may not follow.
            tracing::warn!(partition = %self.partition, "the checkpoint of leader epochs is incomplete: the log is read anew");
            self.segments.clear();
            rebuilt_from = self.load_segments(&bases, 0, leader_epoch, now_ms)?;
        }
        if self.log_end < self.log_start {
            tracing::warn!(partition = %self.partition, log_end = self.log_end, log_start = self.log_start,
                "the log ends before its recorded start; it begins anew there");
            return self.truncate_fully_and_start_at(self.log_start, now_ms);
        }
        self.epochs.truncate_from_end(self.log_end);
        self.epochs.truncate_from_start(self.log_start);
        self.flushed = match rebuilt_from {
            None => self.log_end,
            Some(_) => recovery_point.clamp(self.log_start, self.log_end),
        };
        self.unflushed_records = self.log_end - self.flushed;
        self.load_producers(rebuilt_from)?;
        self.remember_doubt()?;
        // Entries that were cut off must not come to life again behind other records.
        self.try_to_write_epochs();
        Ok(())
    }

    /// The doubt outlives this process, for a later start may not see what is wrong.
    fn remember_doubt(&mut self) -> Result<(), LogError> {
        let found = self.doubtful_from;
        let noted = checkpoint::read_doubt(&*self.disk, &self.dir)?;
        let still = noted.filter(|offset| *offset < self.log_end);
        self.doubtful_from = found.into_iter().chain(still).min();
        match self.doubtful_from {
            None if noted.is_some() => checkpoint::forget_doubt(&*self.disk, &self.dir)?,
            None => {}
            Some(offset) if noted != Some(offset) => {
                self.note_damage()?;
                checkpoint::write_doubt(&*self.disk, &self.dir, offset)?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// The base offsets of the segments; removes what a stop left half deleted or half written.
    fn list_segments(&self) -> Result<Vec<Offset>, LogError> {
        let mut bases = Vec::new();
        for name in self.disk.list(&self.dir).doing("listing", &*self.dir)? {
            let Some((stem, suffix)) = name.rsplit_once('.') else { continue };
            if [DELETED_SUFFIX, "cleaned", "tmp"].contains(&suffix) {
                let path = self.dir.join(&name);
                self.disk.remove_file(&path).doing("removing", path)?;
            } else if suffix == LOG_SUFFIX
                && let Ok(base) = stem.parse()
            {
                bases.push(base);
            }
        }
        Ok(bases)
    }

    fn load_epochs(&mut self) -> Result<(), LogError> {
        let path = self.dir.join(epochs::FILE_NAME);
        let Some(bytes) = read_small(&*self.disk, &path, SMALL_FILE_BYTES_MAX).doing("reading", &path)?
        else {
            return Ok(());
        };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(EpochCache::decode);
        self.epochs = parsed.ok_or_else(|| LogError::BadFile {
            path,
            reason: "it is no leader-epoch checkpoint; remove it to have it rebuilt in part".to_owned(),
        })?;
        Ok(())
    }

    /// Loads or scans all segments. Returns the base offset of the first that was scanned.
    fn load_segments(
        &mut self,
        bases: &[Offset],
        trusted_below: Offset,
        leader_epoch: Option<LeaderEpoch>,
        now_ms: i64,
    ) -> Result<Option<Offset>, LogError> {
        let mut rebuilt_from = None;
        let mut next_offset = bases.first().copied().unwrap_or(0);
        for (index, &base) in bases.iter().enumerate() {
            let last = index + 1 == bases.len();
            let next_base = bases.get(index + 1).copied();
            let trusted = rebuilt_from.is_none() && next_base.unwrap_or(Offset::MAX) <= trusted_below;
            let loaded = if trusted { self.load_segment(base, last, now_ms)? } else { None };
            let is_scanned = loaded.is_none();
            let (segment, end, cut) = match loaded {
                Some((segment, end)) => (segment, end.unwrap_or(next_offset), false),
                None => {
                    rebuilt_from.get_or_insert(base);
                    self.scan_segment(base, last, leader_epoch, now_ms)?
                }
            };
            next_offset = end.max(base);
            self.segments.push(segment);
            if cut && !last {
                self.drop_segments(&bases[index + 1..], now_ms)?;
                break;
            }
            if is_scanned && next_base.is_some_and(|next| next > next_offset) {
                // What a start that died in the middle of a repair left, or compaction.
                self.doubt_from(next_offset);
            }
        }
        self.log_end = next_offset;
        Ok(rebuilt_from)
    }

    /// A segment as it is, with the offset after its last record if it is the log's last. `None`: it needs a scan.
    fn load_segment(
        &self,
        base: Offset,
        last: bool,
        now_ms: i64,
    ) -> Result<Option<(Segment, Option<Offset>)>, LogError> {
        let Some(segment) = Segment::load(&*self.disk, &self.dir, base, now_ms)? else { return Ok(None) };
        if !last {
            return Ok(Some((segment, None)));
        }
        let end = match segment.last_batch(&*self.disk) {
            Ok(batch) => batch.map_or(base, |batch| batch.next_offset()),
            Err(ReadError::Corrupt { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        segment.close_files();
        Ok(Some((segment, Some(end))))
    }

    /// Reads every batch of a segment, cuts it at the first damage and rebuilds its indexes. Returns it with the
    /// offset after its last record, and whether something was cut.
    fn scan_segment(
        &mut self,
        base: Offset,
        is_last: bool,
        leader_epoch: Option<LeaderEpoch>,
        now_ms: i64,
    ) -> Result<(Segment, Offset, bool), LogError> {
        let disk = self.disk.clone();
        let mut segment = Segment::new(&self.dir, base, now_ms);
        let file = segment.open_file(&*disk)?;
        let length = file.len().doing("measuring", segment.path())?;
        segment.reset_indexes(&*disk)?;
        segment
            .txns
            .truncate(&*disk, base)
            .or_else(|_| remove_if_there(&*disk, segment.txns.slot().path()))
            .doing("truncating", segment.txns.slot().path())?;
        let path = segment.path().to_owned();
        let mut scanner = crate::scan::Scanner::new(file.clone(), &path, 0, length, SCAN_CHUNK_BYTES);
        let mut next_offset = base;
        loop {
            match scanner.next() {
                Ok(Some((_, batch)))
                    if self.may_follow(batch.base_offset(), next_offset, base)
                        && batch.last_offset_delta() >= 0
                        && batch.verify_crc().is_ok() =>
                {
                    let placed = Placed::of(batch.as_batch_ref());
                    segment.on_appended(&*disk, placed, &self.config).doing("writing indexes of", &path)?;
                    let is_gap = batch.base_offset() != next_offset;
                    let epoch = batch.leader_epoch();
                    let doubt =
                        self.epochs.doubt(epoch, batch.base_offset()).or(is_gap.then_some(next_offset));
                    doubt.inspect(|from| self.doubt_from(*from));
                    self.epochs.assign(epoch, batch.base_offset());
                    // What this broker knows of the metadata may lag behind, too: see `doubt_epochs_above`.
                    self.damaged |= leader_epoch.is_some_and(|highest| epoch > highest);
                    next_offset = batch.next_offset();
                }
                Ok(None) | Ok(Some(_)) | Err(ReadError::Corrupt { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let cut = segment.size_bytes < length;
        if cut {
            if !is_last || !is_torn(&*file, segment.size_bytes, length).doing("reading", &path)? {
                self.note_damage()?;
            }
            tracing::warn!(path = %path.display(), kept_bytes = segment.size_bytes, cut_bytes = length - segment.size_bytes,
                "cut a damaged tail off the log");
            segment.cut(&*disk, segment.size_bytes)?;
        }
        segment.seal(&*disk)?;
        segment.dirty = true;
        self.dir_dirty = true;
        Ok((segment, next_offset, cut))
    }

    /// Whether a batch may come next in the segment that begins at `base`. Only compaction leaves gaps.
    fn may_follow(&self, base_offset: Offset, next_offset: Offset, base: Offset) -> bool {
        let may_have_gaps = self.config.cleanup.compact;
        base_offset == next_offset
            || (may_have_gaps && base_offset > next_offset && base_offset - base <= i64::from(i32::MAX))
    }

    fn note_damage(&mut self) -> Result<(), DiskError> {
        self.damaged = true;
        self.dir.parent().map_or(Ok(()), |parent| checkpoint::note_lost_records(&*self.disk, parent))
    }

    pub(crate) fn doubt_from(&mut self, offset: Offset) {
        if self.doubtful_from.is_some_and(|known| known <= offset) {
            return;
        }
        tracing::warn!(partition = %self.partition, offset, "offsets or leader epochs behind this contradict each other: they are fetched again");
        self.doubtful_from = Some(offset);
    }

    /// Removes segments behind a cut: their records cannot be reached in order any more.
    fn drop_segments(&mut self, bases: &[Offset], now_ms: i64) -> Result<(), LogError> {
        // From the end, so that a stop in between leaves no hole.
        for base in bases.iter().rev() {
            tracing::warn!(partition = %self.partition, base, "dropping a segment behind the damage");
            let renamed = Segment::new(&self.dir, *base, now_ms).mark_deleted(&*self.disk, &self.dir)?;
            self.schedule_removal(renamed, now_ms);
        }
        Ok(())
    }

    /// Builds the producer state from the newest good snapshot and the batches behind it. `rebuilt_from`: from
    /// there on, the indexes of aborted transactions are empty and have to be written again.
    pub(crate) fn load_producers(&mut self, rebuilt_from: Option<Offset>) -> Result<(), LogError> {
        self.producers.clear();
        let mut from = self.segments.first().map_or(0, |segment| segment.base_offset);
        for offset in snapshot_offsets(&*self.disk, &self.dir)?.into_iter().rev() {
            let path = file_path(&self.dir, offset, SNAPSHOT_SUFFIX);
            if offset > self.log_end {
                self.disk.remove_file(&path).doing("removing", path)?;
                continue;
            }
            if offset < from || rebuilt_from.is_some_and(|rebuilt| offset > rebuilt) {
                continue;
            }
            let bytes = read_small(&*self.disk, &path, SMALL_FILE_BYTES_MAX).doing("reading", &path)?;
            if let Some(state) = bytes.as_deref().and_then(producer_snapshot::decode) {
                self.producers = state;
                from = offset;
                break;
            }
            tracing::warn!(path = %path.display(), "a producer snapshot is damaged; using an older one");
        }
        self.replay_producers(from, rebuilt_from)
    }

    fn replay_producers(&mut self, from: Offset, rebuilt_from: Option<Offset>) -> Result<(), LogError> {
        if from >= self.log_end {
            return Ok(());
        }
        let disk = self.disk.clone();
        for index in self.segment_of(from)..self.segments.len() {
            let segment = &mut self.segments[index];
            let rebuild_txns = rebuilt_from.is_some_and(|rebuilt| segment.base_offset >= rebuilt);
            let mut aborted = Vec::new();
            let mut scanner = segment.scan_at(&*disk, 0, SCAN_CHUNK_BYTES)?;
            while let Some((position, batch)) = scanner.next()? {
                if batch.base_offset() < from || !batch.has_producer_id() {
                    continue;
                }
                let corrupt =
                    |source| ReadError::Corrupt { path: segment.path().to_owned(), position, source };
                let seen = producer_batch(
                    &batch,
                    batch.base_offset(),
                    batch.last_offset(),
                    batch.max_timestamp_ms(),
                )
                .map_err(corrupt)?;
                let Some(seen) = seen else { continue };
                let mut staged = Staged::default();
                // Replay refuses nothing.
                if self.producers.stage(&mut staged, &seen, Rules::Replay).is_err() {
                    continue;
                }
                for txn in staged.completed.iter().filter(|txn| txn.aborted) {
                    aborted.push(AbortedTxn {
                        producer_id: txn.producer_id,
                        first_offset: txn.first_offset,
                        last_offset: txn.last_offset,
                        last_stable_offset: self.producers.stable_offset_after(txn),
                    });
                }
                self.producers.apply(staged);
            }
            if rebuild_txns {
                for txn in &aborted {
                    segment.txns.append(&*disk, txn).doing("writing", segment.txns.slot().path())?;
                }
            }
        }
        Ok(())
    }
}

fn remove_if_there(disk: &dyn Disk, path: &Path) -> std::io::Result<()> {
    if disk.exists(path) { disk.remove_file(path) } else { Ok(()) }
}

/// The offsets of the producer snapshots in a partition's directory, rising.
pub(crate) fn snapshot_offsets(disk: &dyn Disk, dir: &Path) -> Result<Vec<Offset>, DiskError> {
    let names = disk.list(dir).doing("listing", dir)?;
    let mut offsets: Vec<Offset> = names
        .iter()
        .filter_map(|name| name.strip_suffix(SNAPSHOT_SUFFIX)?.strip_suffix('.')?.parse().ok())
        .collect();
    offsets.sort_unstable();
    Ok(offsets)
}

/// Whether what lies at `from` is a write that did not come to its end, as a process that was killed leaves it: a batch that goes on behind
/// the file's end. One that is all there, but for a bit of its length, is no such thing: it and what lies behind it would be lost
/// unnoticed.
fn is_torn(file: &dyn File, from: u64, length: u64) -> std::io::Result<bool> {
    let left = length - from;
    if left < layout::HEADER_BYTES as u64 {
        return Ok(true);
    }
    let mut head = [0; layout::LOG_OVERHEAD_BYTES];
    read_exact_at(file, &mut head, from)?;
    let [.., a, b, c, d] = head;
    let said = u32::from_be_bytes([a, b, c, d]);
    let size = |said: u32| u64::from(said) + layout::LOG_OVERHEAD_BYTES as u64;
    if said > i32::MAX as u32 || size(said) <= left {
        return Ok(false);
    }
    for other in
        (0..31).map(|bit| said & !(1 << bit)).filter(|other| size(*other) <= left.min(BATCH_BYTES_MAX))
    {
        let mut bytes = vec![0; size(other) as usize];
        read_exact_at(file, &mut bytes, from)?;
        bytes[layout::LENGTH..layout::LEADER_EPOCH].copy_from_slice(&other.to_be_bytes());
        if Batch::first(&Bytes::from(bytes)).is_ok_and(|batch| batch.verify_crc().is_ok()) {
            return Ok(false);
        }
    }
    Ok(true)
}
