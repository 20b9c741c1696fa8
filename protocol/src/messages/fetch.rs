//! Reads record batches from partitions, for consumers and for followers.
//!
//! API key 1, versions 4-18.
//!
//! - 4: the first here: batches of format v2, isolation levels.
//! - 5: request and response add `log_start_offset`.
//! - 6: may answer KAFKA_STORAGE_ERROR.
//! - 7: the request adds `session_id`, `session_epoch` and `forgotten_topics_data`; the response adds `error_code`
//!   and `session_id`; incremental fetch sessions (KIP-227).
//! - 8: the broker answers first and throttles then (KIP-219).
//! - 9: the request adds `current_leader_epoch`; fencing by leader epoch (KIP-320).
//! - 10: batches may be compressed with zstd (KIP-110).
//! - 11: the request adds `rack_id`; the response adds `preferred_read_replica`; fetching from the nearest replica
//!   (KIP-392).
//! - 12: the request adds `cluster_id` and `last_fetched_epoch`; the response adds `diverging_epoch`,
//!   `current_leader` and `snapshot_id`; flexible encoding; logs that diverged are found by the last fetched epoch
//!   (KIP-595).
//! - 13: request and response have `topic_id` in place of `topic`; topics by id (KIP-516); may answer
//!   UNKNOWN_TOPIC_ID.
//! - 14: may answer OFFSET_MOVED_TO_TIERED_STORAGE (KIP-405).
//! - 15: the request has `replica_state` in place of `replica_id`; followers name their broker epoch (KIP-903).
//! - 16: the response adds `node_endpoints`; a new leader's address comes with the error (KIP-951).
//! - 17: the request adds `replica_directory_id`; followers name their directory (KIP-853).
//! - 18: the request adds `high_watermark`; followers name the high watermark they know (KIP-1166).

use bytes::Bytes;

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = Fetch, versions = "4-18", flexible = "12+", response = FetchResponse)]
pub struct FetchRequest {
    #[kafka(tag = 0, versions = "12+", ignorable)]
    pub cluster_id: Option<Str>,
    #[kafka(versions = "4-14", default = -1)]
    pub replica_id: i32,
    #[kafka(tag = 1, versions = "15+")]
    pub replica_state: ReplicaState,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    #[kafka(default = i32::MAX)]
    pub max_bytes: i32,
    pub isolation_level: i8,
    #[kafka(versions = "7+", ignorable)]
    pub session_id: i32,
    #[kafka(versions = "7+", default = -1, ignorable)]
    pub session_epoch: i32,
    pub topics: Vec<FetchTopic>,
    #[kafka(versions = "7+")]
    pub forgotten_topics_data: Vec<ForgottenTopic>,
    #[kafka(versions = "11+", ignorable)]
    pub rack_id: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "15-18", flexible = "12+")]
pub struct ReplicaState {
    #[kafka(default = -1)]
    pub replica_id: i32,
    #[kafka(default = -1)]
    pub replica_epoch: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct FetchTopic {
    #[kafka(versions = "4-12", ignorable)]
    pub topic: Str,
    #[kafka(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct FetchPartition {
    pub partition: i32,
    #[kafka(versions = "9+", default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub fetch_offset: i64,
    #[kafka(versions = "12+", default = -1)]
    pub last_fetched_epoch: i32,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    pub partition_max_bytes: i32,
    #[kafka(tag = 0, versions = "17+", ignorable)]
    pub replica_directory_id: Uuid,
    #[kafka(tag = 1, versions = "18+", default = i64::MAX, ignorable)]
    pub high_watermark: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "7-18", flexible = "12+")]
pub struct ForgottenTopic {
    #[kafka(versions = "7-12", ignorable)]
    pub topic: Str,
    #[kafka(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct FetchResponse {
    pub throttle_time_ms: i32,
    #[kafka(versions = "7+", ignorable)]
    pub error_code: ErrorCode,
    #[kafka(versions = "7+")]
    pub session_id: i32,
    pub responses: Vec<FetchableTopicResponse>,
    #[kafka(tag = 0, versions = "16+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct FetchableTopicResponse {
    #[kafka(versions = "4-12", ignorable)]
    pub topic: Str,
    #[kafka(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub high_watermark: i64,
    #[kafka(default = -1)]
    pub last_stable_offset: i64,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    #[kafka(tag = 0, versions = "12+")]
    pub diverging_epoch: EpochEndOffset,
    #[kafka(tag = 1, versions = "12+")]
    pub current_leader: LeaderIdAndEpoch,
    #[kafka(tag = 2, versions = "12+")]
    pub snapshot_id: SnapshotId,
    #[kafka(default = empty)]
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    #[kafka(versions = "11+", default = -1)]
    pub preferred_read_replica: i32,
    #[kafka(default = empty)]
    pub records: Option<Bytes>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "12-18", flexible = "12+")]
pub struct EpochEndOffset {
    #[kafka(default = -1)]
    pub epoch: i32,
    #[kafka(default = -1)]
    pub end_offset: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "12-18", flexible = "12+")]
pub struct LeaderIdAndEpoch {
    #[kafka(default = -1)]
    pub leader_id: i32,
    #[kafka(default = -1)]
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "12-18", flexible = "12+")]
pub struct SnapshotId {
    #[kafka(default = -1)]
    pub end_offset: i64,
    #[kafka(default = -1)]
    pub epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-18", flexible = "12+")]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "16-18", flexible = "12+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
