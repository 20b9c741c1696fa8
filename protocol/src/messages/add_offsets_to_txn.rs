//! Adds a group's offsets partition to a transaction.
//!
//! API key 25, versions 0-4.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: may answer PRODUCER_FENCED.
//! - 3: flexible encoding.
//! - 4: may answer TRANSACTION_ABORTABLE (KIP-890).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AddOffsetsToTxn, versions = "0-4", flexible = "3+", response = AddOffsetsToTxnResponse)]
pub struct AddOffsetsToTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub group_id: Str,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "3+")]
pub struct AddOffsetsToTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
}
