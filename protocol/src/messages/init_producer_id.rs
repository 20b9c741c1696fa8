//! Gives a producer its id and epoch, and fences older producers of a transactional id.
//!
//! API key 22, versions 0-5.
//!
//! - 1: the broker answers first and throttles then (KIP-219).
//! - 2: flexible encoding.
//! - 3: the request adds `producer_id` and `producer_epoch`; a producer may ask for its next epoch (KIP-360).
//! - 4: may answer PRODUCER_FENCED.
//! - 5: may answer TRANSACTION_ABORTABLE (KIP-890).
//! - 6 is not stable in Kafka 4.4.0 and left out.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = InitProducerId, versions = "0-5", flexible = "2+", response = InitProducerIdResponse)]
pub struct InitProducerIdRequest {
    #[kafka(default = empty)]
    pub transactional_id: Option<Str>,
    pub transaction_timeout_ms: i32,
    #[kafka(versions = "3+", default = -1)]
    pub producer_id: i64,
    #[kafka(versions = "3+", default = -1)]
    pub producer_epoch: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-5", flexible = "2+")]
pub struct InitProducerIdResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = -1)]
    pub producer_id: i64,
    pub producer_epoch: i16,
}
