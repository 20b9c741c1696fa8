//! What a partition knows of its producers: the last five batches of each, by which a retry is told from a new
//! batch (KIP-98, KIP-360), and the transactions that are open. Pure: built by replaying batches.
//!
//! Kafka 4's rules, in short. A retry of one of the last five batches answers what that batch answered. A batch
//! must follow the last one's sequence, which wraps from `i32::MAX` to 0; a new epoch starts at 0. A producer
//! that is not known (any more) may start anywhere. An older epoch is fenced.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use headrace_records::{Offset, ProducerId, TimestampMs};

use crate::error::AppendError;

/// How many batches of a producer are remembered: as many as an idempotent client has in flight.
pub(crate) const BATCHES_REMEMBERED: usize = 5;

/// How many producers a partition remembers. Kafka has no bound but time; above this one, those that have been
/// silent longest and have no open transaction are forgotten early.
pub(crate) const PRODUCERS_MAX: usize = 100_000;
/// Unknown producers of whose refused batches is known.
const REFUSED_MAX: usize = 1_000;

/// One remembered batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchMeta {
    pub(crate) last_sequence: i32,
    pub(crate) last_offset: Offset,
    pub(crate) offset_delta: i32,
    pub(crate) timestamp_ms: TimestampMs,
}

impl BatchMeta {
    pub(crate) fn first_sequence(&self) -> i32 {
        // Sequences wrap from the highest to 0.
        self.last_sequence.wrapping_sub(self.offset_delta) & i32::MAX
    }

    pub(crate) fn first_offset(&self) -> Offset {
        self.last_offset - i64::from(self.offset_delta)
    }
}

/// One producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    pub(crate) coordinator_epoch: i32,
    pub(crate) last_timestamp_ms: TimestampMs,
    pub(crate) batches: VecDeque<BatchMeta>,
    pub(crate) txn_first_offset: Option<Offset>,
}

impl Default for Producer {
    fn default() -> Self {
        Self {
            epoch: -1,
            coordinator_epoch: -1,
            last_timestamp_ms: -1,
            batches: VecDeque::new(),
            txn_first_offset: None,
        }
    }
}

/// A producer as DescribeProducers tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSummary {
    pub producer_id: ProducerId,
    pub epoch: i16,
    pub last_sequence: i32,
    pub last_timestamp_ms: TimestampMs,
    pub coordinator_epoch: i32,
    pub txn_first_offset: Option<Offset>,
}

/// A transaction that a marker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompletedTxn {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) aborted: bool,
}

/// Who wrote a batch, and so how much of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A client at the leader: sequences and epochs must be right.
    Leader,
    /// Replication or recovery: the leader has checked.
    Replay,
}

/// A batch of an idempotent producer, at the offsets it would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProducerBatch {
    pub(crate) producer_id: ProducerId,
    pub(crate) epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) timestamp_ms: TimestampMs,
    pub(crate) transactional: bool,
    /// A transaction marker: whether it commits, and the coordinator's epoch.
    pub(crate) marker: Option<(bool, i32)>,
}

/// Changes that wait for their batches to be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staged {
    producers: Vec<(ProducerId, Producer)>,
    pub(crate) completed: Vec<CompletedTxn>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ProducerState {
    producers: BTreeMap<ProducerId, Producer>,
    /// Open transactions by first offset.
    ongoing: BTreeSet<(Offset, ProducerId)>,
    /// First to last offset of transactions whose marker is not below the high watermark yet.
    unreplicated: BTreeMap<Offset, Offset>,
    /// What unknown producers were refused first: the epoch, and the sequence.
    refused: BTreeMap<ProducerId, (i16, i32)>,
}

impl ProducerState {
    /// A batch was refused for a reason of ours, such as too few replicas. Of a producer that is not known yet any sequence is taken for
    /// its first; but those that it has under way behind this batch must not be, or the batch itself could never come.
    pub(crate) fn note_refused(&mut self, id: ProducerId, epoch: i16, base_sequence: i32) {
        if self.producers.contains_key(&id) {
            return;
        }
        let first = self.refused.entry(id).or_insert((epoch, base_sequence));
        if first.0 != epoch || first.1 > base_sequence {
            *first = (epoch, base_sequence);
        }
        if self.refused.len() > REFUSED_MAX {
            self.refused.pop_first();
        }
    }

    fn check_refused(&self, batch: &ProducerBatch) -> Result<(), AppendError> {
        match self.refused.get(&batch.producer_id) {
            Some(&(epoch, expected)) if epoch == batch.epoch && expected < batch.base_sequence => {
                let (producer_id, found) = (batch.producer_id, batch.base_sequence);
                Err(AppendError::OutOfOrderSequence { producer_id, epoch, expected, found })
            }
            _ => Ok(()),
        }
    }

    /// Checks a batch against what is known and already staged. `Ok(Some)`: it is a retry of that batch, and
    /// nothing is staged.
    pub(crate) fn stage(
        &self,
        staged: &mut Staged,
        batch: &ProducerBatch,
        rules: Rules,
    ) -> Result<Option<BatchMeta>, AppendError> {
        let index = match staged.producers.iter().position(|(id, _)| *id == batch.producer_id) {
            Some(index) => index,
            None => {
                let known = self.producers.get(&batch.producer_id).cloned().unwrap_or_default();
                staged.producers.push((batch.producer_id, known));
                staged.producers.len() - 1
            }
        };
        let producer = &mut staged.producers[index].1;
        if rules == Rules::Leader {
            if let Some(duplicate) = producer.find_duplicate(batch) {
                return Ok(Some(duplicate));
            }
            if producer.epoch < 0 {
                self.check_refused(batch)?;
            }
            producer.check(batch)?;
        }
        if let Some(completed) = producer.advance(batch) {
            staged.completed.push(completed);
        }
        Ok(None)
    }

    /// Makes staged changes so.
    pub(crate) fn apply(&mut self, staged: Staged) {
        for (id, producer) in staged.producers {
            // A staged producer of which nothing was accepted has no epoch: it stays unknown.
            if producer.epoch >= 0 {
                self.refused.remove(&id);
                self.insert(id, producer);
            }
        }
        for txn in &staged.completed {
            self.unreplicated.insert(txn.first_offset, txn.last_offset);
        }
        if self.producers.len() > PRODUCERS_MAX {
            self.forget_silent();
        }
    }

    pub(crate) fn insert(&mut self, id: ProducerId, producer: Producer) {
        let txn = producer.txn_first_offset;
        let before = self.producers.insert(id, producer).and_then(|old| old.txn_first_offset);
        if before != txn {
            if let Some(first) = before {
                self.ongoing.remove(&(first, id));
            }
            if let Some(first) = txn {
                self.ongoing.insert((first, id));
            }
        }
    }

    /// Forgets the eighth of all producers that has been silent longest.
    fn forget_silent(&mut self) {
        let mut idle: Vec<(TimestampMs, ProducerId)> = self
            .producers
            .iter()
            .filter(|(_, producer)| producer.txn_first_offset.is_none())
            .map(|(id, producer)| (producer.last_timestamp_ms, *id))
            .collect();
        idle.sort_unstable();
        for (_, id) in idle.iter().take(PRODUCERS_MAX / 8) {
            self.producers.remove(id);
        }
    }

    /// Forgets producers that have been silent for `expiration_ms` and have no open transaction.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.producers.retain(|_, producer| {
            producer.txn_first_offset.is_some()
                || now_ms.saturating_sub(producer.last_timestamp_ms) < expiration_ms
        });
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.producers.iter().map(|(id, producer)| (*id, producer))
    }

    /// The lowest offset whose transaction is not known to be decided and replicated.
    pub(crate) fn first_unstable_offset(&self) -> Option<Offset> {
        let open = self.ongoing.first().map(|(first, _)| *first);
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        open.into_iter().chain(unreplicated).min()
    }

    pub(crate) fn on_high_watermark(&mut self, high_watermark: Offset) {
        self.unreplicated.retain(|_, last| *last >= high_watermark);
    }

    /// The last stable offset as it is once this transaction is complete: goes into the index of aborted ones.
    pub(crate) fn stable_offset_after(&self, txn: &CompletedTxn) -> Offset {
        let open = self.ongoing.iter().find(|(_, id)| *id != txn.producer_id);
        open.map_or(txn.last_offset + 1, |(first, _)| *first)
    }

    pub(crate) fn summaries(&self) -> Vec<ProducerSummary> {
        self.iter()
            .map(|(producer_id, producer)| ProducerSummary {
                producer_id,
                epoch: producer.epoch,
                last_sequence: producer.last_sequence().unwrap_or(-1),
                last_timestamp_ms: producer.last_timestamp_ms,
                coordinator_epoch: producer.coordinator_epoch,
                txn_first_offset: producer.txn_first_offset,
            })
            .collect()
    }
}

impl Producer {
    fn last_sequence(&self) -> Option<i32> {
        self.batches.back().map(|batch| batch.last_sequence)
    }

    fn find_duplicate(&self, batch: &ProducerBatch) -> Option<BatchMeta> {
        if batch.epoch != self.epoch || batch.marker.is_some() {
            return None;
        }
        let same = |seen: &&BatchMeta| {
            seen.last_sequence == batch.last_sequence && seen.first_sequence() == batch.base_sequence
        };
        self.batches.iter().find(same).copied()
    }

    fn check(&self, batch: &ProducerBatch) -> Result<(), AppendError> {
        let producer_id = batch.producer_id;
        if batch.epoch < self.epoch {
            return Err(AppendError::InvalidProducerEpoch {
                producer_id,
                current: self.epoch,
                found: batch.epoch,
            });
        }
        if let Some((_, coordinator_epoch)) = batch.marker {
            if coordinator_epoch < self.coordinator_epoch {
                return Err(AppendError::TransactionCoordinatorFenced {
                    current: self.coordinator_epoch,
                    found: coordinator_epoch,
                });
            }
            return Ok(());
        }
        let expected = match self.last_sequence() {
            _ if self.epoch < 0 => None,
            _ if batch.epoch > self.epoch => Some(0),
            Some(last) => Some(last.wrapping_add(1) & i32::MAX),
            // The epoch is known by a marker only: the producer starts its sequence.
            None => Some(0),
        };
        match expected {
            Some(expected) if expected != batch.base_sequence => Err(AppendError::OutOfOrderSequence {
                producer_id,
                epoch: batch.epoch,
                expected,
                found: batch.base_sequence,
            }),
            _ if self.txn_first_offset.is_some() && !batch.transactional => {
                Err(AppendError::InvalidTxnState { producer_id })
            }
            _ => Ok(()),
        }
    }

    fn advance(&mut self, batch: &ProducerBatch) -> Option<CompletedTxn> {
        if batch.epoch != self.epoch {
            self.batches.clear();
            self.epoch = batch.epoch;
        }
        self.last_timestamp_ms = batch.timestamp_ms;
        if let Some((committed, coordinator_epoch)) = batch.marker {
            self.coordinator_epoch = coordinator_epoch;
            let first_offset = self.txn_first_offset.take()?;
            return Some(CompletedTxn {
                producer_id: batch.producer_id,
                first_offset,
                last_offset: batch.last_offset,
                aborted: !committed,
            });
        }
        if self.batches.len() == BATCHES_REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back(BatchMeta {
            last_sequence: batch.last_sequence,
            last_offset: batch.last_offset,
            // A batch has at most 2³¹ records.
            offset_delta: (batch.last_offset - batch.base_offset) as i32,
            timestamp_ms: batch.timestamp_ms,
        });
        if batch.transactional && self.txn_first_offset.is_none() {
            self.txn_first_offset = Some(batch.base_offset);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a batch of `count` records; what came of it as text.
    fn send(state: &mut ProducerState, epoch: i16, sequence: i32, count: i32, offset: Offset) -> String {
        let batch = ProducerBatch {
            producer_id: 7,
            epoch,
            base_sequence: sequence,
            last_sequence: sequence.wrapping_add(count - 1) & i32::MAX,
            base_offset: offset,
            last_offset: offset + i64::from(count) - 1,
            timestamp_ms: offset,
            transactional: false,
            marker: None,
        };
        run(state, &batch)
    }

    fn run(state: &mut ProducerState, batch: &ProducerBatch) -> String {
        let mut staged = Staged::default();
        match state.stage(&mut staged, batch, Rules::Leader) {
            Ok(None) => {
                state.apply(staged);
                "appended".to_owned()
            }
            Ok(Some(original)) => {
                format!("duplicate of {}..={}", original.first_offset(), original.last_offset)
            }
            Err(AppendError::OutOfOrderSequence { expected, .. }) => {
                format!("out of order, expected {expected}")
            }
            Err(AppendError::InvalidProducerEpoch { .. }) => "fenced".to_owned(),
            Err(AppendError::InvalidTxnState { .. }) => "invalid transaction state".to_owned(),
            Err(AppendError::TransactionCoordinatorFenced { .. }) => "coordinator fenced".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn sequences_retries_and_epochs_are_judged_as_kafka_judges_them() {
        let mut state = ProducerState::default();
        let mut offset = 0;
        for (name, epoch, sequence, count, expected) in [
            ("unknown producers may start anywhere", 0, 10, 5, "appended"),
            ("the next one", 0, 15, 5, "appended"),
            ("a gap", 0, 21, 1, "out of order, expected 20"),
            ("a retry of the first", 0, 10, 5, "duplicate of 0..=4"),
            ("half of a retry is none", 0, 10, 4, "out of order, expected 20"),
            ("third", 0, 20, 1, "appended"),
            ("fourth", 0, 21, 1, "appended"),
            ("fifth", 0, 22, 1, "appended"),
            ("the oldest of five is known", 0, 10, 5, "duplicate of 0..=4"),
            ("sixth", 0, 23, 1, "appended"),
            ("the oldest of six is forgotten", 0, 10, 5, "out of order, expected 24"),
            ("a new epoch starts at 0", 1, 24, 1, "out of order, expected 0"),
            ("so it does", 1, 0, 1, "appended"),
            ("the old epoch is fenced, also for retries", 0, 23, 1, "fenced"),
            ("batches of the old epoch are forgotten", 1, 23, 1, "out of order, expected 1"),
        ] {
            let outcome = send(&mut state, epoch, sequence, count, offset);
            assert_eq!(outcome, expected, "{name}");
            if outcome == "appended" {
                offset += i64::from(count);
            }
        }
    }

    #[test]
    fn what_comes_behind_a_refused_first_batch_waits_for_it() {
        let mut state = ProducerState::default();
        state.note_refused(7, 0, 0);
        state.note_refused(7, 0, 3);
        let expected = |text: String| assert!(text.contains("expected 0"), "{text}");
        expected(send(&mut state, 0, 3, 2, 0));
        assert_eq!(send(&mut state, 0, 0, 3, 0), "appended");
        assert_eq!(send(&mut state, 0, 3, 2, 3), "appended");
        // Of a known producer the sequence itself is enough.
        state.note_refused(7, 0, 5);
        assert!(state.refused.is_empty());
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut state = ProducerState::default();
        assert_eq!(send(&mut state, 0, i32::MAX - 1, 2, 0), "appended");
        assert_eq!(send(&mut state, 0, 0, 3, 2), "appended");
        let mut across = ProducerState::default();
        assert_eq!(send(&mut across, 0, i32::MAX, 3, 0), "appended");
        assert_eq!(send(&mut across, 0, i32::MAX, 3, 3), "duplicate of 0..=2");
        assert_eq!(send(&mut across, 0, 2, 1, 3), "appended");
    }

    fn txn(producer_id: ProducerId, offset: Offset, marker: Option<(bool, i32)>) -> ProducerBatch {
        ProducerBatch {
            producer_id,
            epoch: 0,
            base_sequence: if marker.is_some() { -1 } else { offset as i32 },
            last_sequence: if marker.is_some() { -1 } else { offset as i32 },
            base_offset: offset,
            last_offset: offset,
            timestamp_ms: offset,
            transactional: true,
            marker,
        }
    }

    #[test]
    fn the_stable_offset_waits_for_the_marker_and_its_replication() {
        let mut state = ProducerState::default();
        assert_eq!(run(&mut state, &txn(1, 0, None)), "appended");
        assert_eq!(run(&mut state, &txn(2, 5, None)), "appended");
        assert_eq!(state.first_unstable_offset(), Some(0));
        assert_eq!(run(&mut state, &txn(1, 6, Some((false, 3)))), "appended");
        state.on_high_watermark(6);
        assert_eq!(state.first_unstable_offset(), Some(0), "the marker is not replicated yet");
        state.on_high_watermark(7);
        assert_eq!(state.first_unstable_offset(), Some(5));
        assert_eq!(run(&mut state, &txn(2, 7, Some((true, 3)))), "appended");
        assert_eq!(run(&mut state, &txn(2, 8, Some((true, 2)))), "coordinator fenced");
        state.on_high_watermark(8);
        assert_eq!(state.first_unstable_offset(), None);
    }

    #[test]
    fn open_transactions_refuse_other_batches_and_never_expire() {
        let mut state = ProducerState::default();
        run(&mut state, &txn(1, 0, None));
        let plain = ProducerBatch { transactional: false, ..txn(1, 1, None) };
        assert_eq!(run(&mut state, &plain), "invalid transaction state");
        send(&mut state, 0, 0, 1, 3);
        state.expire(1_000_000, 1_000);
        assert_eq!(state.iter().map(|(id, _)| id).collect::<Vec<_>>(), [1]);
    }
}
