//! Lists the partitions being moved.
//!
//! API key 46, version 0.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ListPartitionReassignments, versions = "0", flexible = "0+", response = ListPartitionReassignmentsResponse)]
pub struct ListPartitionReassignmentsRequest {
    #[kafka(default = 60000)]
    pub timeout_ms: i32,
    pub topics: Option<Vec<ListPartitionReassignmentsTopics>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsTopics {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct ListPartitionReassignmentsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub topics: Vec<OngoingTopicReassignment>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct OngoingTopicReassignment {
    pub name: Str,
    pub partitions: Vec<OngoingPartitionReassignment>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct OngoingPartitionReassignment {
    pub partition_index: i32,
    pub replicas: Vec<i32>,
    pub adding_replicas: Vec<i32>,
    pub removing_replicas: Vec<i32>,
}
