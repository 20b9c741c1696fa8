//! The follower's side of an incremental fetch session (KIP-227): what the leader has been told, so that each request names only what
//! has changed since.

use std::collections::{BTreeMap, HashMap, HashSet};

use headrace_protocol::Uuid;
use headrace_protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};

use super::follow::FetchPosition;

/// A partition of a topic.
pub(super) type Key = (Uuid, i32);

const NO_SESSION: i32 = 0;
const INITIAL_EPOCH: i32 = 0;

/// What one leader has been told.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    told: HashMap<Key, FetchPosition>,
    unsaid: HashSet<Key>,
    forgotten: HashSet<Key>,
}

/// The session's part of one request.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) topics: Vec<FetchTopic>,
    pub(super) forgotten: Vec<ForgottenTopic>,
}

impl Session {
    /// Where a partition stands, to be said in the next request if the leader does not know.
    pub(super) fn set(&mut self, key: Key, position: FetchPosition) {
        let was_forgotten = self.forgotten.remove(&key);
        if self.told.insert(key, position) != Some(position) || was_forgotten {
            self.unsaid.insert(key);
        }
    }

    /// The session's part of the next request. A new session names everything.
    pub(super) fn ask(&mut self, partition_bytes_max: i32) -> Ask {
        let is_new = self.id == NO_SESSION;
        let unsaid = std::mem::take(&mut self.unsaid);
        let mut named: BTreeMap<Uuid, Vec<FetchPartition>> = BTreeMap::new();
        let mut name = |key: &Key, position: &FetchPosition| {
            named.entry(key.0).or_default().push(fetch_partition(key.1, *position, partition_bytes_max));
        };
        if is_new {
            self.forgotten.clear();
            self.told.iter().for_each(|(key, position)| name(key, position));
        } else {
            unsaid.iter().filter_map(|key| self.told.get_key_value(key)).for_each(|(key, at)| name(key, at));
        }
        let mut forgotten: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
        for (topic_id, index) in self.forgotten.drain() {
            forgotten.entry(topic_id).or_default().push(index);
        }
        let session_epoch = if is_new { INITIAL_EPOCH } else { self.epoch };
        // Counted when it is sent: whether the answer comes or not, the leader has seen it.
        self.epoch = session_epoch.checked_add(1).unwrap_or(1);
        let topic = |(topic_id, partitions)| FetchTopic { topic_id, partitions, ..Default::default() };
        let forget = |(topic_id, partitions)| ForgottenTopic { topic_id, partitions, ..Default::default() };
        Ask {
            session_id: self.id,
            session_epoch,
            topics: named.into_iter().map(topic).collect(),
            forgotten: forgotten.into_iter().map(forget).collect(),
        }
    }

    /// The leader answered: it keeps this session, or (with id 0) none.
    pub(super) fn answered(&mut self, session_id: i32) {
        self.id = session_id;
    }

    /// Leaves a partition out from the next request on.
    pub(super) fn forget(&mut self, key: Key) {
        self.unsaid.remove(&key);
        if self.told.remove(&key).is_some() {
            self.forgotten.insert(key);
        }
    }

    /// What the leader was last told of a partition.
    pub(super) fn told(&self, key: Key) -> Option<FetchPosition> {
        self.told.get(&key).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Begins anew: nobody knows what the leader knows.
    pub(super) fn reset(&mut self) {
        self.id = NO_SESSION;
    }
}

fn fetch_partition(partition: i32, position: FetchPosition, partition_max_bytes: i32) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: position.leader_epoch,
        fetch_offset: position.offset,
        last_fetched_epoch: position.last_epoch,
        log_start_offset: position.log_start_offset,
        partition_max_bytes,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> FetchPosition {
        FetchPosition { offset, last_epoch: 1, leader_epoch: 2, log_start_offset: 0 }
    }

    fn named(ask: &Ask) -> Vec<(i32, i64)> {
        let partitions = ask.topics.iter().flat_map(|topic| &topic.partitions);
        let mut named: Vec<_> = partitions.map(|p| (p.partition, p.fetch_offset)).collect();
        named.sort_unstable();
        named
    }

    #[test]
    fn only_changes_are_named_until_the_session_is_begun_anew() {
        let (a, b) = ((Uuid([1; 16]), 0), (Uuid([1; 16]), 1));
        let mut session = Session::default();
        session.set(a, at(0));
        session.set(b, at(0));
        let first = session.ask(100);
        assert_eq!((first.session_id, first.session_epoch), (0, 0));
        assert_eq!(named(&first), [(0, 0), (1, 0)]);
        session.answered(77);
        session.set(a, at(10));
        session.set(b, at(0));
        let second = session.ask(100);
        assert_eq!((second.session_id, second.session_epoch), (77, 1));
        assert_eq!(named(&second), [(0, 10)]);
        session.answered(77);
        session.forget(b);
        let third = session.ask(100);
        assert_eq!((third.session_epoch, third.forgotten[0].partitions.as_slice()), (2, &[1][..]));
        assert_eq!(session.told(b), None);
        session.reset();
        let anew = session.ask(100);
        assert_eq!((anew.session_id, anew.session_epoch), (0, 0));
        assert_eq!(named(&anew), [(0, 10)]);
        // The leader keeps no session: everything is named every time.
        session.answered(0);
        let again = session.ask(100);
        assert_eq!((again.session_epoch, named(&again)), (0, vec![(0, 10)]));
    }

    #[test]
    fn what_was_forgotten_and_comes_back_is_named() {
        let key = (Uuid([1; 16]), 0);
        let mut session = Session::default();
        session.set(key, at(0));
        session.ask(100);
        session.answered(1);
        session.forget(key);
        session.set(key, at(0));
        let ask = session.ask(100);
        assert_eq!(named(&ask), [(0, 0)]);
        assert!(ask.forgotten.is_empty());
    }
}
