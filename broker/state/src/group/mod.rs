//! The classic consumer-group coordinator for one partition of `__consumer_offsets`, as a pure state machine.
//!
//! A [`Shard`] holds the groups whose id hashes to its partition, and the offsets that they committed. Its owner gives it a request,
//! the time and fresh randomness; it gives back [`Effects`]: answers, and records to append. What is durable (offsets, and which groups
//! the log knows) changes only when those records are in the log ([`Shard::appended`]) or are read from it ([`Shard::replay`]);
//! who waits for whom in a rebalance is kept in memory alone, as in Kafka, because members join again after a failover.
//! The answer to a request that wrote is given when its records are committed.
//!
//! It must never do I/O, look at a clock or draw a random number. Deadlines are data: [`Shard::next_deadline_ms`], [`Shard::tick`].
//!
//! The rules are Kafka's: KIP-62 (rebalance timeout), KIP-134 (initial delay), KIP-211 (offset expiry), KIP-345 (static members),
//! KIP-394 (member id required), KIP-496 (offset delete), KIP-518 (filters of lists), KIP-559 (protocol checks), KIP-814 (skip assignment).

mod config;
mod delete;
mod describe;
mod effects;
mod expire;
mod heartbeat;
mod join;
mod leave;
mod member;
mod membership;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offsets;
mod partition;
mod rebalance;
mod record;
mod shard;
mod static_member;
mod subscription;
mod sync;
mod timers;

#[cfg(test)]
mod tests;

pub use config::Config;
pub use effects::{Effects, Reply, Response, Token, Write};
pub use membership::State;
pub use partition::partition_for;
pub use record::{CommittedOffset, Record};
pub use shard::{Caller, Now, Shard};

/// The internal topic that holds the groups and their offsets.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
