//! OffsetDelete (KIP-496): an administrator takes back offsets of topics that no member reads any more.

use super::effects::{Effects, Response, Token};
use super::membership::State;
use super::record::Record;
use super::shard::Shard;
use headrace_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use headrace_protocol::{ErrorCode, Str};

impl Shard {
    /// Answers when the tombstones are committed.
    pub fn offset_delete(&mut self, request: &OffsetDeleteRequest, token: Token) -> Effects {
        let mut effects = Effects::default();
        let mut records = Vec::new();
        let response = match self.delete_offsets(request, &mut records) {
            Ok(topics) => OffsetDeleteResponse { topics, ..Default::default() },
            Err(error_code) => OffsetDeleteResponse { error_code, ..Default::default() },
        };
        effects.reply_after(records, token, Response::OffsetDelete(response));
        effects
    }

    /// Tombstones for the offsets of topics that were deleted. They are written for the log's sake; no one waits for them.
    pub fn topics_deleted(&mut self, topics: &[Str]) -> Effects {
        let mut effects = Effects::default();
        for (group, by_topic) in self.offsets.groups() {
            let gone = by_topic.iter().filter(|(topic, _)| topics.contains(topic));
            let records = gone
                .flat_map(|(topic, partitions)| {
                    partitions.keys().map(move |index| tombstone(group, topic, *index))
                })
                .collect();
            effects.write_in_batches(records);
        }
        effects
    }

    fn delete_offsets(
        &self,
        request: &OffsetDeleteRequest,
        records: &mut Vec<Record>,
    ) -> Result<Vec<OffsetDeleteResponseTopic>, ErrorCode> {
        let group = self.groups.get(&request.group_id).ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        // Only of consumers do we know what they read.
        if group.state != State::Empty && !group.is_consumer_group() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let offsets = self.offsets.of_group(&request.group_id);
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in &request.topics {
            let subscribed = group.is_subscribed_to(&topic.name);
            let kept = offsets.and_then(|by_topic| by_topic.get(&topic.name));
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let error_code =
                    if subscribed { ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC } else { ErrorCode::NONE };
                if !subscribed && kept.is_some_and(|k| k.contains_key(&index)) {
                    records.push(tombstone(&group.id, &topic.name.detached(), index));
                }
                partitions.push(OffsetDeleteResponsePartition { partition_index: index, error_code });
            }
            topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
        }
        Ok(topics)
    }
}

pub(super) fn tombstone(group: &Str, topic: &Str, partition: i32) -> Record {
    Record::OffsetCommit { group: group.clone(), topic: topic.clone(), partition, value: None }
}
