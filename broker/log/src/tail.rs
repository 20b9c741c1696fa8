//! The newest batches of a partition, in memory, so that a consumer that keeps up costs no read and no copy.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use headrace_records::Offset;

use crate::read::ReadResult;

/// What a partition may keep when the broker's budget is used up, in bytes.
const MIN_TAIL_BYTES: usize = 64 * 1024;
/// What one batch costs beside its bytes.
const BATCH_OVERHEAD_BYTES: usize = size_of::<TailBatch>();

/// The memory that the tails of all partitions of a broker share. It is not a hard limit: a partition keeps its
/// newest [`MIN_TAIL_BYTES`] in any case.
#[derive(Debug)]
pub struct TailBudget {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl TailBudget {
    pub fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { limit_bytes, used_bytes: AtomicUsize::new(0) })
    }

    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Relaxed)
    }
}

/// One batch: a range of `head` (bytes shared with the other batches of the same write), then maybe `body`.
#[derive(Debug)]
pub(crate) struct TailBatch {
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
    pub(crate) head: Bytes,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) body: Option<Bytes>,
}

impl TailBatch {
    fn size_bytes(&self) -> usize {
        self.end - self.start + self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// See the module. Batches are contiguous: from the first one's base offset to the end of the log.
#[derive(Debug)]
pub(crate) struct Tail {
    batches: VecDeque<TailBatch>,
    bytes: usize,
    budget: Arc<TailBudget>,
}

impl Tail {
    pub(crate) fn new(budget: Arc<TailBudget>) -> Self {
        Self { batches: VecDeque::new(), bytes: 0, budget }
    }

    pub(crate) fn push(&mut self, batch: TailBatch, max_bytes: usize) {
        let cost = batch.size_bytes() + BATCH_OVERHEAD_BYTES;
        self.batches.push_back(batch);
        self.bytes += cost;
        let used = self.budget.used_bytes.fetch_add(cost, Relaxed) + cost;
        let allowed = if used > self.budget.limit_bytes { MIN_TAIL_BYTES.min(max_bytes) } else { max_bytes };
        self.shrink_to(allowed);
    }

    /// Drops the oldest batches until at most `bytes` are kept.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        while self.bytes > bytes {
            let Some(batch) = self.batches.pop_front() else { break };
            self.release(batch.size_bytes() + BATCH_OVERHEAD_BYTES);
        }
        if self.batches.is_empty() {
            self.batches.shrink_to_fit();
        }
    }

    /// Drops every batch that ends at or after `offset`.
    pub(crate) fn truncate(&mut self, offset: Offset) {
        while self.batches.back().is_some_and(|batch| batch.last_offset >= offset) {
            let Some(batch) = self.batches.pop_back() else { break };
            self.release(batch.size_bytes() + BATCH_OVERHEAD_BYTES);
        }
    }

    fn release(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.used_bytes.fetch_sub(bytes, Relaxed);
    }

    /// The batches from the one that contains `from`, or `None` if that is not in memory.
    pub(crate) fn read(
        &self,
        from: Offset,
        max_bytes: usize,
        upper: Offset,
        min_one: bool,
    ) -> Option<ReadResult> {
        if self.batches.front()?.base_offset > from {
            return None;
        }
        let first = self.batches.partition_point(|batch| batch.last_offset < from);
        let mut result = ReadResult::empty(from);
        let mut run: Option<(&Bytes, usize, usize)> = None;
        for batch in self.batches.range(first..) {
            let size = batch.size_bytes();
            let fits = result.size_bytes + size <= max_bytes || (min_one && result.size_bytes == 0);
            if batch.last_offset >= upper || !fits {
                break;
            }
            run = match run {
                // Neighbours of one write go out as one piece.
                Some((head, start, end)) if end == batch.start && head.as_ptr() == batch.head.as_ptr() => {
                    Some((head, start, batch.end))
                }
                other => {
                    result.parts.extend(other.map(|(head, start, end)| head.slice(start..end)));
                    Some((&batch.head, batch.start, batch.end))
                }
            };
            if let Some(body) = &batch.body {
                result.parts.extend(run.take().map(|(head, start, end)| head.slice(start..end)));
                result.parts.push(body.clone());
            }
            result.size_bytes += size;
            result.next_offset = batch.last_offset + 1;
        }
        result.parts.extend(run.map(|(head, start, end)| head.slice(start..end)));
        Some(result)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.budget.used_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(tail: &mut Tail, offset: Offset, size: usize, max_bytes: usize) {
        let batch = TailBatch {
            base_offset: offset,
            last_offset: offset,
            head: Bytes::from(vec![1; size]),
            start: 0,
            end: size,
            body: None,
        };
        tail.push(batch, max_bytes);
    }

    #[test]
    fn the_oldest_leave_and_the_budget_is_given_back() {
        let budget = TailBudget::new(10_000_000);
        let mut tail = Tail::new(budget.clone());
        for offset in 0..100 {
            push(&mut tail, offset, 1_000, 20_000);
        }
        assert!(budget.used_bytes() <= 20_000);
        assert!(tail.read(0, 1 << 20, 100, true).is_none());
        let read = tail.read(95, 1 << 20, 98, true).unwrap();
        assert_eq!((read.size_bytes, read.next_offset), (3_000, 98));
        tail.truncate(96);
        assert_eq!(tail.read(95, 1 << 20, 100, true).unwrap().next_offset, 96);
        drop(tail);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn over_the_budget_a_partition_keeps_little() {
        let budget = TailBudget::new(0);
        let mut tail = Tail::new(budget.clone());
        for offset in 0..100 {
            push(&mut tail, offset, 10_000, 1 << 20);
        }
        assert!(budget.used_bytes() <= MIN_TAIL_BYTES);
    }
}
