//! Rates from two samples of ever-growing counters. Pure: samples carry the time at which they were taken.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::prometheus::Counters;

/// Two samples closer than this say more about scheduling than about load.
const ELAPSED_MIN: Duration = Duration::from_millis(100);

type Partitions = BTreeMap<(String, i32), Counters>;

/// Bytes and messages per second over all partitions of the broker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throughput {
    pub(crate) bytes_in: f64,
    pub(crate) bytes_out: f64,
    pub(crate) messages_in: f64,
}

/// Throughput between two samples, partition by partition: a partition that went away does not make the sum shrink, and
/// a counter that fell has been reset by a restart and counts from nought.
pub(crate) fn throughput(before: &Partitions, now: &Partitions, elapsed: Duration) -> Option<Throughput> {
    if elapsed < ELAPSED_MIN {
        return None;
    }
    let (mut bytes_in, mut bytes_out, mut messages_in) = (0_u64, 0_u64, 0_u64);
    for (key, now) in now {
        let before = before.get(key).copied().unwrap_or_default();
        bytes_in = bytes_in.saturating_add(increase(before.bytes_in, now.bytes_in));
        bytes_out = bytes_out.saturating_add(increase(before.bytes_out, now.bytes_out));
        messages_in = messages_in.saturating_add(increase(before.messages_in, now.messages_in));
    }
    let seconds = elapsed.as_secs_f64();
    Some(Throughput {
        bytes_in: bytes_in as f64 / seconds,
        bytes_out: bytes_out as f64 / seconds,
        messages_in: messages_in as f64 / seconds,
    })
}

fn increase(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// Cores in use between two readings of a process's CPU time; `None` when it fell (another process).
pub(crate) fn cores_used(before_seconds: f64, now_seconds: f64, elapsed: Duration) -> Option<f64> {
    let used = now_seconds - before_seconds;
    (elapsed >= ELAPSED_MIN && used >= 0.0).then(|| used / elapsed.as_secs_f64())
}

/// The sum over all partitions.
pub(crate) fn totals(partitions: &Partitions) -> Counters {
    partitions.values().fold(Counters::default(), |sum, one| Counters {
        bytes_in: sum.bytes_in.saturating_add(one.bytes_in),
        bytes_out: sum.bytes_out.saturating_add(one.bytes_out),
        messages_in: sum.messages_in.saturating_add(one.messages_in),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(parts: &[(&str, i32, u64)]) -> Partitions {
        let one = |&(topic, index, n): &(&str, i32, u64)| {
            ((topic.to_owned(), index), Counters { bytes_in: n, bytes_out: 2 * n, messages_in: n / 10 })
        };
        parts.iter().map(one).collect()
    }

    const TWO_SECONDS: Duration = Duration::from_secs(2);

    #[test]
    fn rates_are_increases_per_second() {
        let rate =
            throughput(&sample(&[("a", 0, 100)]), &sample(&[("a", 0, 300)]), TWO_SECONDS).expect("rate");
        assert_eq!(rate, Throughput { bytes_in: 100.0, bytes_out: 200.0, messages_in: 10.0 });
    }

    #[test]
    fn a_deleted_partition_does_not_make_rates_negative() {
        let before = sample(&[("a", 0, 1000), ("b", 0, 5000)]);
        let rate = throughput(&before, &sample(&[("a", 0, 1200)]), TWO_SECONDS).expect("rate");
        assert_eq!(rate.bytes_in, 100.0);
    }

    #[test]
    fn a_restarted_broker_counts_from_nought() {
        let rate =
            throughput(&sample(&[("a", 0, 1000)]), &sample(&[("a", 0, 50)]), TWO_SECONDS).expect("rate");
        assert_eq!(rate.bytes_in, 25.0);
    }

    #[test]
    fn samples_too_close_together_give_no_rate() {
        assert_eq!(throughput(&sample(&[]), &sample(&[]), Duration::from_millis(5)), None);
        assert_eq!(cores_used(1.0, 2.0, Duration::ZERO), None);
    }

    #[test]
    fn cpu_is_cores_and_never_negative() {
        assert_eq!(cores_used(10.0, 11.0, TWO_SECONDS), Some(0.5));
        assert_eq!(cores_used(10.0, 1.0, TWO_SECONDS), None);
    }
}
