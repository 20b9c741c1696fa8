//! The group coordinator of this broker: one pure shard (`headrace_state::group`) for each partition of `__consumer_offsets` that it leads.
//!
//! Here the shards meet the world: they are loaded from their partition's log, their records are appended to it, answers are
//! held back until the high watermark has passed what they speak of, and deadlines are waited for. A shard is behind a mutex that is
//! never held across an await. The rules of groups are not here.

mod batch;
mod caller;
mod driver;
mod load;
mod log;
mod shard;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headrace_protocol::{ErrorCode, Str};
use headrace_records::Compression;
use headrace_state::group;
use headrace_state::metadata::Image;
use parking_lot::RwLock;

use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::Config;
use crate::replica::Partition;
use log::LedPartition;

pub(crate) use caller::{ask, call, shard_of};
pub(crate) use shard::LedShard;

/// What every shard is made with.
#[derive(Clone, Debug)]
struct Settings {
    group: group::Config,
    compression: Compression,
    /// `offsets.load.buffer.size`: how much of the log is read at once.
    load_buffer_bytes: usize,
    /// `offsets.commit.timeout.ms`: how long a write may wait for its followers before its client is told to retry.
    commit_timeout_ms: u64,
}

/// The groups whose partition of `__consumer_offsets` is led by this broker.
pub(crate) struct GroupCoordinator {
    settings: Settings,
    clock: Arc<dyn Clock>,
    /// By partition index.
    shards: RwLock<HashMap<i32, Arc<LedShard>>>,
    stopped: AtomicBool,
}

impl GroupCoordinator {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings {
            group: group_config(config),
            compression: compression(config.offsets_topic_compression_codec),
            load_buffer_bytes: usize::try_from(config.offsets_load_buffer_size).unwrap_or(usize::MAX),
            commit_timeout_ms: u64::try_from(config.offsets_commit_timeout_ms).unwrap_or(0),
        };
        Self { settings, clock, shards: RwLock::default(), stopped: AtomicBool::new(false) }
    }

    /// This broker leads `__consumer_offsets-<index>` from now on: its groups are read from the log, in a task of their own.
    pub(crate) fn on_elected(&self, broker: &Arc<Broker>, partition: &Arc<Partition>, leader_epoch: i32) {
        let index = partition.index();
        let log = LedPartition {
            partition: Arc::clone(partition),
            leader_epoch,
            blocking: broker.blocking.clone(),
        };
        self.lead(index, leader_epoch, Arc::new(log));
    }

    fn lead(&self, index: i32, leader_epoch: i32, log: Arc<dyn log::GroupLog>) {
        if self.stopped.load(Ordering::Acquire) {
            return;
        }
        let mut shards = self.shards.write();
        if shards.get(&index).is_some_and(|shard| shard.leader_epoch() >= leader_epoch) {
            return;
        }
        let shard =
            Arc::new(LedShard::new(index, leader_epoch, log, self.settings.clone(), Arc::clone(&self.clock)));
        let former = shards.insert(index, Arc::clone(&shard));
        drop(shards);
        if let Some(former) = former {
            former.close(ErrorCode::NOT_COORDINATOR);
        }
        shard.start();
    }

    /// It leads that partition no longer: whoever waits is told to look elsewhere.
    pub(crate) fn on_resigned(&self, partition_index: i32) {
        let former = self.shards.write().remove(&partition_index);
        if let Some(former) = former {
            former.close(ErrorCode::NOT_COORDINATOR);
            tracing::info!(partition = partition_index, "no longer coordinates the groups of this partition");
        }
    }

    /// Topics are gone: the offsets that were committed for them go too.
    pub(crate) fn on_topics_deleted(&self, _broker: &Arc<Broker>, topics: &[Str]) {
        for shard in self.all() {
            shard.topics_deleted(topics);
        }
    }

    /// The broker goes: parked requests are answered, and nothing more is written.
    pub(crate) fn shutdown(&self) {
        self.stopped.store(true, Ordering::Release);
        let shards: Vec<_> = self.shards.write().drain().map(|(_, shard)| shard).collect();
        for shard in shards {
            shard.close(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
    }

    /// How many groups are in each state, by Kafka's names.
    pub(crate) fn group_counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts = BTreeMap::new();
        for shard in self.all() {
            for (state, count) in shard.group_counts() {
                *counts.entry(state).or_insert(0) += count;
            }
        }
        counts.into_iter().collect()
    }

    /// The shard that `group` belongs to, or why it is not here.
    pub(crate) fn shard_of(&self, image: &Image, group: &str) -> Result<Arc<LedShard>, ErrorCode> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        let index = partition_of(image, group).ok_or(ErrorCode::NOT_COORDINATOR)?;
        self.shards.read().get(&index).cloned().ok_or(ErrorCode::NOT_COORDINATOR)
    }

    /// Every shard that is led here, loaded or not, in the order of their partitions.
    pub(crate) fn all(&self) -> Vec<Arc<LedShard>> {
        let mut shards: Vec<_> = self.shards.read().values().cloned().collect();
        shards.sort_unstable_by_key(|shard| shard.index());
        shards
    }
}

/// The partition of `__consumer_offsets` that `group` belongs to; `None` before the topic is there.
pub(crate) fn partition_of(image: &Image, group: &str) -> Option<i32> {
    let partitions = image.topic(group::OFFSETS_TOPIC)?.partitions.len();
    Some(group::partition_for(group, i32::try_from(partitions).ok()?))
}

fn group_config(config: &Config) -> group::Config {
    const MS_PER_MINUTE: i64 = 60_000;
    group::Config {
        min_session_timeout_ms: config.group_min_session_timeout_ms,
        max_session_timeout_ms: config.group_max_session_timeout_ms,
        initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        max_group_size: usize::try_from(config.group_max_size).unwrap_or(usize::MAX),
        offset_metadata_bytes_max: usize::try_from(config.offset_metadata_max_bytes).unwrap_or(usize::MAX),
        offsets_retention_ms: i64::from(config.offsets_retention_minutes).saturating_mul(MS_PER_MINUTE),
        offsets_retention_check_interval_ms: u64::try_from(config.offsets_retention_check_interval_ms)
            .unwrap_or(u64::MAX),
    }
}

/// `offsets.topic.compression.codec` is a number, which the configuration has checked.
fn compression(codec: i32) -> Compression {
    u8::try_from(codec).ok().and_then(|code| Compression::from_code(code).ok()).unwrap_or(Compression::None)
}
