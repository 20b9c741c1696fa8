//! Sets where an empty share group starts reading.
//!
//! API key 91, version 0.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AlterShareGroupOffsets, versions = "0", flexible = "0+", response = AlterShareGroupOffsetsResponse)]
pub struct AlterShareGroupOffsetsRequest {
    pub group_id: Str,
    pub topics: Vec<AlterShareGroupOffsetsRequestTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequestTopic {
    pub topic_name: Str,
    pub partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsRequestPartition {
    pub partition_index: i32,
    pub start_offset: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub responses: Vec<AlterShareGroupOffsetsResponseTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponseTopic {
    pub topic_name: Str,
    pub topic_id: Uuid,
    pub partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AlterShareGroupOffsetsResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
}
