//! Limits on how fast replicas are copied (KIP-73, KIP-113), so that a move leaves room for clients. Only what is listed by a topic's
//! `leader.replication.throttled.replicas` and `follower.replication.throttled.replicas` counts, and no replica that is in sync.
//!
//! A copy may run ahead by what one fetch brings, and waits then until that is made up for: over some seconds the rate is what was set.
//! No clock, and nothing to do while nothing is copied.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use headrace_state::metadata::configs::BrokerConfig;
use parking_lot::Mutex;

/// Kafka's word for "without limit".
const UNLIMITED: i64 = i64::MAX;

/// How much may go now.
#[derive(Debug, Default)]
struct Bucket {
    /// In bytes; below 0, what has gone too early.
    left: i64,
    filled_ms: u64,
}

impl Bucket {
    /// Puts in what the rate allows since the last time, at most what it allows in a second.
    fn fill(&mut self, bytes_per_s: i64, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.filled_ms);
        let allowed = i128::from(elapsed_ms) * i128::from(bytes_per_s) / 1_000;
        if allowed > 0 {
            let left = i128::from(self.left).saturating_add(allowed).min(i128::from(bytes_per_s));
            self.left = i64::try_from(left).unwrap_or(i64::MAX);
            self.filled_ms = now_ms;
        }
    }
}

/// One limit.
#[derive(Debug)]
pub(crate) struct Throttle {
    bytes_per_s: AtomicI64,
    bucket: Mutex<Bucket>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { bytes_per_s: AtomicI64::new(UNLIMITED), bucket: Mutex::default() }
    }
}

impl Throttle {
    fn set(&self, bytes_per_s: i64) {
        if self.bytes_per_s.swap(bytes_per_s, Ordering::Relaxed) != bytes_per_s {
            // What went too early by the old rate is not held against the new one.
            self.bucket.lock().left = 0;
        }
    }

    /// For how long nothing may go, in milliseconds; `None` if something may.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        const WAIT_MS_MAX: u64 = 1_000;
        let bytes_per_s = self.bytes_per_s.load(Ordering::Relaxed);
        if bytes_per_s == UNLIMITED {
            return None;
        }
        let mut bucket = self.bucket.lock();
        bucket.fill(bytes_per_s, now_ms);
        let missing = 1_i128 - i128::from(bucket.left);
        if missing <= 0 {
            return None;
        }
        // Never longer, for the rate may change meanwhile.
        let wait_ms = missing * 1_000 / i128::from(bytes_per_s.max(1)) + 1;
        Some(u64::try_from(wait_ms).unwrap_or(WAIT_MS_MAX).min(WAIT_MS_MAX))
    }

    /// So much has gone.
    pub(crate) fn took(&self, bytes: usize, now_ms: u64) {
        let bytes_per_s = self.bytes_per_s.load(Ordering::Relaxed);
        if bytes_per_s != UNLIMITED && bytes > 0 {
            let mut bucket = self.bucket.lock();
            bucket.fill(bytes_per_s, now_ms);
            bucket.left = bucket.left.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }
}

/// The limits of this broker.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    /// What its leaders send to followers out of sync.
    pub(crate) leader: Throttle,
    /// What its followers out of sync fetch.
    pub(crate) follower: Throttle,
    /// What is copied between its log directories.
    pub(crate) between_dirs: Throttle,
}

impl Throttles {
    pub(super) fn configure(&self, config: &BrokerConfig<'_>) {
        self.leader.set(config.i64("leader.replication.throttled.rate"));
        self.follower.set(config.i64("follower.replication.throttled.rate"));
        self.between_dirs.set(config.i64("replica.alter.log.dirs.io.max.bytes.per.second"));
    }
}

/// Which replicas of a topic are throttled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum ThrottledReplicas {
    #[default]
    Nobody,
    All,
    /// Pairs of partition and broker.
    Listed(BTreeSet<(i32, i32)>),
}

impl ThrottledReplicas {
    /// From a configuration's value, which was checked when it was set.
    pub(super) fn parse(value: &str) -> Self {
        match value.trim() {
            "" | "none" => Self::Nobody,
            "*" => Self::All,
            pairs => {
                let pair = |pair: &str| {
                    let (partition, broker) = pair.split_once(':')?;
                    Some((partition.trim().parse().ok()?, broker.trim().parse().ok()?))
                };
                Self::Listed(pairs.split(',').filter_map(pair).collect())
            }
        }
    }

    pub(super) fn contains(&self, partition: i32, broker: i32) -> bool {
        match self {
            Self::Nobody => false,
            Self::All => true,
            Self::Listed(pairs) => pairs.contains(&(partition, broker)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a copy of so many bytes in pieces takes.
    fn copy_ms(throttle: &Throttle, bytes: usize, piece: usize, from_ms: u64) -> u64 {
        let (mut now_ms, mut copied) = (from_ms, 0);
        while copied < bytes {
            while let Some(wait_ms) = throttle.wait_ms(now_ms) {
                now_ms += wait_ms;
            }
            throttle.took(piece, now_ms);
            copied += piece;
        }
        now_ms - from_ms
    }

    #[test]
    fn a_copy_takes_as_long_as_the_rate_says_whatever_the_pieces() {
        for piece in [1_000, 100_000, 1_000_000, 5_000_000] {
            let throttle = Throttle::default();
            throttle.set(1_000_000);
            let took_ms = copy_ms(&throttle, 20_000_000, piece, 50_000);
            // A second's worth is there at the beginning, and the last piece is not waited for.
            let least_ms = 19_000 - piece as u64 / 1_000;
            assert!((least_ms..=20_100).contains(&took_ms), "{piece}: {took_ms}");
            // Being idle saves up no more than that.
            let again_ms = copy_ms(&throttle, 20_000_000, piece, 900_000);
            assert!(again_ms >= least_ms, "{piece}: {again_ms}");
        }
    }

    #[test]
    fn without_a_limit_nothing_waits_and_with_none_left_everything_does() {
        let throttle = Throttle::default();
        assert_eq!(copy_ms(&throttle, 1 << 40, 1 << 30, 0), 0);
        throttle.set(0);
        throttle.took(1, 10);
        assert!(throttle.wait_ms(1_000_000).is_some());
        throttle.set(10);
        assert!(throttle.wait_ms(1_001_000).is_none(), "a new rate begins anew");
    }

    #[test]
    fn a_list_names_replicas_by_partition_and_broker() {
        let listed = ThrottledReplicas::parse("0:1, 1:2");
        assert!(listed.contains(0, 1) && listed.contains(1, 2) && !listed.contains(0, 2));
        assert!(ThrottledReplicas::parse("*").contains(7, 7));
        for nobody in ["", "none"] {
            assert_eq!(ThrottledReplicas::parse(nobody), ThrottledReplicas::Nobody);
        }
    }
}
