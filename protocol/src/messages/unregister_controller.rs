//! Forgets a controller.
//!
//! API key 94, version 0.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = UnregisterController, versions = "0", flexible = "0+", response = UnregisterControllerResponse)]
pub struct UnregisterControllerRequest {
    pub controller_id: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct UnregisterControllerResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
