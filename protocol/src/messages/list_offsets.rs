//! Finds offsets by timestamp, and the ends of a partition's log.
//!
//! API key 2, versions 1-11.
//!
//! - 2: the request adds `isolation_level`; the response adds `throttle_time_ms`.
//! - 4: the request adds `current_leader_epoch`; the response adds `leader_epoch`.
//! - 6: flexible encoding.
//! - 10: the request adds `timeout_ms`.
//! - 3, 5, 7, 8, 9, 11: the same on the wire as the version before.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ListOffsets, versions = "1-11", flexible = "6+", response = ListOffsetsResponse)]
pub struct ListOffsetsRequest {
    pub replica_id: i32,
    #[kafka(versions = "2+")]
    pub isolation_level: i8,
    pub topics: Vec<ListOffsetsTopic>,
    #[kafka(versions = "10+", ignorable)]
    pub timeout_ms: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-11", flexible = "6+")]
pub struct ListOffsetsTopic {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-11", flexible = "6+")]
pub struct ListOffsetsPartition {
    pub partition_index: i32,
    #[kafka(versions = "4+", default = -1, ignorable)]
    pub current_leader_epoch: i32,
    pub timestamp: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-11", flexible = "6+")]
pub struct ListOffsetsResponse {
    #[kafka(versions = "2+", ignorable)]
    pub throttle_time_ms: i32,
    pub topics: Vec<ListOffsetsTopicResponse>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-11", flexible = "6+")]
pub struct ListOffsetsTopicResponse {
    pub name: Str,
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-11", flexible = "6+")]
pub struct ListOffsetsPartitionResponse {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    #[kafka(default = -1)]
    pub timestamp: i64,
    #[kafka(default = -1)]
    pub offset: i64,
    #[kafka(versions = "4+", default = -1)]
    pub leader_epoch: i32,
}
