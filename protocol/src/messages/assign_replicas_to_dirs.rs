//! Tells the controller which log directory holds which replica (KIP-858).
//!
//! API key 73, version 0.

use crate::{ErrorCode, Message, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AssignReplicasToDirs, versions = "0", flexible = "0+", response = AssignReplicasToDirsResponse)]
pub struct AssignReplicasToDirsRequest {
    pub broker_id: i32,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
    pub directories: Vec<AssignReplicasToDirsRequestDirectoryData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsRequestDirectoryData {
    pub id: Uuid,
    pub topics: Vec<AssignReplicasToDirsRequestTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsRequestTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AssignReplicasToDirsRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsRequestPartitionData {
    pub partition_index: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub directories: Vec<AssignReplicasToDirsResponseDirectoryData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsResponseDirectoryData {
    pub id: Uuid,
    pub topics: Vec<AssignReplicasToDirsResponseTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsResponseTopicData {
    pub topic_id: Uuid,
    pub partitions: Vec<AssignReplicasToDirsResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AssignReplicasToDirsResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}
