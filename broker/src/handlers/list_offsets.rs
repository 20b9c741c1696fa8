//! ListOffsets (2): offsets by time and by name.
//!
//! Versions 1–11. 2 adds the isolation level, 4 leader epochs, 7 the offset of the largest timestamp (-3), 8 the earliest local (-4), 9 the latest
//! tiered (-5), 10 a timeout, 11 the earliest not yet tiered (-6).

use std::sync::Arc;

use headrace_log::{ReadError, TimestampedOffset};
use headrace_metadata::Blocking;
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use super::Context;
use crate::replica::Partition;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
const READ_COMMITTED: i8 = 1;
const CONSUMER: i32 = -1;

pub(super) async fn handle(cx: &Context, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let mut response = ListOffsetsResponse::default();
    // A new leader that has not heard of its followers may know of less than its clients have seen (KIP-207).
    let not_available =
        if cx.api_version >= 5 { ErrorCode::OFFSET_NOT_AVAILABLE } else { ErrorCode::LEADER_NOT_AVAILABLE };
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in topic.partitions {
            let found = match cx.broker.replicas.partition(&topic.name, asked.partition_index) {
                Ok(partition) => {
                    let (replica_id, isolation) = (request.replica_id, request.isolation_level);
                    find(&cx.broker.blocking, &partition, &asked, replica_id, isolation, not_available).await
                }
                Err(code) => Err(code),
            };
            let mut answer = found.unwrap_or_else(|error_code| ListOffsetsPartitionResponse {
                error_code,
                ..ListOffsetsPartitionResponse::default()
            });
            answer.partition_index = asked.partition_index;
            if cx.api_version < 4 {
                answer.leader_epoch = -1;
            }
            partitions.push(answer);
        }
        response.topics.push(ListOffsetsTopicResponse { name: topic.name, partitions });
    }
    response
}

async fn find(
    blocking: &Blocking,
    partition: &Arc<Partition>,
    asked: &ListOffsetsPartition,
    replica_id: i32,
    isolation_level: i8,
    not_available: ErrorCode,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    partition.check_leader(asked.current_leader_epoch)?;
    let is_current = replica_id != CONSUMER || partition.high_watermark_is_current();
    let end = match (replica_id == CONSUMER, isolation_level == READ_COMMITTED) {
        (true, true) => partition.last_stable_offset(),
        (true, false) => partition.high_watermark(),
        (false, _) => partition.log_end_offset(),
    };
    let at = |offset: i64, timestamp: i64, leader_epoch: i32| ListOffsetsPartitionResponse {
        offset,
        timestamp,
        leader_epoch,
        ..ListOffsetsPartitionResponse::default()
    };
    match asked.timestamp {
        LATEST if is_current => Ok(at(end, -1, partition.leader_epoch())),
        LATEST => Err(not_available),
        EARLIEST | EARLIEST_LOCAL | EARLIEST_PENDING_UPLOAD => {
            let start = partition.log_start_offset();
            let epoch = partition.log().epoch_for_offset(start).unwrap_or_else(|| partition.leader_epoch());
            Ok(at(start, -1, epoch))
        }
        // Nothing is tiered.
        LATEST_TIERED => Ok(at(-1, -1, -1)),
        timestamp => {
            let found = search(blocking, partition, timestamp).await?;
            Ok(match found.filter(|found| found.offset < end) {
                Some(found) => at(found.offset, found.timestamp_ms, found.leader_epoch.unwrap_or(-1)),
                None if !is_current => return Err(not_available),
                None => at(-1, -1, -1),
            })
        }
    }
}

/// Looks through indexes and records: off the reactor, for it may read the disk.
async fn search(
    blocking: &Blocking,
    partition: &Arc<Partition>,
    timestamp: i64,
) -> Result<Option<TimestampedOffset>, ErrorCode> {
    if timestamp < 0 && timestamp != MAX_TIMESTAMP {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    let partition = Arc::clone(partition);
    let found = blocking.run(move || {
        let log = partition.log();
        let found = if timestamp == MAX_TIMESTAMP {
            log.offset_of_max_timestamp()
        } else {
            log.offset_for_timestamp(timestamp)
        };
        found.map_err(|error: ReadError| ErrorCode(error.kafka_code()))
    });
    found.await.unwrap_or(Err(ErrorCode::UNKNOWN_SERVER_ERROR))
}
