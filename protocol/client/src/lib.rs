//! A small async Kafka client for the service's own use: the control plane, the agent, the CLI and the tests.
//!
//! It talks to any Kafka-compatible cluster, and only by Kafka's protocol. A [`Client`] finds the brokers from a list
//! of bootstrap addresses, opens one connection per broker and purpose, negotiates versions, sends each request to the
//! broker that must answer it, and tries again, with growing and jittered pauses, until a deadline. Everything ends:
//! each request, connect, delivery and queue has a limit in [`Options`].
//!
//! What it must never do: hold a request for ever, grow a queue without bound, or trust a length that a peer sent.

mod admin;
mod client;
mod clock;
mod cluster;
mod connection;
mod consumer;
mod error;
mod fetch;
mod offsets;
mod partitioner;
mod producer;
mod retry;
mod versions;

pub use admin::{ConfigChange, NewTopic, Resource};
pub use client::{Client, Options};
pub use cluster::{Broker, Cluster, Partition, Topic};
pub use connection::{Connection, Frame};
pub use consumer::{Consumer, Start};
pub use error::Error;
pub use fetch::{ConsumedRecord, FetchOptions, Fetched, Isolation};
pub use headrace_protocol as protocol;
pub use headrace_records::Compression;
pub use offsets::{ListedOffset, OffsetSpec};
pub use producer::{Acks, Produced, Producer, ProducerOptions, Record, Target};
