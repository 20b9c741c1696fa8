//! Which segments may go, by `retention.ms`, `retention.bytes` and the log's start; and letting them go.

use headrace_records::Offset;

use crate::{config::LogConfig, error::LogError, log::Log};

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionReport {
    pub segments_deleted: usize,
    pub bytes_deleted: u64,
    pub log_start_offset: Offset,
}

/// What the decision needs of a segment.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    /// The offset after its last record.
    end_offset: Offset,
    size_bytes: u64,
    /// Its highest timestamp, or when it was made if its records have none.
    newest_ms: i64,
}

/// How many of the oldest segments go. Pure. A segment with records at or above the high watermark stays.
fn decide(
    segments: &[Candidate],
    config: &LogConfig,
    log_start: Offset,
    high_watermark: Offset,
    now_ms: i64,
) -> usize {
    let total: u64 = segments.iter().map(|segment| segment.size_bytes).sum();
    let mut surplus = match u64::try_from(config.retention_bytes) {
        Ok(limit) if config.cleanup.delete => total.saturating_sub(limit),
        _ => 0,
    };
    let mut count = 0;
    for segment in segments {
        let below_start = segment.end_offset <= log_start;
        let too_old = config.cleanup.delete
            && config.retention_ms >= 0
            && now_ms.saturating_sub(segment.newest_ms) > config.retention_ms;
        let too_much = segment.size_bytes > 0 && surplus >= segment.size_bytes;
        let replicated = segment.end_offset <= high_watermark;
        if segment.size_bytes == 0 || !replicated || !(below_start || too_old || too_much) {
            break;
        }
        surplus = surplus.saturating_sub(segment.size_bytes);
        count += 1;
    }
    count
}

impl Log {
    /// Deletes what may go. The files are renamed now and removed after `file.delete.delay.ms`.
    pub fn apply_retention(
        &mut self,
        now_ms: i64,
        high_watermark: Offset,
    ) -> Result<RetentionReport, LogError> {
        if let Some(reason) = &self.failed {
            return Err(LogError::Offline(reason.clone()));
        }
        let candidates: Vec<_> = (0..self.segments.len()).map(|index| self.candidate(index)).collect();
        let mut count = decide(&candidates, &self.config, self.log_start, high_watermark, now_ms);
        let mut report = RetentionReport::default();
        if count == self.segments.len() {
            // The newest goes too: the log stays, empty, where it ends.
            match self.write_snapshot() {
                Ok(()) => self.push_empty_segment(now_ms)?,
                // On a full disk the others have to go first: the newest follows in the next round.
                Err(error) if error.is_full() && count > 1 => count -= 1,
                Err(error) => return Err(error.into()),
            }
        }
        for candidate in &candidates[..count] {
            let renamed = self.segments[0].mark_deleted(&*self.disk, &self.dir)?;
            self.segments.remove(0);
            self.schedule_removal(renamed, now_ms);
            report.segments_deleted += 1;
            report.bytes_deleted += candidate.size_bytes;
            self.advance_start(candidate.end_offset);
        }
        report.log_start_offset = self.log_start;
        Ok(report)
    }

    fn candidate(&self, index: usize) -> Candidate {
        let segment = &self.segments[index];
        Candidate {
            end_offset: self.segments.get(index + 1).map_or(self.log_end, |next| next.base_offset),
            size_bytes: segment.size_bytes,
            newest_ms: if segment.max_timestamp.0 >= 0 {
                segment.max_timestamp.0
            } else {
                segment.created_ms
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CleanupPolicy;

    /// Four segments of 100 bytes with ten records each, last written at 1, 2, 3 and 4 s.
    fn segments() -> Vec<Candidate> {
        (1..=4).map(|i| Candidate { end_offset: i * 10, size_bytes: 100, newest_ms: i * 1_000 }).collect()
    }

    #[test]
    fn the_oldest_go_by_time_size_and_start() {
        let unlimited = LogConfig { retention_ms: -1, ..LogConfig::default() };
        let by_time = LogConfig { retention_ms: 500, ..unlimited.clone() };
        let by_size = LogConfig { retention_bytes: 150, ..unlimited.clone() };
        let compact =
            LogConfig { cleanup: CleanupPolicy { delete: false, compact: true }, ..by_time.clone() };
        for (name, config, start, high_watermark, now_ms, expected) in [
            ("nothing asks", &unlimited, 0, 40, 1_000_000, 0),
            ("time", &by_time, 0, 40, 2_600, 2),
            ("time, all", &by_time, 0, 40, 1_000_000, 4),
            ("time, not above the high watermark", &by_time, 0, 25, 1_000_000, 2),
            ("size leaves at least the limit", &by_size, 0, 40, 0, 2),
            ("start", &unlimited, 20, 40, 0, 2),
            ("start inside a segment", &unlimited, 19, 40, 0, 1),
            ("compacted topics keep by time", &compact, 0, 40, 1_000_000, 0),
        ] {
            assert_eq!(decide(&segments(), config, start, high_watermark, now_ms), expected, "{name}");
        }
    }
}
