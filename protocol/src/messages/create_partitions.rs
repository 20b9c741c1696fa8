//! Adds partitions to topics.
//!
//! API key 37, versions 0-3.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: flexible encoding.
//! - 3: may answer THROTTLING_QUOTA_EXCEEDED (KIP-599).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = CreatePartitions, versions = "0-3", flexible = "2+", response = CreatePartitionsResponse)]
pub struct CreatePartitionsRequest {
    pub topics: Vec<CreatePartitionsTopic>,
    pub timeout_ms: i32,
    pub validate_only: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsTopic {
    pub name: Str,
    pub count: i32,
    #[kafka(default = empty)]
    pub assignments: Option<Vec<CreatePartitionsAssignment>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsAssignment {
    pub broker_ids: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsResponse {
    pub throttle_time_ms: i32,
    pub results: Vec<CreatePartitionsTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3", flexible = "2+")]
pub struct CreatePartitionsTopicResult {
    pub name: Str,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
}
