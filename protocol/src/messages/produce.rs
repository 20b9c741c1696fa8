//! Appends record batches to partitions; the leader answers the offsets it gave them.
//!
//! API key 0, versions 3-13.
//!
//! - 3: the first here, with record batches of format v2. Versions 0 to 2 are advertised for librdkafka's sake
//!   (KAFKA-18659) and refused.
//! - 4: may answer KAFKA_STORAGE_ERROR.
//! - 5: the response adds `log_start_offset`.
//! - 7: batches may be compressed with zstd (KIP-110).
//! - 8: the response adds `record_errors` and `error_message`; names the records that were wrong (KIP-467).
//! - 9: flexible encoding.
//! - 10: the response adds `node_endpoints` and `current_leader`; a new leader's address comes with the error
//!   (KIP-951).
//! - 11: may answer TRANSACTION_ABORTABLE (KIP-890).
//! - 12: a producer of KIP-890's second kind may leave out AddPartitionsToTxn.
//! - 13: request and response have `topic_id` in place of `name`; topics by id (KIP-516); may answer
//!   UNKNOWN_TOPIC_ID.
//! - 6: the same on the wire as the version before.

use bytes::Bytes;

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = Produce, versions = "3-13", flexible = "9+", response = ProduceResponse)]
pub struct ProduceRequest {
    pub transactional_id: Option<Str>,
    pub acks: i16,
    pub timeout_ms: i32,
    pub topic_data: Vec<TopicProduceData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-13", flexible = "9+")]
pub struct TopicProduceData {
    #[kafka(versions = "3-12", ignorable)]
    pub name: Str,
    #[kafka(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partition_data: Vec<PartitionProduceData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-13", flexible = "9+")]
pub struct PartitionProduceData {
    pub index: i32,
    #[kafka(default = empty)]
    pub records: Option<Bytes>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-13", flexible = "9+")]
pub struct ProduceResponse {
    pub responses: Vec<TopicProduceResponse>,
    pub throttle_time_ms: i32,
    #[kafka(tag = 0, versions = "10+")]
    pub node_endpoints: Vec<NodeEndpoint>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-13", flexible = "9+")]
pub struct TopicProduceResponse {
    #[kafka(versions = "3-12", ignorable)]
    pub name: Str,
    #[kafka(versions = "13+", ignorable)]
    pub topic_id: Uuid,
    pub partition_responses: Vec<PartitionProduceResponse>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "3-13", flexible = "9+")]
pub struct PartitionProduceResponse {
    pub index: i32,
    pub error_code: ErrorCode,
    pub base_offset: i64,
    #[kafka(default = -1)]
    pub log_append_time_ms: i64,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub log_start_offset: i64,
    #[kafka(versions = "8+", ignorable)]
    pub record_errors: Vec<BatchIndexAndErrorMessage>,
    #[kafka(versions = "8+", ignorable)]
    pub error_message: Option<Str>,
    #[kafka(tag = 0, versions = "10+")]
    pub current_leader: LeaderIdAndEpoch,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "8-13", flexible = "9+")]
pub struct BatchIndexAndErrorMessage {
    pub batch_index: i32,
    pub batch_index_error_message: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "10-13", flexible = "9+")]
pub struct LeaderIdAndEpoch {
    #[kafka(default = -1)]
    pub leader_id: i32,
    #[kafka(default = -1)]
    pub leader_epoch: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "10-13", flexible = "9+")]
pub struct NodeEndpoint {
    pub node_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}
