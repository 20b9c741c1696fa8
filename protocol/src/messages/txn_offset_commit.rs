//! Stores a group's offsets as part of a transaction.
//!
//! API key 28, versions 0-6.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: the request adds `committed_leader_epoch`.
//! - 3: the request adds `generation_id_or_member_epoch`, `member_id` and `group_instance_id`; flexible encoding;
//!   the member commits as itself; may answer ILLEGAL_GENERATION, FENCED_INSTANCE_ID and UNKNOWN_MEMBER_ID.
//! - 4: may answer TRANSACTION_ABORTABLE (KIP-890).
//! - 5: a producer of KIP-890's second kind may leave out AddOffsetsToTxn.
//! - 6: request and response have `topic_id` in place of `name`; topics by id; may answer GROUP_ID_NOT_FOUND,
//!   STALE_MEMBER_EPOCH and UNKNOWN_TOPIC_ID (KIP-1319).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = TxnOffsetCommit, versions = "0-6", flexible = "3+", response = TxnOffsetCommitResponse)]
pub struct TxnOffsetCommitRequest {
    pub transactional_id: Str,
    pub group_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    #[kafka(versions = "3+", default = -1)]
    pub generation_id_or_member_epoch: i32,
    #[kafka(versions = "3+")]
    pub member_id: Str,
    #[kafka(versions = "3+")]
    pub group_instance_id: Option<Str>,
    pub topics: Vec<TxnOffsetCommitRequestTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct TxnOffsetCommitRequestTopic {
    #[kafka(versions = "0-5", ignorable)]
    pub name: Str,
    #[kafka(versions = "6+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<TxnOffsetCommitRequestPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct TxnOffsetCommitRequestPartition {
    pub partition_index: i32,
    pub committed_offset: i64,
    #[kafka(versions = "2+", default = -1, ignorable)]
    pub committed_leader_epoch: i32,
    #[kafka(default = empty)]
    pub committed_metadata: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct TxnOffsetCommitResponse {
    pub throttle_time_ms: i32,
    pub topics: Vec<TxnOffsetCommitResponseTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct TxnOffsetCommitResponseTopic {
    #[kafka(versions = "0-5", ignorable)]
    pub name: Str,
    #[kafka(versions = "6+", ignorable)]
    pub topic_id: Uuid,
    pub partitions: Vec<TxnOffsetCommitResponsePartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-6", flexible = "3+")]
pub struct TxnOffsetCommitResponsePartition {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}
