//! Acknowledges records acquired by a member of a share group (KIP-932).
//!
//! API key 79, versions 1-2.
//!
//! - 2: the request adds `is_renew_ack`; the response adds `acquisition_lock_timeout_ms`; a lock on records may be
//!   renewed (KIP-1222).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = ShareAcknowledge, versions = "1-2", flexible = "1+", response = ShareAcknowledgeResponse)]
pub struct ShareAcknowledgeRequest {
    pub group_id: Option<Str>,
    #[kafka(default = empty)]
    pub member_id: Option<Str>,
    pub share_session_epoch: i32,
    #[kafka(versions = "2+")]
    pub is_renew_ack: bool,
    pub topics: Vec<AcknowledgeTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct AcknowledgeTopic {
    pub topic_id: Uuid,
    pub partitions: Vec<AcknowledgePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct AcknowledgePartition {
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
pub struct ShareAcknowledgeResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    #[kafka(versions = "2+", ignorable)]
    pub acquisition_lock_timeout_ms: i32,
    pub responses: Vec<ShareAcknowledgeTopicResponse>,
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct ShareAcknowledgeTopicResponse {
    pub topic_id: Uuid,
    pub partitions: Vec<PartitionData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct PartitionData {
    pub partition_index: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    pub current_leader: LeaderIdAndEpoch,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct LeaderIdAndEpoch {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
