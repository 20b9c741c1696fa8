//! OffsetFetch (9): what a group committed.
//!
//! 2: all topics, and an error for the whole. 5: leader epoch. 6: flexible. 7: RequireStable (KIP-447). 8: several groups (KIP-709).
//! 9: member id and epoch, which classic groups do not use. 10: topics by id.
//!
//! Only what is committed is answered, with RequireStable or without: the answer waits for the commits that are on their way. A broker that
//! has lost the controller answers nothing: committed offsets never go back.

use headrace_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use headrace_protocol::{ErrorCode, Str};
use headrace_state::metadata::Image;

use crate::coordinator;
use crate::handlers::Context;

/// From this version on there is an error for the whole answer.
const VERSION_GROUP_ERROR: i16 = 2;
const VERSION_SEVERAL_GROUPS: i16 = 8;
const VERSION_TOPIC_IDS: i16 = 10;

pub(crate) async fn handle(cx: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if cx.api_version >= VERSION_SEVERAL_GROUPS {
        let mut groups = Vec::with_capacity(request.groups.len());
        for group in request.groups {
            groups.push(fetch(cx, group).await);
        }
        return OffsetFetchResponse { groups, ..Default::default() };
    }
    let wanted = request
        .topics
        .map(|topics| topics.into_iter().map(|t| wanted(t.name, t.partition_indexes)).collect());
    let group = OffsetFetchRequestGroup { group_id: request.group_id, topics: wanted, ..Default::default() };
    one_group(cx.api_version, fetch(cx, group).await)
}

async fn fetch(cx: &Context, mut request: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let by_id = cx.api_version >= VERSION_TOPIC_IDS;
    let image = cx.broker.image();
    let mut unknown = Vec::new();
    if let Some(topics) = request.topics.as_mut().filter(|_| by_id) {
        unknown = resolve(&image, topics);
    }
    match fetch_committed(cx, &request).await {
        Ok(mut group) => {
            if by_id && request.topics.is_none() {
                // A topic that is gone has no id to be named by.
                group.topics.retain_mut(|topic| fill_in_id(&image, topic));
            }
            group.topics.extend(unknown);
            group
        }
        Err(error_code) => {
            let group_id = request.group_id.clone();
            let topics =
                if cx.api_version < VERSION_GROUP_ERROR { failed(request, error_code) } else { Vec::new() };
            OffsetFetchResponseGroup { group_id, topics, error_code }
        }
    }
}

async fn fetch_committed(
    cx: &Context,
    request: &OffsetFetchRequestGroup,
) -> Result<OffsetFetchResponseGroup, ErrorCode> {
    let shard = coordinator::shard_of(cx, &request.group_id)?;
    let group = shard.read_settled(|machine| machine.offset_fetch(request)).await?;
    // The group may have gone on with another coordinator, of which this broker has not heard: what it knows may be old.
    if cx.broker.may_be_replaced() { Err(ErrorCode::NOT_COORDINATOR) } else { Ok(group) }
}

/// Names the topics that came by id, and takes out those that are not known, with their answers.
fn resolve(image: &Image, topics: &mut Vec<OffsetFetchRequestTopics>) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    topics.retain_mut(|topic| match image.topic_by_id(topic.topic_id) {
        Some(known) => {
            topic.name = known.name.clone();
            true
        }
        None => {
            unknown.push(without_offsets(std::mem::take(topic), ErrorCode::UNKNOWN_TOPIC_ID));
            false
        }
    });
    unknown
}

fn fill_in_id(image: &Image, topic: &mut OffsetFetchResponseTopics) -> bool {
    let known = image.topic(&topic.name);
    topic.topic_id = known.map(|known| known.id).unwrap_or_default();
    known.is_some()
}

/// Version 1 has no place for an error but the partitions.
fn failed(request: OffsetFetchRequestGroup, error: ErrorCode) -> Vec<OffsetFetchResponseTopics> {
    request.topics.into_iter().flatten().map(|topic| without_offsets(topic, error)).collect()
}

fn without_offsets(topic: OffsetFetchRequestTopics, error_code: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |partition_index| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        error_code,
        ..Default::default()
    };
    OffsetFetchResponseTopics {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic.partition_indexes.into_iter().map(partition).collect(),
    }
}

fn wanted(name: Str, partition_indexes: Vec<i32>) -> OffsetFetchRequestTopics {
    OffsetFetchRequestTopics { name, partition_indexes, ..Default::default() }
}

/// The answer as it was before there could be several groups.
fn one_group(api_version: i16, group: OffsetFetchResponseGroup) -> OffsetFetchResponse {
    let partition = |p: OffsetFetchResponsePartitions| OffsetFetchResponsePartition {
        partition_index: p.partition_index,
        committed_offset: p.committed_offset,
        committed_leader_epoch: p.committed_leader_epoch,
        metadata: p.metadata,
        error_code: p.error_code,
    };
    let topic = |t: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: t.name,
        partitions: t.partitions.into_iter().map(partition).collect(),
    };
    let error_code = if api_version < VERSION_GROUP_ERROR { ErrorCode::NONE } else { group.error_code };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code,
        ..Default::default()
    }
}
