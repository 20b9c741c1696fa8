//! Acquires records for a member of a share group, and acknowledges earlier ones (KIP-932).
//!
//! API key 78, versions 1-2.
//!
//! - 2: the request adds `share_acquire_mode` and `is_renew_ack`; KIP-1206 and KIP-1222.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ShareFetch, versions = "1-2", flexible = "1+", response = ShareFetchResponse)]
pub struct ShareFetchRequest {
    pub group_id: Option<Str>,
    #[kafka(default = empty)]
    pub member_id: Option<Str>,
    pub share_session_epoch: i32,
    pub max_wait_ms: i32,
    pub min_bytes: i32,
    #[kafka(default = i32::MAX)]
    pub max_bytes: i32,
    pub max_records: i32,
    pub batch_size: i32,
    #[kafka(versions = "2+", ignorable)]
    pub share_acquire_mode: i8,
    #[kafka(versions = "2+")]
    pub is_renew_ack: bool,
    pub topics: Vec<FetchTopic>,
    pub forgotten_topics_data: Vec<ForgottenTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct FetchTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<FetchPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct FetchPartition {
    pub partition_index: i32,
    pub acknowledgement_batches: Vec<AcknowledgementBatch>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct AcknowledgementBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub acknowledge_types: Vec<i8>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct ForgottenTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct ShareFetchResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareFetchableTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct ShareFetchableTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub acknowledge_error_code: ErrorCode,
    pub acknowledge_error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
    pub records: Bytes,
    pub acquired_records: Vec<AcquiredRecords>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct AcquiredRecords {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_count: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
