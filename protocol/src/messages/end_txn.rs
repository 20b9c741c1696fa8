//! Commits or aborts a transaction.
//!
//! API key 26, versions 0-5.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: may answer PRODUCER_FENCED.
//! - 3: flexible encoding.
//! - 4: may answer TRANSACTION_ABORTABLE (KIP-890).
//! - 5: the response adds `producer_id` and `producer_epoch`; each transaction raises the producer's epoch
//!   (KIP-890).

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = EndTxn, versions = "0-5", flexible = "3+", response = EndTxnResponse)]
pub struct EndTxnRequest {
    pub transactional_id: Str,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "3+")]
pub struct EndTxnResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub producer_id: i64,
    #[kafka(versions = "5+", default = -1, ignorable)]
    pub producer_epoch: i16,
}
