//! Reads a part of a metadata snapshot.
//!
//! API key 59, versions 0-1.
//!
//! - 1: the request adds `replica_directory_id`; the response adds `node_endpoints`.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = FetchSnapshot, versions = "0-1", flexible = "0+", response = FetchSnapshotResponse)]
pub struct FetchSnapshotRequest {
    #[kafka(tag = 0)]
    pub cluster_id: Option<Str>,
    #[kafka(default = -1)]
    pub replica_id: i32,
    #[kafka(default = i32::MAX)]
    pub max_bytes: i32,
    pub topics: Vec<FetchSnapshotRequestTopicSnapshot>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotRequestTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<FetchSnapshotRequestPartitionSnapshot>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotRequestPartitionSnapshot {
    pub partition: i32,
    pub current_leader_epoch: i32,
    pub snapshot_id: FetchSnapshotRequestSnapshotId,
    pub position: i64,
    #[kafka(tag = 0, versions = "1+", ignorable)]
    pub replica_directory_id: Uuid,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotRequestSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub topics: Vec<FetchSnapshotResponseTopicSnapshot>,
    #[kafka(tag = 0, versions = "1+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotResponseTopicSnapshot {
    pub name: Str,
    pub partitions: Vec<FetchSnapshotResponsePartitionSnapshot>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotResponsePartitionSnapshot {
    pub index: i32,
    pub error_code: ErrorCode,
    pub snapshot_id: FetchSnapshotResponseSnapshotId,
    #[kafka(tag = 0)]
    pub current_leader: LeaderIdAndEpoch,
    pub size: i64,
    pub position: i64,
    pub unaligned_records: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct FetchSnapshotResponseSnapshotId {
    pub end_offset: i64,
    pub epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1", flexible = "0+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: u16,
}
