//! Tells the brokers, the topics, and which broker leads each partition.
//!
//! API key 3, versions 0-13.
//!
//! - 0: no topics named means all of them.
//! - 1: the request lets `topics` be null; the response adds `controller_id`, `rack` and `is_internal`; null means
//!   all topics, an empty array none.
//! - 2: the response adds `cluster_id`.
//! - 3: the response adds `throttle_time_ms`.
//! - 4: the request adds `allow_auto_topic_creation`.
//! - 5: the response adds `offline_replicas`.
//! - 6: the broker answers first and throttles then (KIP-219).
//! - 7: the response adds `leader_epoch`.
//! - 8: the request adds `include_cluster_authorized_operations` and `include_topic_authorized_operations`; the
//!   response adds `cluster_authorized_operations` and `topic_authorized_operations`.
//! - 9: flexible encoding.
//! - 10: request and response add `topic_id`; the request lets `name` be null; topic ids, which brokers did not act
//!   on before 12.
//! - 11: the request drops `include_cluster_authorized_operations`; the response drops
//!   `cluster_authorized_operations`.
//! - 12: the response lets `name` be null; topics by id (KIP-516).
//! - 13: the response adds `error_code`.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = Metadata, versions = "0-13", flexible = "9+", response = MetadataResponse)]
pub struct MetadataRequest {
    #[kafka(nullable = "1+", default = empty)]
    pub topics: Option<Vec<MetadataRequestTopic>>,
    #[kafka(versions = "4+", default = true)]
    pub allow_auto_topic_creation: bool,
    #[kafka(versions = "8-10")]
    pub include_cluster_authorized_operations: bool,
    #[kafka(versions = "8+")]
    pub include_topic_authorized_operations: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-13", flexible = "9+")]
pub struct MetadataRequestTopic {
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    #[kafka(nullable = "10+", default = empty)]
    pub name: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-13", flexible = "9+")]
pub struct MetadataResponse {
    #[kafka(versions = "3+", ignorable)]
    pub throttle_time_ms: i32,
    pub brokers: Vec<MetadataResponseBroker>,
    #[kafka(versions = "2+", ignorable)]
    pub cluster_id: Option<Str>,
    #[kafka(versions = "1+", default = -1, ignorable)]
    pub controller_id: i32,
    pub topics: Vec<MetadataResponseTopic>,
    #[kafka(versions = "8-10", default = i32::MIN)]
    pub cluster_authorized_operations: i32,
    #[kafka(versions = "13+", ignorable)]
    pub error_code: ErrorCode,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-13", flexible = "9+")]
pub struct MetadataResponseBroker {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    #[kafka(versions = "1+", ignorable)]
    pub rack: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-13", flexible = "9+")]
pub struct MetadataResponseTopic {
    pub error_code: ErrorCode,
    #[kafka(nullable = "12+", default = empty)]
    pub name: Option<Str>,
    #[kafka(versions = "10+", ignorable)]
    pub topic_id: Uuid,
    #[kafka(versions = "1+", ignorable)]
    pub is_internal: bool,
    pub partitions: Vec<MetadataResponsePartition>,
    #[kafka(versions = "8+", default = i32::MIN)]
    pub topic_authorized_operations: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-13", flexible = "9+")]
pub struct MetadataResponsePartition {
    pub error_code: ErrorCode,
    pub partition_index: i32,
    pub leader_id: i32,
    #[kafka(versions = "7+", default = -1, ignorable)]
    pub leader_epoch: i32,
    pub replica_nodes: Vec<i32>,
    pub isr_nodes: Vec<i32>,
    #[kafka(versions = "5+", ignorable)]
    pub offline_replicas: Vec<i32>,
}
