//! What the members of a classic consumer group put into JoinGroup and SyncGroup.
//!
//! No request: data inside other messages. Versions 0-3, in front of it as two bytes.
//!
//! - 1: the ConsumerProtocolSubscription adds `owned_partitions`.
//! - 2: the ConsumerProtocolSubscription adds `generation_id`.
//! - 3: the ConsumerProtocolSubscription adds `rack_id`.

use bytes::Bytes;

use crate::{Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3")]
pub struct ConsumerProtocolSubscription {
    pub topics: Vec<Str>,
    pub user_data: Option<Bytes>,
    #[kafka(versions = "1+", ignorable)]
    pub owned_partitions: Vec<ConsumerProtocolSubscriptionTopicPartition>,
    #[kafka(versions = "2+", default = -1, ignorable)]
    pub generation_id: i32,
    #[kafka(versions = "3+", ignorable)]
    pub rack_id: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-3")]
pub struct ConsumerProtocolSubscriptionTopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3")]
pub struct ConsumerProtocolAssignment {
    pub assigned_partitions: Vec<ConsumerProtocolAssignmentTopicPartition>,
    pub user_data: Option<Bytes>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-3")]
pub struct ConsumerProtocolAssignmentTopicPartition {
    pub topic: Str,
    pub partitions: Vec<i32>,
}
