//! OffsetCommit (8): a group stores how far it has read. The answer comes when that is committed.
//!
//! 2–4: a retention of the client's own. 6: leader epoch. 7: group.instance.id. 8: flexible. 9: GROUP_ID_NOT_FOUND.
//! 10: topics by id.

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestTopic, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use headrace_state::metadata::Image;

use crate::coordinator;
use crate::handlers::Context;

const VERSION_TOPIC_IDS: i16 = 10;

pub(crate) async fn handle(cx: &Context, mut request: OffsetCommitRequest) -> OffsetCommitResponse {
    let image = cx.broker.image();
    let mut unknown = Vec::new();
    // Where each known topic stood in the request, to answer in its order.
    let mut places = Vec::with_capacity(request.topics.len());
    let mut known = Vec::with_capacity(request.topics.len());
    for (place, mut topic) in std::mem::take(&mut request.topics).into_iter().enumerate() {
        match resolve(&image, cx.api_version, &mut topic) {
            Ok(()) => {
                places.push(place);
                known.push(topic);
            }
            Err(error) => unknown.push((place, answer(topic, error))),
        }
    }
    drop(image);
    request.topics = known;
    let mut answers = unknown;
    if !request.topics.is_empty() {
        answers.extend(places.into_iter().zip(commit(cx, request).await));
    }
    answers.sort_by_key(|(place, _)| *place);
    OffsetCommitResponse {
        topics: answers.into_iter().map(|(_, topic)| topic).collect(),
        ..Default::default()
    }
}

async fn commit(cx: &Context, request: OffsetCommitRequest) -> Vec<OffsetCommitResponseTopic> {
    let committed = coordinator::call(cx, &request.group_id, |shard, caller, token| {
        shard.offset_commit(caller, &request, token)
    });
    match committed.await {
        Ok(OffsetCommitResponse { topics, .. }) => topics,
        Err(error) => request.topics.into_iter().map(|topic| answer(topic, error)).collect(),
    }
}

/// Finds the topic, and fills in its name where it came by its id.
fn resolve(image: &Image, api_version: i16, topic: &mut OffsetCommitRequestTopic) -> Result<(), ErrorCode> {
    if api_version < VERSION_TOPIC_IDS {
        return image.topic(&topic.name).map(|_| ()).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    let known = image.topic_by_id(topic.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    topic.name = known.name.clone();
    Ok(())
}

fn answer(topic: OffsetCommitRequestTopic, error_code: ErrorCode) -> OffsetCommitResponseTopic {
    let partition = |index| OffsetCommitResponsePartition { partition_index: index, error_code };
    OffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
    }
}
