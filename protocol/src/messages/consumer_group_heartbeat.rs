//! Joins, keeps and leaves a consumer group whose broker assigns partitions (KIP-848).
//!
//! API key 68, versions 0-1.
//!
//! - 1: the request adds `subscribed_topic_regex`; members choose their own id (KIP-1082).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ConsumerGroupHeartbeat, versions = "0-1", flexible = "0+", response = ConsumerGroupHeartbeatResponse)]
pub struct ConsumerGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub instance_id: Option<Str>,
    pub rack_id: Option<Str>,
    #[kafka(default = -1)]
    pub rebalance_timeout_ms: i32,
    pub subscribed_topic_names: Option<Vec<Str>>,
    #[kafka(versions = "1+")]
    pub subscribed_topic_regex: Option<Str>,
    pub server_assignor: Option<Str>,
    pub topic_partitions: Option<Vec<ConsumerGroupHeartbeatRequestTopicPartitions>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupHeartbeatRequestTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub member_id: Option<Str>,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub assignment: Option<Assignment>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct Assignment {
    pub topic_partitions: Vec<ConsumerGroupHeartbeatResponseTopicPartitions>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct ConsumerGroupHeartbeatResponseTopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}
