//! Forgets a broker.
//!
//! API key 64, version 0.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = UnregisterBroker, versions = "0", flexible = "0+", response = UnregisterBrokerResponse)]
pub struct UnregisterBrokerRequest {
    pub broker_id: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct UnregisterBrokerResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
