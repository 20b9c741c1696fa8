//! The one place of this crate that reads the clock. Everything else is given a [`Clock`] or a time, so that a simulation can own both.
#![expect(clippy::disallowed_methods, reason = "this module is where the crate reads the clock")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time for what is stored and shown, monotonic time for what is measured and waited for.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch. May jump.
    fn now_ms(&self) -> i64;
    /// Nanoseconds since some fixed moment of this process. Never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Milliseconds since the same moment.
    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / 1_000_000
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // A clock before 1970 is a broken machine; zero keeps the arithmetic sane until it is set.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
