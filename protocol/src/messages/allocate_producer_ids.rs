//! Gives a broker a block of producer ids to hand out.
//!
//! API key 67, version 0.

use crate::{ErrorCode, Message};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AllocateProducerIds, versions = "0", flexible = "0+", response = AllocateProducerIdsResponse)]
pub struct AllocateProducerIdsRequest {
    pub broker_id: i32,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct AllocateProducerIdsResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub producer_id_start: i64,
    pub producer_id_len: i32,
}
