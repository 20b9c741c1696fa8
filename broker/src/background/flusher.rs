//! Forces logs to disk when their configuration says so, and writes down how far that has got.

use std::time::Duration;

use super::StopFlag;
use crate::broker::Broker;

/// How often logs are looked at unless flush.ms asks for more.
const ROUND_MS: i64 = 500;
/// The shortest round, whatever flush.ms says.
const ROUND_MS_MIN: i64 = 10;

pub(super) fn run(broker: &Broker, stop: &StopFlag) {
    let config = &broker.config;
    let round_ms = config.log_flush_interval_ms.unwrap_or(ROUND_MS).clamp(ROUND_MS_MIN, ROUND_MS);
    let checkpoint_ms = config.log_flush_offset_checkpoint_interval_ms.unsigned_abs();
    let mut checkpointed_ms = broker.clock.monotonic_ms();
    while stop.sleep(Duration::from_millis(round_ms.unsigned_abs())) {
        for partition in broker.replicas.partitions() {
            if partition.flush(broker.clock.now_ms(), true) {
                broker.metrics.flushes.add(1);
            }
        }
        let now_ms = broker.clock.monotonic_ms();
        if now_ms.saturating_sub(checkpointed_ms) >= checkpoint_ms {
            checkpointed_ms = now_ms;
            if let Err(error) = broker.replicas.dirs().write_checkpoints(&broker.replicas.high_watermarks()) {
                tracing::error!(%error, "the checkpoints could not be written");
            }
        }
    }
}
