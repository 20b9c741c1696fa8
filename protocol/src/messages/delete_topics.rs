//! Deletes topics.
//!
//! API key 20, versions 1-6.
//!
//! - 2: the broker answers first and throttles then (KIP-219).
//! - 4: flexible encoding.
//! - 5: the response adds `error_message`; may answer THROTTLING_QUOTA_EXCEEDED (KIP-599).
//! - 6: the request has `topics` in place of `topic_names`; the response adds `topic_id`; the response lets `name`
//!   be null; topics by name or id (KIP-516).
//! - 3: the same on the wire as the version before.

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DeleteTopics, versions = "1-6", flexible = "4+", response = DeleteTopicsResponse)]
pub struct DeleteTopicsRequest {
    #[kafka(versions = "6+")]
    pub topics: Vec<DeleteTopicState>,
    #[kafka(versions = "1-5", ignorable)]
    pub topic_names: Vec<Str>,
    pub timeout_ms: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "6", flexible = "4+")]
pub struct DeleteTopicState {
    pub name: Option<Str>,
    pub topic_id: Uuid,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-6", flexible = "4+")]
pub struct DeleteTopicsResponse {
    pub throttle_time_ms: i32,
    pub responses: Vec<DeletableTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-6", flexible = "4+")]
pub struct DeletableTopicResult {
    #[kafka(nullable = "6+", default = empty)]
    pub name: Option<Str>,
    #[kafka(versions = "6+", ignorable)]
    pub topic_id: Uuid,
    pub error_code: ErrorCode,
    #[kafka(versions = "5+", ignorable)]
    pub error_message: Option<Str>,
}
