//! How many bytes lie between the high watermark and the log end, by where they end: a consumer that waits for bytes is told how many
//! have become readable.

use std::collections::VecDeque;

/// Appends that are told apart. What comes on top is counted with the last one, so that its bytes are seen a little late.
const ENTRIES_MAX: usize = 1_024;

/// Appends that are not yet committed, oldest first.
#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    /// Where each ends, and its bytes.
    entries: VecDeque<(i64, usize)>,
}

impl Uncommitted {
    /// The log grew by so many bytes and ends at `end_offset` now.
    pub(super) fn push(&mut self, end_offset: i64, bytes: usize) {
        let full = self.entries.len() >= ENTRIES_MAX;
        match self.entries.back_mut() {
            Some(last) if full => *last = (end_offset, last.1 + bytes),
            _ => self.entries.push_back((end_offset, bytes)),
        }
    }

    /// The high watermark moved: the bytes that became readable.
    pub(super) fn committed(&mut self, high_watermark: i64) -> usize {
        let mut bytes = 0;
        while let Some(&(end_offset, size)) = self.entries.front() {
            if end_offset > high_watermark {
                break;
            }
            bytes += size;
            self.entries.pop_front();
        }
        bytes
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_once_when_they_become_readable() {
        let mut uncommitted = Uncommitted::default();
        uncommitted.push(10, 100);
        uncommitted.push(20, 50);
        assert_eq!(uncommitted.committed(9), 0);
        assert_eq!(uncommitted.committed(15), 100);
        assert_eq!(uncommitted.committed(30), 50);
        for end in 0..5_000 {
            uncommitted.push(end, 1);
        }
        assert!(uncommitted.entries.len() <= ENTRIES_MAX);
        assert_eq!(uncommitted.committed(5_000), 5_000);
    }
}
