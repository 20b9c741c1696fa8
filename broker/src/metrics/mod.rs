//! Counters of the broker. The hot path touches plain atomics only; names and text come in when /metrics is asked.

mod process;
mod render;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use headrace_protocol::ApiKey;

pub(crate) use render::render;

/// Upper bounds of the latency buckets, in microseconds.
pub(crate) const LATENCY_BUCKETS_US: [u64; 16] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often an API was called and how long it took, from its frame being whole to its answer being ready.
#[derive(Debug, Default)]
pub(crate) struct ApiMetrics {
    pub(crate) errors: Counter,
    total_us: Counter,
    buckets: [Counter; LATENCY_BUCKETS_US.len() + 1],
}

impl ApiMetrics {
    pub(crate) fn record(&self, elapsed_ns: u64) {
        let micros = elapsed_ns / 1_000;
        let bucket = LATENCY_BUCKETS_US.partition_point(|bound| *bound < micros);
        self.buckets[bucket].add(1);
        self.total_us.add(micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(Counter::get).sum()
    }
}

/// What one partition counts. Lives in the partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionCounters {
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) messages_in: Counter,
}

/// What the whole broker counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    apis: Vec<ApiMetrics>,
    pub(crate) connections: Gauge,
    pub(crate) connections_accepted: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_idle_closed: Counter,
    pub(crate) protocol_errors: Counter,
    pub(crate) socket_bytes_in: Counter,
    pub(crate) socket_bytes_out: Counter,
    pub(crate) cold_reads: Counter,
    pub(crate) flushes: Counter,
    pub(crate) failed_produce: Counter,
    pub(crate) failed_fetch: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let keys = ApiKey::ALL.iter().map(|key| *key as usize).max().unwrap_or(0);
        Self {
            apis: (0..=keys).map(|_| ApiMetrics::default()).collect(),
            connections: Gauge::default(),
            connections_accepted: Counter::default(),
            connections_refused: Counter::default(),
            connections_idle_closed: Counter::default(),
            protocol_errors: Counter::default(),
            socket_bytes_in: Counter::default(),
            socket_bytes_out: Counter::default(),
            cold_reads: Counter::default(),
            flushes: Counter::default(),
            failed_produce: Counter::default(),
            failed_fetch: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn api(&self, key: ApiKey) -> &ApiMetrics {
        &self.apis[key as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_first_bucket_that_holds_it() {
        let api = ApiMetrics::default();
        for us in [1, 25, 26, 10_000_000] {
            api.record(us * 1_000);
        }
        assert_eq!(api.buckets[0].get(), 2);
        assert_eq!(api.buckets[1].get(), 1);
        assert_eq!(api.buckets[LATENCY_BUCKETS_US.len()].get(), 1);
        assert_eq!(api.count(), 4);
    }
}
