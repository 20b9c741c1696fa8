//! Copies partitions that are on their way to another log directory (KIP-113), a piece of each in turn.

use std::time::Duration;

use headrace_log::{Copied, TopicPartition};

use super::Upkeep;
use crate::broker::Broker;

/// How often it is looked whether anything moves.
const ROUND: Duration = Duration::from_millis(500);
/// The wait after a round that copied nothing: what moves is level, or its disk has trouble.
const PAUSE: Duration = Duration::from_millis(20);
/// What is copied of one partition at once, in bytes.
const PIECE_BYTES: usize = 1024 * 1024;

pub(super) struct Mover {
    pause: Duration,
}

impl Upkeep for Mover {
    const THREAD: &str = "headrace-move";

    fn new(_now_ms: u64) -> Self {
        Self { pause: ROUND }
    }

    fn pause(&self, _broker: &Broker) -> Duration {
        self.pause
    }

    /// A piece of everything that moves.
    fn round(&mut self, broker: &Broker) {
        let mut copied = false;
        for future in broker.replicas.dirs().futures() {
            if broker.is_stopping() {
                return;
            }
            copied |= piece(broker, &future.partition).unwrap_or_else(|error| {
                tracing::warn!(partition = %future.partition, %error, "a partition cannot be moved on for the moment");
                false
            });
        }
        self.pause = match (copied, broker.replicas.dirs().is_moving()) {
            (_, false) => ROUND,
            (true, true) => Duration::ZERO,
            (false, true) => PAUSE,
        };
    }
}

/// True if there is more to copy at once.
fn piece(broker: &Broker, partition: &TopicPartition) -> Result<bool, String> {
    let dirs = broker.replicas.dirs();
    let now_ms = broker.clock.now_ms();
    let throttle = &broker.replicas.throttles.between_dirs;
    if throttle.wait_ms(broker.clock.monotonic_ms()).is_some() {
        return Ok(false);
    }
    match dirs.copy_step(partition, PIECE_BYTES, now_ms) {
        Ok(Copied::Bytes(bytes)) => {
            throttle.took(bytes, broker.clock.monotonic_ms());
            Ok(bytes > 0)
        }
        Ok(Copied::Gone) => {
            dirs.give_up_move(partition);
            Ok(false)
        }
        Ok(Copied::Level) => {
            if dirs.finish_move(partition, now_ms).map_err(|error| error.to_string())? {
                tracing::info!(%partition, to = ?dirs.dir_of(partition), "a partition has moved to another log directory");
                broker.replicas.moved(partition);
            }
            Ok(false)
        }
        Err(error) => Err(error.to_string()),
    }
}
