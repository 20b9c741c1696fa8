//! ListOffsets by time: the first record at or after a timestamp, and the record with the highest one.

use headrace_records::{LeaderEpoch, NO_TIMESTAMP_MS, Offset, TimestampMs};

use crate::{
    error::{Doing, ReadError},
    log::Log,
    segment::Segment,
};

/// A record's place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    pub offset: Offset,
    pub timestamp_ms: TimestampMs,
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Log {
    /// The first record whose timestamp is `timestamp_ms` or later.
    pub fn offset_for_timestamp(
        &self,
        timestamp_ms: TimestampMs,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        for segment in &self.segments {
            if segment.max_timestamp.0 >= timestamp_ms
                && let Some(found) = self.search(segment, timestamp_ms)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The first record with the highest timestamp of the log (ListOffsets' −3).
    pub fn offset_of_max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        let highest = self.segments.iter().map(|segment| segment.max_timestamp.0).max();
        match highest.filter(|timestamp_ms| *timestamp_ms > NO_TIMESTAMP_MS) {
            Some(timestamp_ms) => self.offset_for_timestamp(timestamp_ms),
            None => Ok(None),
        }
    }

    fn search(
        &self,
        segment: &Segment,
        timestamp_ms: TimestampMs,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        let view = segment.time_view(&*self.disk)?;
        let entry = view
            .last_where(|entry| entry.timestamp_ms < timestamp_ms)
            .doing("reading the time index of", segment.path())?;
        // Up to the entry's batch no record is late enough.
        let from =
            entry.map_or(segment.base_offset, |entry| segment.base_offset + i64::from(entry.relative_offset));
        let mut scanner = segment.scan_from(&*self.disk, from.max(self.log_start))?;
        while let Some((position, batch)) = scanner.next()? {
            if batch.max_timestamp_ms() < timestamp_ms || batch.last_offset() < self.log_start {
                continue;
            }
            let corrupt = |source| ReadError::Corrupt { path: segment.path().to_owned(), position, source };
            let records = batch.records().map_err(corrupt)?;
            for record in &records {
                let record = record.map_err(corrupt)?;
                if record.timestamp_ms >= timestamp_ms && record.offset >= self.log_start {
                    return Ok(Some(TimestampedOffset {
                        offset: record.offset,
                        timestamp_ms: record.timestamp_ms,
                        leader_epoch: Some(batch.leader_epoch()).filter(|epoch| *epoch >= 0),
                    }));
                }
            }
        }
        Ok(None)
    }
}
