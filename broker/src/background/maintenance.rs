//! Retention, expiry of producers, removal of deleted files.

use std::time::Duration;

use super::StopFlag;
use crate::broker::Broker;

/// How often the small upkeep runs.
const ROUND_MS: u64 = 5_000;

pub(super) fn run(broker: &Broker, stop: &StopFlag) {
    let retention_ms = broker.config.log_retention_check_interval_ms.unsigned_abs();
    let round = Duration::from_millis(ROUND_MS.min(retention_ms));
    let mut looked_ms = broker.clock.monotonic_ms();
    while stop.sleep(round) {
        let now_ms = broker.clock.monotonic_ms();
        let retention = now_ms.saturating_sub(looked_ms) >= retention_ms;
        if retention {
            looked_ms = now_ms;
        }
        for partition in broker.replicas.partitions() {
            partition.maintain(broker.clock.now_ms(), retention);
        }
        broker.replicas.dirs().purge(broker.clock.now_ms());
    }
}
