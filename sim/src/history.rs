//! What clients did and saw, and what must be true of it, in the manner of Jepsen's tests of Kafka: nothing acknowledged is lost, nothing
//! is reordered or doubled, no offset ever holds two values, nobody reads what is not committed, committed offsets never go back.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// A topic's partition, by the topic's number.
pub(crate) type Key = (usize, i32);
/// A record's value: who wrote it, and its number among those of that producer for that partition.
pub(crate) type Value = (u32, u32);

#[derive(Default)]
struct State {
    /// What was seen at each offset: by an acknowledgement or a read.
    seen: BTreeMap<(Key, i64), (Value, &'static str)>,
    acked: BTreeMap<(Key, Value), Option<i64>>,
    violations: Vec<String>,
    acks: u64,
    reads: u64,
    commits: u64,
    errors: BTreeMap<String, u64>,
}

/// Shared by all clients.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<State>>);

/// How much happened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) acks: u64,
    pub(crate) reads: u64,
    pub(crate) commits: u64,
}

impl History {
    pub(crate) fn violation(&self, what: impl Into<String>) {
        self.0.lock().violate(what.into());
    }

    /// The broker said that the record is written, and where (unless it only knows that it was).
    pub(crate) fn acked(&self, key: Key, offset: Option<i64>, value: Value) {
        tracing::debug!(?key, offset, ?value, "acknowledged");
        let mut state = self.0.lock();
        state.acks += 1;
        state.acked.insert((key, value), offset);
        if let Some(offset) = offset {
            state.see(key, offset, value, "an acknowledgement");
        }
    }

    /// A consumer was given the record.
    pub(crate) fn read(&self, key: Key, offset: i64, value: Value) {
        tracing::debug!(?key, offset, ?value, "read");
        let mut state = self.0.lock();
        state.reads += 1;
        state.see(key, offset, value, "a read");
    }

    pub(crate) fn committed(&self) {
        self.0.lock().commits += 1;
    }

    pub(crate) fn error(&self, what: String) {
        *self.0.lock().errors.entry(what).or_default() += 1;
    }

    pub(crate) fn errors(&self) -> BTreeMap<String, u64> {
        self.0.lock().errors.clone()
    }

    pub(crate) fn totals(&self) -> Totals {
        let state = self.0.lock();
        Totals { acks: state.acks, reads: state.reads, commits: state.commits }
    }

    /// Compares with what is in a partition at the end, in the order of its offsets.
    pub(crate) fn check_log(&self, key: Key, log: &[(i64, Value)]) {
        let mut state = self.0.lock();
        let at: BTreeMap<i64, Value> = log.iter().copied().collect();
        let mut places: BTreeMap<Value, i64> = BTreeMap::new();
        let mut last: BTreeMap<u32, u32> = BTreeMap::new();
        for &(offset, value) in log {
            if let Some(other) = places.insert(value, offset) {
                state.violate(format!("{key:?}: {value:?} is there twice, at {other} and {offset}"));
            }
            if let Some(before) = last.insert(value.0, value.1).filter(|before| *before >= value.1) {
                state.violate(format!(
                    "{key:?}: at {offset}, {value:?} comes behind {before} of the same producer"
                ));
            }
        }
        let acked: Vec<_> = state
            .acked
            .range((key, (0, 0))..=(key, (u32::MAX, u32::MAX)))
            .map(|((_, v), o)| (*v, *o))
            .collect();
        for (value, offset) in acked {
            match (places.get(&value), offset) {
                (None, _) => {
                    state.violate(format!("{key:?}: {value:?} was acknowledged (at {offset:?}) and is lost"));
                }
                (Some(place), Some(offset)) if *place != offset => {
                    state.violate(format!(
                        "{key:?}: {value:?} was acknowledged at {offset} and is at {place}"
                    ));
                }
                _ => {}
            }
        }
        let seen: Vec<_> =
            state.seen.range((key, i64::MIN)..=(key, i64::MAX)).map(|((_, o), s)| (*o, *s)).collect();
        for (offset, (value, how)) in seen {
            if at.get(&offset) != Some(&value) {
                let found = at.get(&offset);
                state.violate(format!(
                    "{key:?}: at {offset} {how} showed {value:?}, in the end there is {found:?}"
                ));
            }
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.0.lock().violations.clone()
    }
}

impl State {
    fn see(&mut self, key: Key, offset: i64, value: Value, how: &'static str) {
        match self.seen.get(&(key, offset)) {
            Some((before, earlier)) if *before != value => {
                let what =
                    format!("{key:?}: offset {offset} held {before:?} ({earlier}) and {value:?} ({how})");
                self.violate(what);
            }
            Some(_) => {}
            None => drop(self.seen.insert((key, offset), (value, how))),
        }
    }

    fn violate(&mut self, what: String) {
        const VIOLATIONS_MAX: usize = 50;
        tracing::error!(what, "VIOLATION");
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what);
        }
    }
}
