//! Joins, keeps and leaves a share group (KIP-932).
//!
//! API key 76, version 1.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ShareGroupHeartbeat, versions = "1", flexible = "1+", response = ShareGroupHeartbeatResponse)]
pub struct ShareGroupHeartbeatRequest {
    pub group_id: Str,
    pub member_id: Str,
    pub member_epoch: i32,
    pub rack_id: Option<Str>,
    pub subscribed_topic_names: Option<Vec<Str>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct ShareGroupHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub member_id: Option<Str>,
    pub member_epoch: i32,
    pub heartbeat_interval_ms: i32,
    pub assignment: Option<Assignment>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct Assignment {
    pub topic_partitions: Vec<TopicPartitions>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct TopicPartitions {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}
