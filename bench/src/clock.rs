//! The one place that reads the clocks.
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A running stop-watch.
#[derive(Clone, Copy)]
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Sleeps until `due` after the start; returns at once where that has passed.
    pub(crate) fn sleep_until(&self, due: Duration) {
        if let Some(left) = due.checked_sub(self.elapsed()) {
            std::thread::sleep(left);
        }
    }
}

pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis().try_into().unwrap_or(i64::MAX))
}
