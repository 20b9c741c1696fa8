//! Appending: offsets are given, producers checked, and a whole group of sets goes out in one vectored write.
//!
//! Nothing of a log's state changes before its bytes are in the file. If the write fails, the file is cut back,
//! so the log stays readable and the next append may succeed.

use std::{io::IoSlice, sync::Arc};

use bytes::{Bytes, BytesMut};
use headrace_records::{
    Batch, BatchRef, ControlRecord, Error as RecordsError, LeaderEpoch, NO_TIMESTAMP_MS, Offset, TimestampMs,
    batches,
};

use crate::{
    checked::{CheckedBatch, CheckedRecords, Origin},
    disk::Disk,
    error::{AppendError, DiskError},
    log::Log,
    producer_state::{BatchMeta, ProducerBatch, Rules, Staged},
    segment::Placed,
    tail::TailBatch,
    txn_index::AbortedTxn,
};

/// Batches below this are copied behind their neighbours: cheaper than two more buffers in the write, and the
/// hot tail does not hold on to the frames they came in.
const COPY_BELOW_BYTES: usize = 4096;

/// What a produce request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    pub base_offset: Offset,
    pub last_offset: Offset,
    /// −1 unless the topic has `LogAppendTime`.
    pub log_append_time_ms: TimestampMs,
    pub log_start_offset: Offset,
    pub max_timestamp_ms: TimestampMs,
    pub record_count: u64,
    pub size_bytes: usize,
    /// A retry of a batch that is in the log: the offsets are that batch's, and nothing was written.
    pub duplicate: bool,
}

/// A batch that waits for the write.
#[derive(Debug)]
struct StagedBatch {
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    placed: Placed,
    /// Its range in the arena, or in `body` alone if that is empty.
    start: usize,
    end: usize,
    body: Option<Bytes>,
}

/// A group of sets that goes out in one write.
#[derive(Default)]
pub(crate) struct Stage {
    next_offset: Offset,
    bytes: u64,
    batches: Vec<StagedBatch>,
    arena: BytesMut,
    producers: Staged,
    /// Which results depend on this write.
    members: Vec<usize>,
}

impl Stage {
    fn new(next_offset: Offset) -> Self {
        Self { next_offset, ..Self::default() }
    }

    fn push(&mut self, checked: &CheckedBatch, leader_epoch: LeaderEpoch) {
        let base_offset = self.next_offset;
        let mut header = checked.header;
        header.assign(base_offset, leader_epoch);
        let start = self.arena.len();
        self.arena.extend_from_slice(header.bytes());
        let payload = checked.batch.bytes().slice(header.bytes().len()..);
        let body = if checked.batch.size_bytes() < COPY_BELOW_BYTES {
            self.arena.extend_from_slice(&payload);
            None
        } else {
            Some(payload)
        };
        let last_offset = base_offset + i64::from(checked.batch.last_offset_delta());
        let size_bytes = checked.batch.size_bytes() as u64;
        let placed = Placed { last_offset, max_timestamp_ms: checked.max_timestamp_ms, size_bytes };
        let end = self.arena.len();
        self.batches.push(StagedBatch { base_offset, leader_epoch, placed, start, end, body });
        self.next_offset = last_offset + 1;
        self.bytes += size_bytes;
    }
}

impl Log {
    /// Checks and appends one set: [`CheckedRecords::check`], then [`Log::append`].
    pub fn append_as_leader(
        &mut self,
        records: Bytes,
        leader_epoch: LeaderEpoch,
        origin: Origin,
        now_ms: i64,
    ) -> Result<AppendInfo, AppendError> {
        let checked = CheckedRecords::check(records, self.config(), origin, now_ms)?;
        let mut results = self.append(std::slice::from_ref(&checked), leader_epoch, now_ms);
        results.pop().unwrap_or(Err(AppendError::Empty))
    }

    /// Appends sets of batches, each answered for itself and each whole or not at all, in one write (more if a
    /// segment fills up in between).
    pub fn append(
        &mut self,
        sets: &[CheckedRecords],
        leader_epoch: LeaderEpoch,
        now_ms: i64,
    ) -> Vec<Result<AppendInfo, AppendError>> {
        if let Err(error) = self.ready_to_append(leader_epoch) {
            sets.iter().for_each(|set| self.note_refused(&set.batches[0].batch.as_batch_ref()));
            return sets.iter().map(|_| Err(error.clone())).collect();
        }
        let mut results = Vec::with_capacity(sets.len());
        let mut stage = Stage::new(self.log_end);
        for (index, set) in sets.iter().enumerate() {
            if let Err(error) = self.make_room(&mut stage, &mut results, set, now_ms) {
                results.push(Err(error));
                continue;
            }
            let result = self.stage_set(&mut stage, set, leader_epoch);
            if result.as_ref().is_ok_and(|info| !info.duplicate) {
                stage.members.push(index);
            }
            results.push(result);
        }
        self.commit_group(stage, &mut results);
        for (set, result) in sets.iter().zip(&results) {
            if result.is_err() {
                self.note_refused(&set.batches[0].batch.as_batch_ref());
            }
        }
        results
    }

    /// A client's batch was refused, and will come again: see [`crate::producer_state::ProducerState::note_refused`].
    pub fn note_refused(&mut self, batch: &BatchRef<'_>) {
        if batch.has_producer_id() {
            self.producers.note_refused(batch.producer_id(), batch.producer_epoch(), batch.base_sequence());
        }
    }

    fn ready_to_append(&mut self, leader_epoch: LeaderEpoch) -> Result<(), AppendError> {
        if let Some(reason) = &self.failed {
            return Err(AppendError::Offline(reason.clone()));
        }
        if let Some(latest) = self.epochs.latest().filter(|latest| *latest > leader_epoch) {
            return Err(AppendError::StaleLeaderEpoch { latest, found: leader_epoch });
        }
        self.cut_half_written()
    }

    /// Starts a new segment if the set does not fit behind what is staged, which is written first.
    fn make_room(
        &mut self,
        stage: &mut Stage,
        results: &mut [Result<AppendInfo, AppendError>],
        set: &CheckedRecords,
        now_ms: i64,
    ) -> Result<(), AppendError> {
        let (size_bytes, segment_bytes) = (set.size_bytes(), self.config.segment_bytes);
        if size_bytes as u64 > segment_bytes {
            return Err(AppendError::LargerThanSegment { size_bytes, segment_bytes });
        }
        let last_offset = stage.next_offset + set.record_count() as i64;
        let timestamp_ms = set.batches.iter().map(|batch| batch.max_timestamp_ms).max().unwrap_or(-1);
        if self.must_roll(stage.bytes, size_bytes as u64, last_offset, timestamp_ms, now_ms)? {
            let full = std::mem::replace(stage, Stage::new(stage.next_offset));
            self.commit_group(full, results);
            // The write may have failed: offsets go on where the log is.
            stage.next_offset = self.log_end;
            self.roll(now_ms)?;
        }
        Ok(())
    }

    fn stage_set(
        &self,
        stage: &mut Stage,
        set: &CheckedRecords,
        leader_epoch: LeaderEpoch,
    ) -> Result<AppendInfo, AppendError> {
        // A copy of what is staged, so that a set that fails half-way leaves nothing. A single batch, which is all
        // that clients send, stages nothing if it fails.
        let before = (set.batches.len() > 1).then(|| stage.producers.clone());
        let staged = self.stage_producers(&mut stage.producers, set, stage.next_offset);
        if let (Some(before), Err(_) | Ok(Some(_))) = (before, &staged) {
            stage.producers = before;
        }
        if let Some(duplicate) = staged? {
            return Ok(self.duplicate_info(set, &duplicate));
        }
        let base_offset = stage.next_offset;
        for checked in &set.batches {
            stage.push(checked, leader_epoch);
        }
        Ok(AppendInfo {
            base_offset,
            last_offset: stage.next_offset - 1,
            log_append_time_ms: set.log_append_time_ms,
            log_start_offset: self.log_start,
            max_timestamp_ms: set.batches.iter().map(|batch| batch.max_timestamp_ms).max().unwrap_or(-1),
            record_count: set.record_count(),
            size_bytes: set.size_bytes(),
            duplicate: false,
        })
    }

    /// Checks a set's producers at the offsets it would get. `Some`: it is a retry of that batch.
    fn stage_producers(
        &self,
        staged: &mut Staged,
        set: &CheckedRecords,
        mut next_offset: Offset,
    ) -> Result<Option<BatchMeta>, AppendError> {
        for checked in &set.batches {
            let last_offset = next_offset + i64::from(checked.batch.last_offset_delta());
            if let Some(batch) =
                producer_batch(&checked.batch, next_offset, last_offset, checked.max_timestamp_ms)?
                && let Some(duplicate) = self.producers.stage(staged, &batch, Rules::Leader)?
            {
                return Ok(Some(duplicate));
            }
            next_offset = last_offset + 1;
        }
        Ok(None)
    }

    fn duplicate_info(&self, set: &CheckedRecords, original: &BatchMeta) -> AppendInfo {
        let append_time = set.log_append_time_ms != NO_TIMESTAMP_MS;
        AppendInfo {
            base_offset: original.first_offset(),
            last_offset: original.last_offset,
            log_append_time_ms: if append_time { original.timestamp_ms } else { NO_TIMESTAMP_MS },
            log_start_offset: self.log_start,
            max_timestamp_ms: original.timestamp_ms,
            record_count: set.record_count(),
            size_bytes: set.size_bytes(),
            duplicate: true,
        }
    }

    fn commit_group(&mut self, stage: Stage, results: &mut [Result<AppendInfo, AppendError>]) {
        if stage.batches.is_empty() {
            return;
        }
        let members = stage.members.clone();
        if let Err(error) = self.commit(stage) {
            for index in members {
                results[index] = Err(error.clone());
            }
        }
    }

    /// Writes what is staged and makes it part of the log.
    fn commit(&mut self, stage: Stage) -> Result<(), AppendError> {
        let arena = stage.arena.freeze();
        {
            let mut parts: Vec<IoSlice<'_>> = Vec::with_capacity(stage.batches.len() * 2);
            let mut run = 0..0;
            for batch in &stage.batches {
                run.end = batch.end;
                if let Some(body) = &batch.body {
                    if !run.is_empty() {
                        parts.push(IoSlice::new(&arena[run.clone()]));
                    }
                    parts.push(IoSlice::new(body));
                    run = batch.end..batch.end;
                }
            }
            if !run.is_empty() {
                parts.push(IoSlice::new(&arena[run]));
            }
            self.write(&parts)?;
        }
        for batch in stage.batches {
            self.note_appended(batch.base_offset, batch.leader_epoch, batch.placed);
            let StagedBatch { base_offset, placed, start, end, body, .. } = batch;
            let last_offset = placed.last_offset;
            let batch = TailBatch { base_offset, last_offset, head: arena.clone(), start, end, body };
            self.tail.push(batch, self.config.hot_tail_max_bytes);
        }
        self.apply_producers(stage.producers)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> Result<(), AppendError> {
        let segment = &self.segments[self.segments.len() - 1];
        let file = segment.create_file(&*self.disk).map_err(refused)?;
        self.dir_dirty |= segment.size_bytes == 0;
        if let Err(error) = file.write_all_at(parts, segment.size_bytes) {
            let error = DiskError::new("appending to", segment.path(), error);
            self.half_written = true;
            // A second failure here is met again, and answered, before the next append.
            if self.cut_half_written().is_err() {
                tracing::warn!(partition = %self.partition, "could not cut back a failed write");
            }
            return Err(refused(error));
        }
        Ok(())
    }

    /// Removes what a failed write may have left behind the last good batch.
    fn cut_half_written(&mut self) -> Result<(), AppendError> {
        if self.half_written {
            let segment = &self.segments[self.segments.len() - 1];
            segment.cut(&*self.disk, segment.size_bytes).map_err(refused)?;
            self.half_written = false;
        }
        Ok(())
    }

    /// Indexes, epochs and positions after a batch was written.
    fn note_appended(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch, placed: Placed) {
        let Some(segment) = self.segments.last_mut() else { return };
        if let Err(error) = segment.on_appended(&*self.disk, placed, &self.config) {
            // The entries stay in memory; a start rebuilds them.
            tracing::warn!(partition = %self.partition, %error, "could not write an index");
        }
        self.epochs.assign(leader_epoch, base_offset);
        self.unflushed_records += placed.last_offset + 1 - self.log_end;
        self.log_end = placed.last_offset + 1;
    }

    fn apply_producers(&mut self, staged: Staged) -> Result<(), AppendError> {
        for txn in staged.completed.iter().filter(|txn| txn.aborted) {
            let last_stable_offset = self.producers.stable_offset_after(txn);
            let aborted = AbortedTxn {
                producer_id: txn.producer_id,
                first_offset: txn.first_offset,
                last_offset: txn.last_offset,
                last_stable_offset,
            };
            let disk: Arc<dyn Disk> = self.disk.clone();
            let Some(segment) = self.segments.last_mut() else { break };
            self.dir_dirty |= segment.txns.is_empty();
            if let Err(error) = segment.txns.append(&*disk, &aborted) {
                // Readers would see aborted records: better none of this log until a start has rebuilt the index.
                let error = DiskError::new("writing", segment.txns.slot().path(), error);
                self.failed = Some(error.to_string());
                return Err(refused(error));
            }
        }
        self.producers.apply(staged);
        Ok(())
    }

    /// Appends batches that the leader has numbered, as they are. A batch that is cut off at the end is left out,
    /// as at the end of any fetch response.
    pub fn append_as_follower(&mut self, records: &Bytes, now_ms: i64) -> Result<AppendInfo, AppendError> {
        self.ready_to_append(LeaderEpoch::MAX)?;
        let mut all: Vec<Batch> = Vec::new();
        for batch in batches(records.clone()) {
            match batch {
                Ok(batch) => {
                    batch.verify_crc()?;
                    all.push(batch);
                }
                Err(RecordsError::Torn { .. }) if !all.is_empty() => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.check_order(&all)?;
        let (Some(first), Some(last)) = (all.first(), all.last()) else { return Err(AppendError::Empty) };
        let size_bytes: usize = all.iter().map(Batch::size_bytes).sum();
        let max_timestamp_ms = all.iter().map(Batch::max_timestamp_ms).max().unwrap_or(NO_TIMESTAMP_MS);
        let info = AppendInfo {
            base_offset: first.base_offset(),
            last_offset: last.last_offset(),
            log_append_time_ms: NO_TIMESTAMP_MS,
            log_start_offset: self.log_start,
            max_timestamp_ms,
            record_count: all.iter().map(|batch| batch.record_count().max(0) as u64).sum(),
            size_bytes,
            duplicate: false,
        };
        let mut producers = Staged::default();
        for batch in &all {
            if let Some(batch) =
                producer_batch(batch, batch.base_offset(), batch.last_offset(), batch.max_timestamp_ms())?
            {
                self.producers.stage(&mut producers, &batch, Rules::Replay)?;
            }
        }
        if self.must_roll(0, size_bytes as u64, info.last_offset, max_timestamp_ms, now_ms)? {
            self.roll(now_ms)?;
        }
        self.write(&[IoSlice::new(&records[..size_bytes])])?;
        for batch in all {
            self.note_appended(batch.base_offset(), batch.leader_epoch(), Placed::of(batch.as_batch_ref()));
            let tail = TailBatch {
                base_offset: batch.base_offset(),
                last_offset: batch.last_offset(),
                start: 0,
                end: batch.size_bytes(),
                head: batch.into_bytes(),
                body: None,
            };
            self.tail.push(tail, self.config.hot_tail_max_bytes);
        }
        self.apply_producers(producers)?;
        Ok(info)
    }

    fn check_order(&self, all: &[Batch]) -> Result<(), AppendError> {
        let mut next = self.log_end;
        for batch in all {
            if batch.base_offset() < next || batch.last_offset() < batch.base_offset() {
                return Err(AppendError::OutOfOrderOffsets {
                    log_end_offset: next,
                    found: batch.base_offset(),
                });
            }
            next = batch.next_offset();
        }
        Ok(())
    }
}

/// A failed write, told apart by whether the disk is full.
fn refused(error: DiskError) -> AppendError {
    if error.is_full() { AppendError::DiskFull(error) } else { AppendError::Disk(error) }
}

/// What the producer state has to know of a batch, if it is of an idempotent producer.
pub(crate) fn producer_batch(
    batch: &Batch,
    base_offset: Offset,
    last_offset: Offset,
    timestamp_ms: TimestampMs,
) -> Result<Option<ProducerBatch>, RecordsError> {
    if !batch.has_producer_id() {
        return Ok(None);
    }
    let marker = if batch.is_control() {
        let records = batch.records()?;
        let Some(record) = records.iter().next().transpose()? else { return Ok(None) };
        match ControlRecord::parse(record.key, record.value)? {
            ControlRecord::EndTxn(marker) => Some((marker.committed, marker.coordinator_epoch)),
            ControlRecord::Other(_) => return Ok(None),
        }
    } else {
        None
    };
    Ok(Some(ProducerBatch {
        producer_id: batch.producer_id(),
        epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        last_sequence: batch.last_sequence(),
        base_offset,
        last_offset,
        timestamp_ms,
        transactional: batch.is_transactional(),
        marker,
    }))
}
