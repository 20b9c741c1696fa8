//! Shows the metadata quorum: leader, voters, observers and how far each has read.
//!
//! API key 55, versions 0-2.
//!
//! - 1: the response adds `last_fetch_timestamp` and `last_caught_up_timestamp`; KIP-836.
//! - 2: the response adds `error_message`, `nodes` and `replica_directory_id`; KIP-853.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeQuorum, versions = "0-2", flexible = "0+", response = DescribeQuorumResponse)]
pub struct DescribeQuorumRequest {
    pub topics: Vec<DescribeQuorumRequestTopicData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumRequestTopicData {
    pub topic_name: Str,
    pub partitions: Vec<DescribeQuorumRequestPartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumRequestPartitionData {
    pub partition_index: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumResponse {
    pub error_code: ErrorCode,
    #[kafka(versions = "2+", default = empty, ignorable)]
    pub error_message: Option<Str>,
    pub topics: Vec<DescribeQuorumResponseTopicData>,
    #[kafka(versions = "2+")]
    pub nodes: Vec<Node>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumResponseTopicData {
    pub topic_name: Str,
    pub partitions: Vec<DescribeQuorumResponsePartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeQuorumResponsePartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    #[kafka(versions = "2+", default = empty, ignorable)]
    pub error_message: Option<Str>,
    pub leader_id: i32,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub current_voters: Vec<ReplicaState>,
    pub observers: Vec<ReplicaState>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct ReplicaState {
    pub replica_id: i32,
    #[kafka(versions = "2+")]
    pub replica_directory_id: Uuid,
    pub log_end_offset: i64,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub last_fetch_timestamp: i64,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub last_caught_up_timestamp: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2", flexible = "0+")]
pub struct Node {
    pub node_id: i32,
    pub listeners: Vec<Listener>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "2", flexible = "0+")]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}
