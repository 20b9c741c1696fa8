//! Which leader epoch started at which offset: what followers and recovering leaders truncate by (KIP-101,
//! KIP-279), kept in `leader-epoch-checkpoint`.

use headrace_records::{LeaderEpoch, Offset};

/// The answer to OffsetForLeaderEpoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEndOffset {
    /// The largest epoch at or below the one asked for; −1 if none is known.
    pub epoch: LeaderEpoch,
    /// Where that epoch ends; −1 if none is known.
    pub end_offset: Offset,
}

const UNKNOWN: EpochEndOffset = EpochEndOffset { epoch: -1, end_offset: -1 };

/// Epochs and their first offsets, both rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EpochCache {
    entries: Vec<(LeaderEpoch, Offset)>,
    /// What the checkpoint says.
    written: Vec<(LeaderEpoch, Offset)>,
}

pub(crate) const FILE_NAME: &str = "leader-epoch-checkpoint";

impl EpochCache {
    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|entry| entry.0)
    }

    /// The checkpoint's text, if it says something else than this: epochs that have records. One without any yet is not worth a write
    /// (an election of a thousand leaders would be as many): it begins again at the log end should it be forgotten.
    pub(crate) fn unwritten(&self, log_end: Offset) -> Option<String> {
        let with_records = self.with_records(log_end);
        (with_records != self.written).then(|| encode(with_records))
    }

    /// The checkpoint says it all now.
    pub(crate) fn note_written(&mut self, log_end: Offset) {
        self.written = self.with_records(log_end).to_vec();
    }

    /// Nothing is in the checkpoint yet.
    pub(crate) fn note_unwritten(&mut self) {
        self.written.clear();
    }

    fn with_records(&self, log_end: Offset) -> &[(LeaderEpoch, Offset)] {
        &self.entries[..self.entries.partition_point(|entry| entry.1 < log_end)]
    }

    /// Whether it is known of which epoch each record from `log_start` on is.
    pub(crate) fn covers(&self, log_start: Offset, log_end: Offset) -> bool {
        log_start >= log_end || self.entries.first().is_some_and(|entry| entry.1 <= log_start)
    }

    /// Says that `epoch` starts at `start_offset`. What contradicts it gives way: a later entry at or after
    /// that offset, or of that epoch or a higher one, was of a leader whose records were truncated.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start_offset: Offset) {
        if epoch < 0 || self.holds(epoch, start_offset) {
            return;
        }
        self.entries.retain(|&(other, start)| other < epoch && start < start_offset);
        self.entries.push((epoch, start_offset));
    }

    /// From where on the log is in doubt, if a record at `offset` cannot be of this epoch: epochs only rise, and what is known of later
    /// records has to fit too.
    pub(crate) fn doubt(&self, epoch: LeaderEpoch, offset: Offset) -> Option<Offset> {
        let (before, after) = self.entries.split_at(self.entries.partition_point(|entry| entry.1 <= offset));
        match (before.last(), after.first()) {
            // Either this one is wrong, or all that were taken for a higher epoch before.
            (Some(&(last, start)), _) if epoch < last => Some(start),
            (Some(&(last, _)), Some(_)) if epoch > last => Some(offset),
            (None, Some(&(next, _))) if epoch > next => Some(offset),
            // Records without an epoch are from before there were any.
            _ if epoch < -1 => Some(offset),
            _ => None,
        }
    }

    /// Whether the epoch is known to start at or before this offset.
    fn holds(&self, epoch: LeaderEpoch, start_offset: Offset) -> bool {
        self.entries.iter().rev().any(|&(other, start)| other == epoch && start <= start_offset)
    }

    pub(crate) fn end_offset_for(&self, epoch: LeaderEpoch, log_end_offset: Offset) -> EpochEndOffset {
        let Some(latest) = self.latest() else { return UNKNOWN };
        if epoch < 0 || epoch > latest {
            return UNKNOWN;
        }
        if epoch == latest {
            return EpochEndOffset { epoch, end_offset: log_end_offset };
        }
        let above = self.entries.partition_point(|entry| entry.0 <= epoch);
        // An epoch below the log's first ends where the log starts to know.
        let floor = if above == 0 { epoch } else { self.entries[above - 1].0 };
        EpochEndOffset { epoch: floor, end_offset: self.entries[above].1 }
    }

    pub(crate) fn epoch_for_offset(&self, offset: Offset) -> Option<LeaderEpoch> {
        let count = self.entries.partition_point(|entry| entry.1 <= offset);
        count.checked_sub(1).map(|index| self.entries[index].0)
    }

    /// Where the first epoch above this one starts.
    pub(crate) fn first_above(&self, epoch: LeaderEpoch) -> Option<Offset> {
        self.entries.iter().find(|entry| entry.0 > epoch).map(|entry| entry.1)
    }

    /// Forgets epochs that start at or after `end_offset`.
    pub(crate) fn truncate_from_end(&mut self, end_offset: Offset) {
        self.entries.retain(|entry| entry.1 < end_offset);
    }

    /// Forgets what lies before `start_offset`; the epoch that contains it starts there now.
    pub(crate) fn truncate_from_start(&mut self, start_offset: Offset) {
        let gone = self.entries.partition_point(|entry| entry.1 <= start_offset);
        if gone == 0 || self.entries[gone - 1].1 == start_offset && gone == 1 {
            return;
        }
        self.entries.drain(..gone - 1);
        self.entries[0].1 = start_offset;
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "0" {
            return None;
        }
        let count: usize = lines.next()?.parse().ok()?;
        let mut entries: Vec<(LeaderEpoch, Offset)> = Vec::new();
        for line in lines {
            let (epoch, start) = line.split_once(' ')?;
            entries.push((epoch.parse().ok()?, start.parse().ok()?));
        }
        let rising = entries.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        (entries.len() == count && rising).then(|| Self { written: entries.clone(), entries })
    }
}

/// Kafka's text: version, number of entries, then an entry a line.
fn encode(entries: &[(LeaderEpoch, Offset)]) -> String {
    let mut text = format!("0\n{}\n", entries.len());
    for (epoch, start) in entries {
        text.push_str(&format!("{epoch} {start}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(LeaderEpoch, Offset)]) -> EpochCache {
        let mut cache = EpochCache::default();
        for &(epoch, start) in entries {
            cache.assign(epoch, start);
        }
        cache
    }

    #[test]
    fn end_offsets_are_the_next_epochs_start() {
        let cache = cache(&[(2, 10), (4, 20), (5, 30)]);
        for (epoch, expected) in [
            (-1, (-1, -1)),
            (0, (0, 10)),
            (2, (2, 20)),
            (3, (2, 20)),
            (4, (4, 30)),
            (5, (5, 44)),
            (6, (-1, -1)),
        ] {
            let end = cache.end_offset_for(epoch, 44);
            assert_eq!((end.epoch, end.end_offset), expected, "epoch {epoch}");
        }
        assert_eq!(cache.epoch_for_offset(9), None);
        assert_eq!(cache.epoch_for_offset(19), Some(2));
        assert_eq!(cache.epoch_for_offset(20), Some(4));
    }

    #[test]
    fn a_new_leader_replaces_what_contradicts_it() {
        let mut epochs = cache(&[(1, 0), (2, 10), (3, 20)]);
        epochs.assign(4, 15);
        assert_eq!(epochs, {
            let mut expected = cache(&[(1, 0), (2, 10), (4, 15)]);
            expected.written.clone_from(&epochs.written);
            expected
        });
        epochs.assign(4, 18);
        assert_eq!(encode(&epochs.entries), "0\n3\n1 0\n2 10\n4 15\n");
    }

    #[test]
    fn a_record_of_an_epoch_that_cannot_be_is_doubted() {
        let cache = cache(&[(2, 10), (4, 20), (6, 30)]);
        for (epoch, offset, doubt) in [
            (2, 10, None),
            (2, 19, None),
            (1, 15, Some(10)),
            (3, 15, Some(15)),
            (6, 25, Some(25)),
            (6, 30, None),
            (9, 40, None),
            (4, 40, Some(30)),
            (1, 5, None),
            // The log's start has moved up within an epoch.
            (2, 5, None),
            (3, 5, Some(5)),
        ] {
            assert_eq!(cache.doubt(epoch, offset), doubt, "epoch {epoch} at {offset}");
        }
        assert_eq!(EpochCache::default().doubt(7, 0), None);
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut epochs = cache(&[(1, 0), (2, 10), (3, 20)]);
        epochs.truncate_from_start(15);
        assert_eq!(encode(&epochs.entries), "0\n2\n2 15\n3 20\n");
        epochs.truncate_from_end(20);
        assert_eq!(encode(&epochs.entries), "0\n1\n2 15\n");
    }

    #[test]
    fn the_checkpoint_round_trips_and_garbage_is_refused() {
        let epochs = cache(&[(1, 0), (7, 10)]);
        assert_eq!(EpochCache::decode(&encode(&epochs.entries)).unwrap().entries, epochs.entries);
        for bad in ["", "1\n0\n", "0\n2\n1 0\n", "0\n1\nx y\n", "0\n2\n2 5\n1 6\n"] {
            assert_eq!(EpochCache::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_has_records_is_written_though_the_newest_epoch_has_none() {
        let mut epochs = cache(&[(1, 0), (2, 10), (4, 25)]);
        assert_eq!(epochs.unwritten(25).as_deref(), Some("0\n2\n1 0\n2 10\n"));
        epochs.note_written(25);
        assert_eq!(epochs.unwritten(25), None);
        assert_eq!(epochs.unwritten(26).as_deref(), Some("0\n3\n1 0\n2 10\n4 25\n"));
        assert!(epochs.covers(0, 25) && !epochs.covers(-1, 25) && EpochCache::default().covers(7, 7));
        assert!(!EpochCache::default().covers(7, 8));
    }
}
