//! Takes a client's metrics (KIP-714).
//!
//! API key 72, version 0.

use bytes::Bytes;

use crate::{ErrorCode, Message, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = PushTelemetry, versions = "0", flexible = "0+", response = PushTelemetryResponse)]
pub struct PushTelemetryRequest {
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub terminating: bool,
    pub compression_type: i8,
    pub metrics: Bytes,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct PushTelemetryResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
}
