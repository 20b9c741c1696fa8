//! Reads the offsets a consumer group has stored.
//!
//! API key 9, versions 1-10.
//!
//! - 2: the request lets `topics` be null; the response adds `error_code`; no topics named means all of them.
//! - 3: the response adds `throttle_time_ms`.
//! - 4: the broker answers first and throttles then (KIP-219).
//! - 5: the response adds `committed_leader_epoch`.
//! - 6: flexible encoding.
//! - 7: the request adds `require_stable`; may wait for open transactions: UNSTABLE_OFFSET_COMMIT (KIP-447).
//! - 8: the request has `groups` in place of `group_id` and `topics`; the response has `groups` in place of
//!   `topics` and `error_code`; several groups at once (KIP-709).
//! - 9: the request adds `member_id` and `member_epoch`; KIP-848 groups; may answer STALE_MEMBER_EPOCH and
//!   UNKNOWN_MEMBER_ID.
//! - 10: request and response have `topic_id` in place of `name`; topics by id; may answer UNKNOWN_TOPIC_ID.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = OffsetFetch, versions = "1-10", flexible = "6+", response = OffsetFetchResponse)]
pub struct OffsetFetchRequest {
    #[kafka(versions = "1-7")]
    pub group_id: Str,
    #[kafka(versions = "1-7", nullable = "2+", default = empty)]
    pub topics: Option<Vec<OffsetFetchRequestTopic>>,
    #[kafka(versions = "8+")]
    pub groups: Vec<OffsetFetchRequestGroup>,
    #[kafka(versions = "7+")]
    pub require_stable: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-7", flexible = "6+")]
pub struct OffsetFetchRequestTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-10", flexible = "6+")]
pub struct OffsetFetchRequestGroup {
    pub group_id: Str,
    #[kafka(versions = "9+", ignorable)]
    pub member_id: Option<Str>,
    #[kafka(versions = "9+", default = -1, ignorable)]
    pub member_epoch: i32,
    #[kafka(default = empty)]
    pub topics: Option<Vec<OffsetFetchRequestTopics>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-10", flexible = "6+")]
pub struct OffsetFetchRequestTopics {
    #[kafka(versions = "8-9", ignorable)]
    pub name: Str,
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partition_indexes: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-10", flexible = "6+")]
pub struct OffsetFetchResponse {
    #[kafka(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    #[kafka(versions = "1-7")]
    pub topics: Vec<OffsetFetchResponseTopic>,
    #[kafka(versions = "2-7", ignorable)]
    pub error_code: ErrorCode,
    #[kafka(versions = "8+")]
    pub groups: Vec<OffsetFetchResponseGroup>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-7", flexible = "6+")]
pub struct OffsetFetchResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetFetchResponsePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-7", flexible = "6+")]
pub struct OffsetFetchResponsePartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    #[kafka(default = empty)]
    pub metadata: Option<Str>,
    pub error_code: ErrorCode,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-10", flexible = "6+")]
pub struct OffsetFetchResponseGroup {
    pub group_id: Str,
    pub topics: Vec<OffsetFetchResponseTopics>,
    pub error_code: ErrorCode,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-10", flexible = "6+")]
pub struct OffsetFetchResponseTopics {
    #[kafka(versions = "8-9", ignorable)]
    pub name: Str,
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetFetchResponsePartitions>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-10", flexible = "6+")]
pub struct OffsetFetchResponsePartitions {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[kafka(default = -1)]
    pub committed_leader_epoch: i32,
    #[kafka(default = empty)]
    pub metadata: Option<Str>,
    pub error_code: ErrorCode,
}
