//! The one place of this binary that asks the machine for the time.
#![expect(clippy::disallowed_methods, reason = "this module is the binary's clock")]

use std::time::Instant;

/// A point on the monotonic clock, for deadlines and durations.
pub(crate) fn now() -> Instant {
    Instant::now()
}
