//! DeleteRecords (21), versions 0–2: removes the oldest records of partitions. Kafka Streams empties its repartition topics with it.

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::{Context, topics};

pub(super) async fn handle(cx: &Context, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for topic in request.topics {
        let internal = topics::is_internal(&topic.name);
        let partitions = topic
            .partitions
            .iter()
            .map(|asked| {
                let deleted = if internal {
                    Err(ErrorCode::INVALID_TOPIC_EXCEPTION)
                } else {
                    cx.broker.replicas.partition(&topic.name, asked.partition_index).and_then(|partition| {
                        partition.check_leader(-1)?;
                        partition.delete_records_before(asked.offset)
                    })
                };
                DeleteRecordsPartitionResult {
                    partition_index: asked.partition_index,
                    low_watermark: deleted.unwrap_or(-1),
                    error_code: deleted.err().unwrap_or(ErrorCode::NONE),
                }
            })
            .collect();
        response.topics.push(DeleteRecordsTopicResult { name: topic.name, partitions });
    }
    response
}
