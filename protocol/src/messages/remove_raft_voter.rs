//! Removes a voter from the metadata quorum (KIP-853).
//!
//! API key 81, version 0.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = RemoveRaftVoter, versions = "0", flexible = "0+", response = RemoveRaftVoterResponse)]
pub struct RemoveRaftVoterRequest {
    #[kafka(default = empty)]
    pub cluster_id: Option<Str>,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0", flexible = "0+")]
pub struct RemoveRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
