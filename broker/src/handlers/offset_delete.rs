//! OffsetDelete (47): takes back offsets of topics that no member of the group reads (KIP-496).

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestTopic, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};

use crate::coordinator;
use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, mut request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let image = cx.broker.image();
    let (known, unknown) = std::mem::take(&mut request.topics)
        .into_iter()
        .partition(|topic: &OffsetDeleteRequestTopic| image.topic(&topic.name).is_some());
    request.topics = known;
    let deleted =
        coordinator::call(cx, &request.group_id, |shard, _, token| shard.offset_delete(&request, token));
    let deleted: Result<OffsetDeleteResponse, _> = deleted.await;
    let mut response =
        deleted.unwrap_or_else(|error_code| OffsetDeleteResponse { error_code, ..Default::default() });
    if response.error_code.is_ok() {
        response.topics.extend(unknown.into_iter().map(unknown_topic));
    }
    response
}

fn unknown_topic(topic: OffsetDeleteRequestTopic) -> OffsetDeleteResponseTopic {
    let partition = |index| OffsetDeleteResponsePartition {
        partition_index: index,
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    OffsetDeleteResponseTopic {
        name: topic.name,
        partitions: topic.partitions.iter().map(|p| partition(p.partition_index)).collect(),
    }
}
