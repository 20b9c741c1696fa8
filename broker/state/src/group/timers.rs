//! Deadlines as data: the machine arms and cancels them, its owner asks for the next one and says when it has passed.
//!
//! A heartbeat moves a deadline further away thousands of times for each time that it fires, so moving one later costs a hash
//! look-up and no queue operation: the queue keeps the entry it has, and the deadline is compared again when that entry is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

/// Where a timer stands. Both are monotonic milliseconds.
#[derive(Debug, Default)]
struct Slot {
    /// When it fires; `None` after a cancel.
    deadline_ms: Option<u64>,
    /// The queue entry that speaks for it; other entries with this key are stale.
    queued_ms: Option<u64>,
}

/// A set of named one-shot deadlines.
#[derive(Debug)]
pub(super) struct Timers<K> {
    slots: HashMap<K, Slot>,
    queue: BinaryHeap<Reverse<(u64, K)>>,
}

impl<K> Default for Timers<K>
where
    K: Ord,
{
    fn default() -> Self {
        Self { slots: HashMap::new(), queue: BinaryHeap::new() }
    }
}

impl<K> Timers<K>
where
    K: Clone + Eq + Hash + Ord,
{
    /// Arms `key`, or moves it if it is armed already.
    pub(super) fn schedule(&mut self, key: K, deadline_ms: u64) {
        let slot = self.slots.entry(key.clone()).or_default();
        slot.deadline_ms = Some(deadline_ms);
        if slot.queued_ms.is_none_or(|queued_ms| queued_ms > deadline_ms) {
            slot.queued_ms = Some(deadline_ms);
            self.queue.push(Reverse((deadline_ms, key)));
        }
    }

    /// Disarms `key`. Its queue entry goes when it comes due.
    pub(super) fn cancel(&mut self, key: &K) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.deadline_ms = None;
        }
    }

    /// No later than the first deadline (it may be earlier, if that deadline was moved since); `None` if nothing is armed.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// Takes one timer whose deadline has passed, earliest first.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<K> {
        while self.next_deadline().is_some_and(|at_ms| at_ms <= now_ms) {
            let Some(Reverse((at_ms, key))) = self.queue.pop() else { break };
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            if slot.queued_ms != Some(at_ms) {
                continue;
            }
            match slot.deadline_ms {
                None => {
                    self.slots.remove(&key);
                }
                Some(deadline_ms) if deadline_ms > now_ms => {
                    slot.queued_ms = Some(deadline_ms);
                    self.queue.push(Reverse((deadline_ms, key)));
                }
                Some(_) => {
                    self.slots.remove(&key);
                    return Some(key);
                }
            }
        }
        None
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;

    #[test]
    fn fires_in_order_of_deadline_and_once() {
        let mut timers = Timers::default();
        timers.schedule("late", 30);
        timers.schedule("early", 10);
        assert_eq!(timers.next_deadline(), Some(10));
        assert_eq!(timers.pop_due(9), None);
        assert_eq!(timers.pop_due(40), Some("early"));
        assert_eq!(timers.pop_due(40), Some("late"));
        assert_eq!(timers.pop_due(40), None);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn a_moved_deadline_fires_at_its_last_place_only() {
        let mut timers = Timers::default();
        timers.schedule("a", 10);
        timers.schedule("a", 50);
        assert_eq!(timers.pop_due(20), None);
        timers.schedule("a", 30);
        assert_eq!(timers.pop_due(29), None);
        assert_eq!(timers.pop_due(30), Some("a"));
        assert_eq!(timers.pop_due(100), None);
    }

    #[test]
    fn moving_a_deadline_later_does_not_grow_the_queue() {
        let mut timers = Timers::default();
        for deadline_ms in 10..10_000 {
            timers.schedule("member", deadline_ms);
        }
        assert_eq!(timers.queue.len(), 1);
    }

    #[test]
    fn a_cancelled_timer_never_fires_and_leaves_nothing_behind() {
        let mut timers = Timers::default();
        timers.schedule("a", 10);
        timers.cancel(&"a");
        assert_eq!(timers.pop_due(100), None);
        assert!(timers.slots.is_empty());
        timers.schedule("a", 120);
        timers.cancel(&"a");
        timers.schedule("a", 130);
        assert_eq!(timers.pop_due(125), None);
        assert_eq!(timers.pop_due(130), Some("a"));
    }
}
