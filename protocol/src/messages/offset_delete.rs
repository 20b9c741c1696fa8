//! Deletes a group's offsets of single partitions.
//!
//! API key 47, version 0.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = OffsetDelete, versions = "0", response = OffsetDeleteResponse)]
pub struct OffsetDeleteRequest {
    pub group_id: Str,
    pub topics: Vec<OffsetDeleteRequestTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0")]
pub struct OffsetDeleteRequestTopic {
    pub name: Str,
    pub partitions: Vec<OffsetDeleteRequestPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0")]
pub struct OffsetDeleteRequestPartition {
    pub partition_index: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0")]
pub struct OffsetDeleteResponse {
    pub error_code: ErrorCode,
    pub throttle_time_ms: i32,
    pub topics: Vec<OffsetDeleteResponseTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0")]
pub struct OffsetDeleteResponseTopic {
    pub name: Str,
    pub partitions: Vec<OffsetDeleteResponsePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0")]
pub struct OffsetDeleteResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}
