//! The reports that the control plane has not yet taken: bounded, oldest dropped and counted, sent in order. Pure.

use std::collections::VecDeque;

use crate::report::Report;

/// Half an hour at the default of a report every two seconds.
pub(crate) const BUFFERED_REPORTS_MAX: usize = 900;
/// Reports in one request.
pub(crate) const BATCH_REPORTS_MAX: usize = 30;

/// What waits to be sent, and the number the next report gets.
#[derive(Debug)]
pub(crate) struct Buffer {
    waiting: VecDeque<Report>,
    capacity: usize,
    next_sequence: u64,
    dropped: u64,
}

impl Buffer {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), capacity: capacity.max(1), next_sequence: 1, dropped: 0 }
    }

    /// Numbers a report and keeps it. Only the newest keeps its list of partitions: a backlog is for charts of the
    /// broker, and the counters of the newest hold everything that the older ones held.
    pub(crate) fn push(&mut self, mut report: Report) {
        report.sequence = self.next_sequence;
        self.next_sequence += 1;
        if let Some(newest) = self.waiting.back_mut() {
            newest.partitions = Vec::new();
        }
        if self.waiting.len() == self.capacity {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(report);
    }

    /// The oldest `max` reports, oldest first. They stay until `accept` or `discard` names them.
    pub(crate) fn batch(&self, max: usize) -> Vec<Report> {
        self.waiting.iter().take(max.min(BATCH_REPORTS_MAX)).cloned().collect()
    }

    /// The control plane has everything up to this sequence number.
    pub(crate) fn accept(&mut self, sequence: u64) {
        while self.waiting.front().is_some_and(|report| report.sequence <= sequence) {
            self.waiting.pop_front();
        }
    }

    /// As `accept`, but for reports that the control plane will never take: they count as dropped.
    pub(crate) fn discard(&mut self, sequence: u64) {
        let before = self.waiting.len();
        self.accept(sequence);
        self.dropped += (before - self.waiting.len()) as u64;
    }

    /// Reports thrown away since the agent started.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PartitionReport;

    fn report() -> Report {
        let partition = PartitionReport { topic: "t".into(), ..Default::default() };
        Report { partitions: vec![partition], ..Default::default() }
    }

    fn sequences(buffer: &Buffer) -> Vec<u64> {
        buffer.batch(usize::MAX).iter().map(|report| report.sequence).collect()
    }

    #[test]
    fn reports_are_numbered_from_one_and_leave_when_accepted() {
        let mut buffer = Buffer::new(10);
        (0..4).for_each(|_| buffer.push(report()));
        assert_eq!(sequences(&buffer), [1, 2, 3, 4]);
        buffer.accept(2);
        assert_eq!(sequences(&buffer), [3, 4]);
        buffer.accept(2);
        buffer.accept(99);
        assert!(buffer.is_empty());
        buffer.push(report());
        assert_eq!(sequences(&buffer), [5]);
        assert_eq!(buffer.dropped(), 0);
    }

    #[test]
    fn a_full_buffer_drops_the_oldest_and_counts_it() {
        let mut buffer = Buffer::new(3);
        (0..5).for_each(|_| buffer.push(report()));
        assert_eq!(sequences(&buffer), [3, 4, 5]);
        assert_eq!(buffer.dropped(), 2);
        buffer.discard(4);
        assert_eq!((sequences(&buffer), buffer.dropped()), (vec![5], 4));
    }

    #[test]
    fn only_the_newest_report_carries_partitions() {
        let mut buffer = Buffer::new(10);
        (0..3).for_each(|_| buffer.push(report()));
        let lists: Vec<usize> = buffer.batch(10).iter().map(|report| report.partitions.len()).collect();
        assert_eq!(lists, [0, 0, 1]);
    }

    #[test]
    fn a_batch_is_bounded() {
        let mut buffer = Buffer::new(100);
        (0..50).for_each(|_| buffer.push(report()));
        assert_eq!(buffer.batch(usize::MAX).len(), BATCH_REPORTS_MAX);
        assert_eq!(buffer.batch(5).len(), 5);
    }
}
