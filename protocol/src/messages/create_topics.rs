//! Creates topics.
//!
//! API key 19, versions 2-7.
//!
//! - 3: the broker answers first and throttles then (KIP-219).
//! - 4: partitions and replication factor may be left to the cluster (KIP-464).
//! - 5: the response adds `topic_config_error_code`, `num_partitions`, `replication_factor` and `configs`; flexible
//!   encoding; answers the topic's configuration (KIP-525).
//! - 6: may answer THROTTLING_QUOTA_EXCEEDED (KIP-599).
//! - 7: the response adds `topic_id`; answers the topic's id (KIP-516).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = CreateTopics, versions = "2-7", flexible = "5+", response = CreateTopicsResponse)]
pub struct CreateTopicsRequest {
    pub topics: Vec<CreatableTopic>,
    #[kafka(default = 60000)]
    pub timeout_ms: i32,
    pub validate_only: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-7", flexible = "5+")]
pub struct CreatableTopic {
    pub name: Str,
    pub num_partitions: i32,
    pub replication_factor: i16,
    pub assignments: Vec<CreatableReplicaAssignment>,
    pub configs: Vec<CreatableTopicConfig>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-7", flexible = "5+")]
pub struct CreatableReplicaAssignment {
    pub partition_index: i32,
    pub broker_ids: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-7", flexible = "5+")]
pub struct CreatableTopicConfig {
    pub name: Str,
    #[kafka(default = empty)]
    pub value: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-7", flexible = "5+")]
pub struct CreateTopicsResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<CreatableTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-7", flexible = "5+")]
pub struct CreatableTopicResult {
    pub name: Str,
    #[kafka(versions = "7+", ignorable)]
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    #[kafka(tag = 0, versions = "5+", ignorable)]
    pub topic_config_error_code: ErrorCode,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub num_partitions: i32,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub replication_factor: i16,
    #[kafka(versions = "5+", default = empty, ignorable)]
    pub configs: Option<Vec<CreatableTopicConfigs>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "5-7", flexible = "5+")]
pub struct CreatableTopicConfigs {
    pub name: Str,
    #[kafka(default = empty)]
    pub value: Option<Str>,
    pub read_only: bool,
    #[kafka(default = -1)]
    pub config_source: i8,
    pub is_sensitive: bool,
}
