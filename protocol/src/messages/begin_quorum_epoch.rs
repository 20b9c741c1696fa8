//! Tells the voters of the metadata quorum who leads.
//!
//! API key 53, versions 0-1.
//!
//! - 1: the request adds `voter_id`, `leader_endpoints` and `voter_directory_id`; the response adds
//!   `node_endpoints`; flexible encoding.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = BeginQuorumEpoch, versions = "0-1", flexible = "1+", response = BeginQuorumEpochResponse)]
pub struct BeginQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub voter_id: i32,
    pub topics: Vec<BeginQuorumEpochRequestTopicData>,
    #[kafka(versions = "1+", ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<BeginQuorumEpochRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    #[kafka(versions = "1+", ignorable)]
    pub voter_directory_id: Uuid,
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct LeaderEndpoint {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<BeginQuorumEpochResponseTopicData>,
    #[kafka(tag = 0, versions = "1+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<BeginQuorumEpochResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct BeginQuorumEpochResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}
