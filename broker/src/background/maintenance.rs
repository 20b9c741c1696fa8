//! Retention, expiry of producers, removal of deleted files.

use std::time::Duration;

use super::Upkeep;
use crate::broker::Broker;

/// How often the small upkeep runs.
const ROUND_MS: u64 = 5_000;

pub(super) struct Maintenance {
    looked_ms: u64,
}

impl Upkeep for Maintenance {
    const THREAD: &str = "headrace-upkeep";

    fn new(now_ms: u64) -> Self {
        Self { looked_ms: now_ms }
    }

    fn pause(&self, broker: &Broker) -> Duration {
        Duration::from_millis(ROUND_MS.min(broker.config.log_retention_check_interval_ms.unsigned_abs()))
    }

    fn round(&mut self, broker: &Broker) {
        let now_ms = broker.clock.monotonic_ms();
        let retention_ms = broker.config.log_retention_check_interval_ms.unsigned_abs();
        let retention = now_ms.saturating_sub(self.looked_ms) >= retention_ms;
        if retention {
            self.looked_ms = now_ms;
        }
        for partition in broker.replicas.partitions() {
            partition.maintain(broker.clock.now_ms(), retention);
        }
        broker.replicas.dirs().purge(broker.clock.now_ms());
    }
}
