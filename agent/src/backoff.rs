//! How long to wait after the n-th failure in a row: exponential with full jitter. Pure: the random number is given.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// A wait between a quarter of and the whole of `0.5 s × 2^(failures-1)`, at most 30 s. `random` is in 0..1.
pub(crate) fn wait(failures: u32, random: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST).mul_f64(0.25 + 0.75 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        assert_eq!(wait(1, 1.0), FIRST);
        assert_eq!(wait(3, 1.0), FIRST * 4);
        assert_eq!(wait(u32::MAX, 1.0), LONGEST);
        assert!(wait(0, 0.0) > Duration::ZERO && wait(50, 0.0) < wait(50, 1.0));
    }
}
