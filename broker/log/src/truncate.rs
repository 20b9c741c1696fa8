//! Taking records back: a follower's at the end, a user's (DeleteRecords) at the start.

use headrace_records::{LeaderEpoch, Offset};

use crate::{
    checkpoint,
    error::{LogError, ReadError},
    log::Log,
    segment::Segment,
};

impl Log {
    /// Removes every batch that ends at or after `offset`. The log ends there then, or earlier if a batch went
    /// across it. An offset at or above the log end changes nothing.
    pub fn truncate_to(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        self.refuse_if_failed()?;
        if offset >= self.log_end {
            return Ok(());
        }
        if offset <= self.log_start && offset <= self.segments[0].base_offset {
            return self.truncate_fully_and_start_at(offset, now_ms);
        }
        let cut = self.cut_to(offset, now_ms);
        self.or_failed(cut)
    }

    /// Where taking back records comes to no end, files and memory may contradict each other: the next start finds out what is there.
    fn or_failed(&mut self, cut: Result<(), LogError>) -> Result<(), LogError> {
        cut.inspect_err(|error| self.failed = Some(format!("records could not be taken back: {error}")))
    }

    fn cut_to(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        let disk = self.disk.clone();
        let keep = self.segment_of(offset);
        // From the end, so that a stop in between leaves a log without holes.
        while self.segments.len() > keep + 1 {
            self.remove_last_segment(now_ms)?;
        }
        let segment = &mut self.segments[keep];
        let mut log_end = offset;
        if let Some((position, batch)) = segment.find(&*disk, offset)? {
            log_end = batch.base_offset().min(offset);
            segment.truncate(&*disk, position, log_end, &self.config)?;
        }
        self.half_written = false;
        self.ends_at(log_end);
        self.log_start = self.log_start.min(log_end);
        self.load_producers(None)?;
        self.try_to_write_epochs();
        Ok(())
    }

    /// On a full disk that fails, and upkeep tries again.
    pub(crate) fn try_to_write_epochs(&mut self) {
        if let Err(error) = self.write_epochs() {
            tracing::warn!(partition = %self.partition, %error, "the leader epochs could not be written down");
        }
    }

    /// Removes everything; the next record gets `offset`.
    pub fn truncate_fully_and_start_at(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        self.refuse_if_failed()?;
        let cut = self.start_over_at(offset, now_ms);
        self.or_failed(cut)
    }

    fn start_over_at(&mut self, offset: Offset, now_ms: i64) -> Result<(), LogError> {
        while !self.segments.is_empty() {
            self.remove_last_segment(now_ms)?;
        }
        self.log_start = offset;
        self.start_empty(now_ms)?;
        self.half_written = false;
        self.tail.shrink_to(0);
        self.ends_at(offset);
        self.flushed = offset;
        self.epochs.clear();
        self.producers.clear();
        self.try_to_write_epochs();
        for snapshot in crate::recover::snapshot_offsets(&*self.disk, &self.dir)? {
            let path = crate::segment::file_path(&self.dir, snapshot, crate::log::SNAPSHOT_SUFFIX);
            self.disk
                .remove_file(&path)
                .map_err(|error| crate::error::DiskError::new("removing", path, error))?;
        }
        Ok(())
    }

    /// Recovery kept records whose place is in doubt, as a bit that flips in a batch's offset or leader epoch leaves them: neither is under
    /// its checksum. They go as soon as there is a leader to fetch them from again, and stay where they are the best that is left.
    pub fn settle_doubt(&mut self, there_is_a_leader: bool, now_ms: i64) -> Result<(), LogError> {
        let Some(offset) = self.doubtful_from else { return Ok(()) };
        if there_is_a_leader {
            tracing::warn!(partition = %self.partition, from = self.log_end, to = offset, "what is in doubt is fetched again");
            self.truncate_to(offset, now_ms)?;
        }
        checkpoint::forget_doubt(&*self.disk, &self.dir)?;
        self.doubtful_from = None;
        Ok(())
    }

    /// Nothing can be of a later epoch than the partition's own: what seems to be is in doubt.
    pub fn doubt_epochs_above(&mut self, leader_epoch: LeaderEpoch) {
        if let Some(offset) = self.epochs.first_above(leader_epoch).filter(|offset| *offset < self.log_end) {
            self.doubt_from(offset);
        }
    }

    /// The log's end, as far as that is not in doubt.
    pub fn certain_end_offset(&self) -> Offset {
        self.doubtful_from.unwrap_or(self.log_end)
    }

    fn ends_at(&mut self, log_end: Offset) {
        self.truncations += 1;
        self.log_end = log_end;
        self.flushed = self.flushed.min(log_end);
        self.unflushed_records = log_end - self.flushed;
        self.tail.truncate(log_end);
        self.epochs.truncate_from_end(log_end);
    }

    fn refuse_if_failed(&self) -> Result<(), LogError> {
        self.failed.as_ref().map_or(Ok(()), |reason| Err(LogError::Offline(reason.clone())))
    }

    fn remove_last_segment(&mut self, now_ms: i64) -> Result<(), LogError> {
        if let Some(segment) = self.segments.last() {
            let renamed = segment.mark_deleted(&*self.disk, &self.dir)?;
            self.segments.pop();
            self.schedule_removal(renamed, now_ms);
        }
        Ok(())
    }

    pub(crate) fn schedule_removal(&mut self, renamed: Vec<std::path::PathBuf>, now_ms: i64) {
        let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
        self.deleted.extend(renamed.into_iter().map(|path| (due_ms, path)));
        self.dir_dirty = true;
    }

    /// Moves the log's start up to `offset` (never down, never above the high watermark) and returns it. Whole
    /// segments below leave at the next retention.
    pub fn delete_records_before(
        &mut self,
        offset: Offset,
        high_watermark: Offset,
    ) -> Result<Offset, LogError> {
        self.refuse_if_failed()?;
        if offset > high_watermark.min(self.log_end) {
            return Err(ReadError::OffsetOutOfRange {
                offset,
                log_start_offset: self.log_start,
                log_end_offset: self.log_end,
            }
            .into());
        }
        self.advance_start(offset);
        Ok(self.log_start)
    }

    pub(crate) fn advance_start(&mut self, offset: Offset) {
        if offset > self.log_start {
            self.log_start = offset;
            self.flushed = self.flushed.max(offset);
            self.epochs.truncate_from_start(offset);
        }
    }

    /// Makes room for a log whose segments are all gone.
    pub(crate) fn push_empty_segment(&mut self, now_ms: i64) -> Result<(), LogError> {
        let segment = Segment::new(&self.dir, self.log_end, now_ms);
        segment.create_file(&*self.disk)?;
        self.segments.push(segment);
        self.dir_dirty = true;
        Ok(())
    }
}
