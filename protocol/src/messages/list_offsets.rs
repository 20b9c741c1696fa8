//! Finds offsets by timestamp, and the ends of a partition's log.
//!
//! API key 2, versions 1-11.
//!
//! - 2: the request adds `isolation_level`; the response adds `throttle_time_ms`.
//! - 3: the broker answers first and throttles then (KIP-219).
//! - 4: the request adds `current_leader_epoch`; the response adds `leader_epoch`.
//! - 5: may answer OFFSET_NOT_AVAILABLE.
//! - 6: flexible encoding.
//! - 7: timestamp -3 asks for the record with the highest timestamp (KIP-734).
//! - 8: -4 for the first offset on local disk (KIP-405).
//! - 9: -5 for the last in tiered storage (KIP-1005).
//! - 10: the request adds `timeout_ms`; lookups in tiered storage have a timeout (KIP-1075).
//! - 11: -6 for the first not uploaded yet (KIP-1023).

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
