//! Moves the start of partitions' logs forward.
//!
//! API key 21, versions 0-2.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DeleteRecords, versions = "0-2", flexible = "2+", response = DeleteRecordsResponse)]
pub struct DeleteRecordsRequest {
    pub topics: Vec<DeleteRecordsTopic>,
    pub timeout_ms: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsTopic {
    pub name: Str,
    pub partitions: Vec<DeleteRecordsPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsPartition {
    pub partition_index: i32,
    pub offset: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<DeleteRecordsTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsTopicResult {
    pub name: Str,
    pub partitions: Vec<DeleteRecordsPartitionResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "2+")]
pub struct DeleteRecordsPartitionResult {
    pub partition_index: i32,
    pub low_watermark: i64,
    pub error_code: ErrorCode,
}
