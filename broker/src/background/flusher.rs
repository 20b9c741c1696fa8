//! Forces logs to disk when their configuration says so, and writes down how far that has got.

use std::time::Duration;

use super::Upkeep;
use crate::broker::Broker;

/// How often logs are looked at unless flush.ms asks for more.
const ROUND_MS: i64 = 500;
/// The shortest round, whatever flush.ms says.
const ROUND_MS_MIN: i64 = 10;

pub(super) struct Flusher {
    checkpointed_ms: u64,
}

impl Upkeep for Flusher {
    const THREAD: &str = "headrace-flush";

    fn new(now_ms: u64) -> Self {
        Self { checkpointed_ms: now_ms }
    }

    fn pause(&self, broker: &Broker) -> Duration {
        let round_ms = broker.config.log_flush_interval_ms.unwrap_or(ROUND_MS).clamp(ROUND_MS_MIN, ROUND_MS);
        Duration::from_millis(round_ms.unsigned_abs())
    }

    fn round(&mut self, broker: &Broker) {
        let now_ms = broker.clock.now_ms();
        for partition in broker.replicas.partitions() {
            if partition.flush(now_ms, true) == Ok(true) {
                broker.metrics.flushes.add(1);
            }
        }
        let now_ms = broker.clock.monotonic_ms();
        let checkpoint_ms = broker.config.log_flush_offset_checkpoint_interval_ms.unsigned_abs();
        if now_ms.saturating_sub(self.checkpointed_ms) >= checkpoint_ms {
            self.checkpointed_ms = now_ms;
            if let Err(error) = broker.replicas.dirs().write_checkpoints(&broker.replicas.high_watermarks()) {
                tracing::error!(%error, "the checkpoints could not be written");
            }
        }
    }
}
