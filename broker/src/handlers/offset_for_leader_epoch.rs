//! OffsetForLeaderEpoch (23), versions 2–4: where an epoch ended, so that a client can tell whether its history is still ours (KIP-101, KIP-320).

use headrace_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};

use super::Context;

pub(super) async fn handle(
    cx: &Context,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in request.topics {
        let partitions = topic
            .partitions
            .iter()
            .map(|asked| {
                let found =
                    cx.broker.replicas.partition(&topic.topic, asked.partition).and_then(|partition| {
                        partition.check_leader(asked.current_leader_epoch)?;
                        let found = partition.log().end_offset_for_epoch(asked.leader_epoch);
                        Ok(found)
                    });
                match found {
                    Ok(end) => EpochEndOffset {
                        partition: asked.partition,
                        leader_epoch: end.epoch,
                        end_offset: end.end_offset,
                        ..EpochEndOffset::default()
                    },
                    Err(error_code) => {
                        EpochEndOffset { error_code, partition: asked.partition, ..EpochEndOffset::default() }
                    }
                }
            })
            .collect();
        response.topics.push(OffsetForLeaderTopicResult { topic: topic.topic, partitions });
    }
    response
}
