//! Keeps a broker registered, and asks for it to be unfenced or shut down.
//!
//! API key 63, versions 0-2.
//!
//! - 1: the request adds `offline_log_dirs`.
//! - 2: the request adds `cordoned_log_dirs`.

use crate::{ErrorCode, Message, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = BrokerHeartbeat, versions = "0-2", flexible = "0+", response = BrokerHeartbeatResponse)]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
    pub current_metadata_offset: i64,
    pub want_fence: bool,
    pub want_shut_down: bool,
    #[kafka(tag = 0, versions = "1+")]
    pub offline_log_dirs: Vec<Uuid>,
    #[kafka(tag = 1, versions = "2+")]
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct BrokerHeartbeatResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub is_caught_up: bool,
    #[kafka(default = true)]
    pub is_fenced: bool,
    pub should_shut_down: bool,
}
