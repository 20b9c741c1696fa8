//! Lets a partition's leader change the in-sync replicas.
//!
//! API key 56, versions 2-3.
//!
//! - 2: topics by id (KIP-841).
//! - 3: the request has `new_isr_with_epochs` in place of `new_isr`; the in-sync set comes with broker epochs
//!   (KIP-903).

use crate::{ErrorCode, Message, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AlterPartition, versions = "2-3", flexible = "2+", response = AlterPartitionResponse)]
pub struct AlterPartitionRequest {
    pub broker_id: i32,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
    pub topics: Vec<AlterPartitionRequestTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-3", flexible = "2+")]
pub struct AlterPartitionRequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-3", flexible = "2+")]
pub struct AlterPartitionRequestPartitionData {
    pub partition_index: i32,
    pub leader_epoch: i32,
    #[kafka(versions = "2")]
    pub new_isr: Vec<i32>,
    #[kafka(versions = "3+")]
    pub new_isr_with_epochs: Vec<BrokerState>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3", flexible = "2+")]
pub struct BrokerState {
    pub broker_id: i32,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-3", flexible = "2+")]
pub struct AlterPartitionResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub topics: Vec<AlterPartitionResponseTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-3", flexible = "2+")]
pub struct AlterPartitionResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AlterPartitionResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2-3", flexible = "2+")]
pub struct AlterPartitionResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub isr: Vec<i32>,
    pub leader_recovery_state: i8,
    pub partition_epoch: i32,
}
