//! Asks a voter of the metadata quorum for its vote.
//!
//! API key 52, versions 0-2.
//!
//! - 1: the request adds `voter_id`, `replica_directory_id` and `voter_directory_id`; the response adds
//!   `node_endpoints`; KIP-853.
//! - 2: the request adds `pre_vote`; pre-votes (KIP-996).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = Vote, versions = "0-2", flexible = "0+", response = VoteResponse)]
pub struct VoteRequest {
    pub cluster_id: Option<Str>,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub voter_id: i32,
    pub topics: Vec<VoteRequestTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct VoteRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<VoteRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct VoteRequestPartitionData {
    pub partition_index: i32,
    pub replica_epoch: i32,
    pub replica_id: i32,
    #[kafka(versions = "1+", ignorable)]
    pub replica_directory_id: Uuid,
    #[kafka(versions = "1+", ignorable)]
    pub voter_directory_id: Uuid,
    pub last_offset_epoch: i32,
    pub last_offset: i64,
    #[kafka(versions = "2+")]
    pub pre_vote: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct VoteResponse {
    pub error_code: ErrorCode,
    pub topics: Vec<VoteResponseTopicData>,
    #[kafka(tag = 0, versions = "1+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct VoteResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<VoteResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct VoteResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub vote_granted: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "0+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}
