//! Adds a voter to the metadata quorum (KIP-853).
//!
//! API key 80, versions 0-1.
//!
//! - 1: the request adds `ack_when_committed`; may be acknowledged before it is committed.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AddRaftVoter, versions = "0-1", flexible = "0+", response = AddRaftVoterResponse)]
pub struct AddRaftVoterRequest {
    #[kafka(default = empty)]
    pub cluster_id: Option<Str>,
    pub timeout_ms: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    #[kafka(versions = "1+", default = true)]
    pub ack_when_committed: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "0+")]
pub struct AddRaftVoterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
}
