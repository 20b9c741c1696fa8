//! Stores the offsets a consumer group has processed.
//!
//! API key 8, versions 2-10.
//!
//! - 3: the response adds `throttle_time_ms`.
//! - 4: the broker answers first and throttles then (KIP-219).
//! - 5: the request drops `retention_time_ms`.
//! - 6: the request adds `committed_leader_epoch`.
//! - 7: the request adds `group_instance_id`; static members (KIP-345).
//! - 8: flexible encoding.
//! - 9: KIP-848 groups; may answer STALE_MEMBER_EPOCH and GROUP_ID_NOT_FOUND.
//! - 10: request and response have `topic_id` in place of `name`; topics by id.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = OffsetCommit, versions = "2-10", flexible = "8+", response = OffsetCommitResponse)]
pub struct OffsetCommitRequest {
    pub group_id: Str,
    #[kafka(default = -1)]
    pub generation_id_or_member_epoch: i32,
    pub member_id: Str,
    #[kafka(versions = "7+")]
    pub group_instance_id: Option<Str>,
    #[kafka(versions = "2-4", default = -1, ignorable)]
    pub retention_time_ms: i64,
    pub topics: Vec<OffsetCommitRequestTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-10", flexible = "8+")]
pub struct OffsetCommitRequestTopic {
    #[kafka(versions = "2-9", ignorable)]
    pub name: Str,
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitRequestPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-10", flexible = "8+")]
pub struct OffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[kafka(versions = "6+", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    #[kafka(default = empty)]
    pub committed_metadata: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-10", flexible = "8+")]
pub struct OffsetCommitResponse {
    #[kafka(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetCommitResponseTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-10", flexible = "8+")]
pub struct OffsetCommitResponseTopic {
    #[kafka(versions = "2-9", ignorable)]
    pub name: Str,
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<OffsetCommitResponsePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-10", flexible = "8+")]
pub struct OffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}
