//! What is measured, in which order, with which numbers.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::clock::{Watch, unix_ms};
use crate::load;
use crate::measure::{Cpu, Sample, rss_bytes};
use crate::page_cache::{Ballast, plain_write};
use crate::peer::{self, Running};
use crate::report;
use crate::wire::Connection;

const MIB: u64 = 1 << 20;
/// Bytes of the batches that warm-up and throughput runs send: what a busy producer's linger makes of them.
const BATCH_RECORDS: usize = 63;

#[derive(clap::Args, Clone, Serialize)]
pub(crate) struct Plan {
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1024)]
    pub(crate) record_bytes: usize,
    /// Connections, each with a partition of its own
    #[arg(long, default_value_t = 4)]
    pub(crate) connections: u32,
    /// MiB written before anything is measured, so that a JVM is warm
    #[arg(long, default_value_t = 4096)]
    pub(crate) warm_up_mib: u64,
    /// MiB written, and then read, while measured
    #[arg(long, default_value_t = 4096)]
    pub(crate) measured_mib: u64,
    /// Records a second of the fixed-rate run, unbatched
    #[arg(long, default_value_t = 1000)]
    pub(crate) rate: u32,
    /// Seconds of the fixed-rate run, after as many seconds of warm-up at that rate (10 at the most)
    #[arg(long, default_value_t = 20)]
    pub(crate) rate_seconds: u32,
    /// Seconds of quiet before idle memory is read
    #[arg(long, default_value_t = 8)]
    pub(crate) idle_seconds: u32,
}

/// A throughput run.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Throughput {
    pub(crate) mb_per_second: f64,
    pub(crate) broker_cpu_seconds_per_gb: f64,
    pub(crate) other_share: f64,
    pub(crate) idle_share: f64,
}

/// A fixed-rate run.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) broker_cores: f64,
    pub(crate) other_share: f64,
    pub(crate) idle_share: f64,
}

/// All that one start of one broker gave.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) cold_start_ms: Option<f64>,
    /// What a plain write to a file cost on this machine just before.
    pub(crate) plain_write_cpu_seconds_per_gb: Option<f64>,
    pub(crate) rss_idle_bytes: u64,
    pub(crate) rss_loaded_bytes: u64,
    pub(crate) produce: Throughput,
    pub(crate) fetch: Throughput,
    pub(crate) rate: Rate,
}

/// Each broker in turn, `rounds` times, and the table.
pub(crate) fn compare(
    kafka_lib: &Path,
    headrace: &Path,
    out: &Path,
    rounds: u32,
    only: Option<&str>,
    plan: &Plan,
) -> Result<()> {
    let peers = peer::all(kafka_lib, headrace, only)?;
    let mut results: Vec<(String, String, Vec<Figures>)> = Vec::new();
    for peer in &peers {
        results.push((peer.name().to_owned(), peer.description()?, Vec::new()));
    }
    let mut ballast = Ballast::new()?;
    for round in 1..=rounds {
        for (peer, result) in peers.iter().zip(&mut results) {
            eprintln!("round {round} of {rounds}: {}", peer.name());
            let dir = tempfile::tempdir()?;
            ballast.fill()?;
            let plain = plain_write(dir.path())?;
            let running = Running::start(peer.as_ref(), dir.path(), 1)?;
            let mut figures = measure_load(&running.address, running.pid(0), plan)?;
            figures.plain_write_cpu_seconds_per_gb = Some(plain);
            figures.cold_start_ms = Some(running.cold_start.as_secs_f64() * 1000.0);
            result.2.push(figures);
        }
    }
    report::write(out, plan, &results)
}

/// The whole load on one running broker.
pub(crate) fn measure_load(address: &str, pid: u32, plan: &Plan) -> Result<Figures> {
    std::thread::sleep(Duration::from_secs(plan.idle_seconds.into()));
    let rss_idle_bytes = rss_bytes(pid)?;

    let batch = load::batch(BATCH_RECORDS * 1024 / plan.record_bytes.max(1), plan.record_bytes, unix_ms())?;
    let single = load::batch(1, plan.record_bytes, unix_ms())?;
    let mut admin = Connection::open(address)?;
    let partitions = plan.connections as i32;
    let addresses = vec![address.to_owned(); plan.connections as usize];
    let topic = |admin: &mut Connection, name: &str| -> Result<()> {
        admin.create_topic(name, partitions, 1)?;
        (0..partitions).try_for_each(|partition| admin.await_writable(name, partition, &single))
    };

    topic(&mut admin, "warm-up")?;
    load::produce::run(&addresses, "warm-up", &batch, plan.warm_up_mib * MIB)?;
    load::fetch::run(address, "warm-up", plan.connections, plan.warm_up_mib * MIB / 2)?;

    topic(&mut admin, "measured")?;
    let bytes = plan.measured_mib * MIB;
    let produce = throughput(&[pid], || load::produce::run(&addresses, "measured", &batch, bytes))?;
    let rss_loaded_bytes = rss_bytes(pid)?;
    let fetch = throughput(&[pid], || load::fetch::run(address, "measured", plan.connections, bytes))?;

    topic(&mut admin, "rate")?;
    load::rate::run(address, "rate", &single, plan.rate, plan.rate_seconds.min(10))?;
    let (watch, before) = (Watch::start(), Sample::take(&[pid])?);
    let latencies = load::rate::run(address, "rate", &single, plan.rate, plan.rate_seconds)?;
    let cpu = before.until(Sample::take(&[pid])?);
    let rate = Rate {
        p50_us: latencies.quantile_us(0.5),
        p99_us: latencies.quantile_us(0.99),
        p999_us: latencies.quantile_us(0.999),
        broker_cores: cpu.broker_seconds / watch.elapsed().as_secs_f64(),
        other_share: cpu.other_share,
        idle_share: cpu.idle_share,
    };
    // Nothing was deleted until now: that would free memory under the runs.
    for name in ["warm-up", "measured", "rate"] {
        admin.delete_topic(name)?;
    }
    Ok(Figures {
        cold_start_ms: None,
        plain_write_cpu_seconds_per_gb: None,
        rss_idle_bytes,
        rss_loaded_bytes,
        produce,
        fetch,
        rate,
    })
}

pub(crate) fn throughput(pids: &[u32], work: impl FnOnce() -> Result<u64>) -> Result<Throughput> {
    let (watch, before) = (Watch::start(), Sample::take(pids)?);
    let bytes = work()?;
    let seconds = watch.elapsed().as_secs_f64();
    let Cpu { broker_seconds, other_share, idle_share } = before.until(Sample::take(pids)?);
    let gb = bytes as f64 / 1e9;
    Ok(Throughput {
        mb_per_second: bytes as f64 / 1e6 / seconds,
        broker_cpu_seconds_per_gb: broker_seconds / gb,
        other_share,
        idle_share,
    })
}
