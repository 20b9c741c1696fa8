//! Adds partitions to a transaction, or verifies that they are in it.
//!
//! API key 24, versions 0-5.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: may answer PRODUCER_FENCED.
//! - 3: flexible encoding.
//! - 4: the request has `transactions` in place of `v3_and_below_transactional_id`, `v3_and_below_producer_id`,
//!   `v3_and_below_producer_epoch` and `v3_and_below_topics`; the response has `error_code` and
//!   `results_by_transaction` in place of `results_by_topic_v3_and_below`; for brokers, several transactions at
//!   once; clients stay below.
//! - 5: may answer TRANSACTION_ABORTABLE (KIP-890).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AddPartitionsToTxn, versions = "0-5", flexible = "3+", response = AddPartitionsToTxnResponse)]
pub struct AddPartitionsToTxnRequest {
    #[kafka(versions = "4+")]
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    #[kafka(versions = "0-3")]
    pub v3_and_below_transactional_id: Str,
    #[kafka(versions = "0-3")]
    pub v3_and_below_producer_id: i64,
    #[kafka(versions = "0-3")]
    pub v3_and_below_producer_epoch: i16,
    #[kafka(versions = "0-3")]
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-5", flexible = "3+")]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnTopic {
    pub name: Str,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnResponse {
    pub throttle_time_ms: i32,
    #[kafka(versions = "4+", ignorable)]
    pub error_code: ErrorCode,
    #[kafka(versions = "4+")]
    pub results_by_transaction: Vec<AddPartitionsToTxnResult>,
    #[kafka(versions = "0-3")]
    pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "4-5", flexible = "3+")]
pub struct AddPartitionsToTxnResult {
    pub transactional_id: Str,
    pub topic_results: Vec<AddPartitionsToTxnTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnTopicResult {
    pub name: Str,
    pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct AddPartitionsToTxnPartitionResult {
    pub partition_index: i32,
    pub partition_error_code: ErrorCode,
}
