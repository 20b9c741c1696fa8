//! OffsetFetch: what a group committed. What was never committed, and a group that was never there, is offset -1 without an error.
//!
//! Reads what is in the log, of which some may not be committed yet: the owner holds the answer back until it is, which is also what
//! RequireStable asks for (KIP-447).

use super::record::CommittedOffset;
use super::shard::Shard;
use headrace_protocol::Str;
use headrace_protocol::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
};

const NO_OFFSET: i64 = -1;
const NO_EPOCH: i32 = -1;

impl Shard {
    /// `request` names its topics (their ids, if it had any, are returned as they came); without topics, all are given.
    pub fn offset_fetch(&self, request: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
        let offsets = self.offsets.of_group(&request.group_id);
        let topics = match &request.topics {
            Some(wanted) => wanted
                .iter()
                .map(|topic| {
                    let partitions = offsets.and_then(|by_topic| by_topic.get(&topic.name));
                    let find = |index: &i32| entry(*index, partitions.and_then(|p| p.get(index)));
                    OffsetFetchResponseTopics {
                        name: topic.name.clone(),
                        topic_id: topic.topic_id,
                        partitions: topic.partition_indexes.iter().map(find).collect(),
                    }
                })
                .collect(),
            None => offsets
                .into_iter()
                .flatten()
                .map(|(name, partitions)| OffsetFetchResponseTopics {
                    name: name.clone(),
                    partitions: partitions
                        .iter()
                        .map(|(index, offset)| entry(*index, Some(offset)))
                        .collect(),
                    ..Default::default()
                })
                .collect(),
        };
        OffsetFetchResponseGroup { group_id: request.group_id.clone(), topics, ..Default::default() }
    }
}

fn entry(partition_index: i32, offset: Option<&CommittedOffset>) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset.map_or(NO_OFFSET, |o| o.offset),
        committed_leader_epoch: offset.map_or(NO_EPOCH, |o| o.leader_epoch),
        metadata: Some(offset.map_or_else(Str::default, |o| o.metadata.clone())),
        ..Default::default()
    }
}
