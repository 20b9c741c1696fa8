//! Resigns from leading the metadata quorum.
//!
//! API key 54, versions 0-1.
//!
//! - 1: the request has `leader_endpoints` and `preferred_candidates` in place of `preferred_successors`; the
//!   response adds `node_endpoints`; flexible encoding.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = EndQuorumEpoch, versions = "0-1", flexible = "1+", response = EndQuorumEpochResponse)]
pub struct EndQuorumEpochRequest {
    pub cluster_id: Option<Str>,
    pub topics: Vec<EndQuorumEpochRequestTopicData>,
    #[kafka(versions = "1+", ignorable)]
    pub leader_endpoints: Vec<LeaderEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<EndQuorumEpochRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochRequestPartitionData {
    pub partition_index: i32,
    pub leader_id: i32,
    pub leader_epoch: i32,
    #[kafka(versions = "0", ignorable)]
    pub preferred_successors: Vec<i32>,
    #[kafka(versions = "1+", ignorable)]
    pub preferred_candidates: Vec<ReplicaInfo>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "1+")]
pub struct ReplicaInfo {
    pub candidate_id: i32,
    pub candidate_directory_id: Uuid,
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
pub struct EndQuorumEpochResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<EndQuorumEpochResponseTopicData>,
    #[kafka(tag = 0, versions = "1+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<EndQuorumEpochResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EndQuorumEpochResponsePartitionData {
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
