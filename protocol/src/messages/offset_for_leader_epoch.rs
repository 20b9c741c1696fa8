//! Finds where a leader epoch ends, so that a log that diverged can be cut (KIP-101, KIP-320).
//!
//! API key 23, versions 2-4.
//!
//! - 3: the request adds `replica_id`; an unnamed replica is -2, which may see beyond the high watermark.
//! - 4: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = OffsetForLeaderEpoch, versions = "2-4", flexible = "4+", response = OffsetForLeaderEpochResponse)]
pub struct OffsetForLeaderEpochRequest {
    #[kafka(versions = "3+", default = -2, ignorable)]
    pub replica_id: i32,
    pub topics: Vec<OffsetForLeaderTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderTopic {
    pub topic: Str,
    pub partitions: Vec<OffsetForLeaderPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderPartition {
    pub partition: i32,
    #[kafka(default = -1)]
    pub current_leader_epoch: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderEpochResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-4", flexible = "4+")]
pub struct OffsetForLeaderTopicResult {
    pub topic: Str,
    pub partitions: Vec<EpochEndOffset>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-4", flexible = "4+")]
pub struct EpochEndOffset {
    pub error_code: ErrorCode,
    pub partition: i32,
    #[kafka(default = -1)]
    pub leader_epoch: i32,
    #[kafka(default = -1)]
    pub end_offset: i64,
}
