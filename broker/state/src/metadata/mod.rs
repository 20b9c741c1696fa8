//! Cluster metadata: what the quorum replicates and how it changes.
//!
//! [`record`] is the language: small versioned records. [`Image`] is the state they add up to, immutable and cheap to
//! share; [`Image::apply`] is the only way from one image to the next. [`controller`] turns a request into records and
//! the response that may be sent once they are committed. [`configs`] is the one table of Kafka's topic and broker
//! configurations. [`placement`] says where new replicas go.
//!
//! Nothing in here may depend on a clock, on random numbers or on the order of a hash map: the same records must give
//! the same image on every broker.

pub mod configs;
pub mod controller;
mod image;
mod model;
pub mod placement;
pub mod record;
mod replay;
mod sorted_map;

pub use image::{ConfigOverrides, ConfigResource, Image, ResourceType, TopicChanges};
pub use model::{
    Broker, BrokerEpoch, BrokerId, Endpoint, LeaderEpoch, NO_LEADER, Partition, PartitionEpoch, Topic,
};
pub use record::MetadataRecord;
pub use replay::ReplayError;
