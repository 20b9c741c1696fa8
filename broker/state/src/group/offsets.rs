//! The offsets that groups committed.

use super::record::CommittedOffset;
use headrace_protocol::Str;
use std::collections::BTreeMap;

pub(super) type ByTopic = BTreeMap<Str, BTreeMap<i32, CommittedOffset>>;

/// group → topic → partition → offset, in order, so that answers do not depend on chance.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Offsets {
    by_group: BTreeMap<Str, ByTopic>,
    len: usize,
}

impl Offsets {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn of_group(&self, group: &Str) -> Option<&ByTopic> {
        self.by_group.get(group)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = (&Str, &ByTopic)> {
        self.by_group.iter()
    }

    pub(super) fn insert(&mut self, group: &Str, topic: &Str, partition: i32, offset: CommittedOffset) {
        // Names are cloned only where they are new: most commits are for a partition that is here already.
        if !self.by_group.contains_key(group) {
            self.by_group.insert(group.clone(), ByTopic::new());
        }
        let Some(topics) = self.by_group.get_mut(group) else { return };
        if !topics.contains_key(topic) {
            topics.insert(topic.clone(), BTreeMap::new());
        }
        let Some(partitions) = topics.get_mut(topic) else { return };
        self.len += usize::from(partitions.insert(partition, offset).is_none());
    }

    pub(super) fn remove(&mut self, group: &Str, topic: &Str, partition: i32) {
        let Some(topics) = self.by_group.get_mut(group) else { return };
        let Some(partitions) = topics.get_mut(topic) else { return };
        self.len -= usize::from(partitions.remove(&partition).is_some());
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.by_group.remove(group);
        }
    }
}
