//! Three brokers: what replication costs, how long partitions are without a leader, what many partitions cost.
//!
//! Kafka's defaults hold for both (`min.insync.replicas` 1, sessions of 9 s); topics have three replicas, writes want all of them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::clock::{Watch, unix_ms};
use crate::load;
use crate::measure::{Sample, rss_bytes};
use crate::page_cache::Ballast;
use crate::peer::{self, Running};
use crate::plan::{Throughput, throughput};
use crate::wire::{Connection, Metadata};

const BROKERS: usize = 3;
const REPLICAS: i16 = 3;
const MIB: u64 = 1 << 20;
const RECORDS_PER_BATCH: usize = 63;
const RECORD_BYTES: usize = 1024;
/// How often the cluster is asked what it looks like.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(300);
/// Partitions that one request makes.
const PARTITIONS_PER_TOPIC: i32 = 1_000;

#[derive(clap::Args, Clone, Serialize)]
pub(crate) struct Plan {
    /// MiB written before anything is measured, so that a JVM is warm
    #[arg(long, default_value_t = 1024)]
    warm_up_mib: u64,
    /// MiB written while measured
    #[arg(long, default_value_t = 1024)]
    measured_mib: u64,
    /// Connections, each with a partition of its own
    #[arg(long, default_value_t = 6)]
    connections: i32,
    /// Partitions whose leaders fail over
    #[arg(long, default_value_t = 1_000)]
    failover_partitions: i32,
    /// Partitions of the large cluster, in thousands
    #[arg(long, default_value_t = 10)]
    large_thousands: i32,
    /// Seconds over which idle CPU is counted
    #[arg(long, default_value_t = 15)]
    idle_seconds: u32,
}

#[derive(Serialize)]
struct Figures {
    produce: Throughput,
    failover_ms: f64,
    silent_failover_ms: f64,
    controlled_shutdown_ms: f64,
    large_create_s: f64,
    large_idle_cores_per_broker: f64,
    large_rss_bytes_per_broker: f64,
}

type Row = (&'static str, fn(&Figures) -> f64, &'static str);

const ROWS: [Row; 8] = [
    ("produce, acks=all, 3 replicas, MB/s", |f| f.produce.mb_per_second, ""),
    ("the same, brokers' CPU-s/GB", |f| f.produce.broker_cpu_seconds_per_gb, "≤ 0.5"),
    ("failover after kill -9, s", |f| f.failover_ms / 1000.0, "≤ 0.2"),
    ("failover from a frozen broker (session 9 s), s", |f| f.silent_failover_ms / 1000.0, "≤ session + 1 s"),
    ("controlled shutdown, s", |f| f.controlled_shutdown_ms / 1000.0, "≤ 1 s"),
    ("making many partitions, s", |f| f.large_create_s, "≤ 10 s"),
    ("idle with them, cores a broker", |f| f.large_idle_cores_per_broker, "≤ 0.05 cores"),
    ("memory with them, MiB a broker", |f| f.large_rss_bytes_per_broker / MIB as f64, "≤ 0.1"),
];

/// Each peer once, and the table.
pub(crate) fn compare(
    kafka_lib: &Path,
    headrace: &Path,
    out: &Path,
    only: Option<&str>,
    plan: &Plan,
) -> Result<()> {
    let mut results = Vec::new();
    let mut ballast = Ballast::new()?;
    // Removed at the end: ext4 passes over inodes that were deleted in the last minutes one by one, which the next peer would pay for.
    let mut dirs = Vec::new();
    for peer in peer::all(kafka_lib, headrace, only)? {
        eprintln!("{}", peer.name());
        let dir = tempfile::tempdir()?;
        ballast.fill()?;
        let mut running = Running::start(peer.as_ref(), dir.path(), BROKERS)?;
        let figures = measure(&mut running, plan)?;
        results.push((peer.name().to_owned(), peer.description()?, figures));
        drop(running);
        dirs.push(dir);
    }
    let text = table(plan, &results);
    println!("{text}");
    fs::create_dir_all(out)?;
    fs::write(out.join("replication.md"), &text)?;
    fs::write(out.join("replication.json"), serde_json::to_string_pretty(&(plan, &results))?)?;
    Ok(())
}

fn measure(running: &mut Running, plan: &Plan) -> Result<Figures> {
    let batch = load::batch(RECORDS_PER_BATCH, RECORD_BYTES, unix_ms())?;
    let mut admin = Connection::open(&running.address)?;
    let mut write = |topic: &str, mib: u64, pids: &[u32]| -> Result<Throughput> {
        admin.create_topic(topic, plan.connections, REPLICAS)?;
        let metadata = until(&mut admin, |m| is_whole(m, topic, plan.connections))?;
        let leaders = metadata.leaders(topic)?;
        for (partition, leader) in (0..).zip(&leaders) {
            Connection::open(leader)?.await_writable(topic, partition, &batch)?;
        }
        throughput(pids, || load::produce::run(&leaders, topic, &batch, mib * MIB))
    };
    write("warm-up", plan.warm_up_mib, &running.pids())?;
    let produce = write("measured", plan.measured_mib, &running.pids())?;

    admin.create_topic("failover", plan.failover_partitions, REPLICAS)?;
    until(&mut admin, |m| is_whole(m, "failover", plan.failover_partitions))?;
    let failover_ms = crash_last(running, &mut admin)?;
    running.restart(BROKERS - 1)?;
    until(&mut admin, |m| is_whole(m, "failover", plan.failover_partitions))?;
    // The last broker leads nothing of the others any more, and Kafka takes minutes to hand it back what it led.
    admin.create_topic("frozen", plan.failover_partitions, REPLICAS)?;
    until(&mut admin, |m| is_whole(m, "frozen", plan.failover_partitions))?;
    let silent_failover_ms = freeze_last(running, &mut admin)?;
    until(&mut admin, |m| is_whole(m, "frozen", plan.failover_partitions))?;
    admin.delete_topic("frozen")?;
    until(&mut admin, |m| is_whole(m, "failover", plan.failover_partitions))?;
    let controlled_shutdown_ms = stop_second(running, &mut admin)?;
    running.restart(1)?;
    until(&mut admin, |m| is_whole(m, "failover", plan.failover_partitions))?;

    let watch = Watch::start();
    for n in 0..plan.large_thousands {
        admin.create_topic(&format!("large-{n}"), PARTITIONS_PER_TOPIC, REPLICAS)?;
    }
    let large = (plan.large_thousands * PARTITIONS_PER_TOPIC) as usize;
    until(&mut admin, |m| {
        m.partitions.iter().filter(|p| p.topic.starts_with("large-") && p.leader >= 0).count() == large
            && m.partitions.iter().all(|p| p.in_sync == p.replicas)
    })?;
    let large_create_s = watch.elapsed().as_secs_f64();
    // What making them left to do is over by then.
    std::thread::sleep(Duration::from_secs(u64::from(plan.idle_seconds)));
    let pids = running.pids();
    let (watch, before) = (Watch::start(), Sample::take(&pids)?);
    std::thread::sleep(Duration::from_secs(u64::from(plan.idle_seconds)));
    let cpu = before.until(Sample::take(&pids)?);
    let large_idle_cores_per_broker = cpu.broker_seconds / watch.elapsed().as_secs_f64() / BROKERS as f64;
    let rss = pids.iter().map(|pid| rss_bytes(*pid)).sum::<Result<u64>>()?;
    Ok(Figures {
        produce,
        failover_ms,
        silent_failover_ms,
        controlled_shutdown_ms,
        large_create_s,
        large_idle_cores_per_broker,
        large_rss_bytes_per_broker: rss as f64 / BROKERS as f64,
    })
}

/// Asks until the cluster looks like that.
fn until(admin: &mut Connection, looks: impl Fn(&Metadata) -> bool) -> Result<Metadata> {
    let watch = Watch::start();
    loop {
        let metadata = admin.metadata()?;
        if looks(&metadata) {
            return Ok(metadata);
        }
        ensure!(watch.elapsed() < DEADLINE, "the cluster did not come to rest within {DEADLINE:?}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// All of a topic's partitions have a leader and all their replicas.
fn is_whole(metadata: &Metadata, topic: &str, partitions: i32) -> bool {
    let of_topic = metadata.partitions.iter().filter(|p| p.topic == topic);
    let whole = of_topic.filter(|p| p.leader >= 0 && p.in_sync == usize::from(REPLICAS.unsigned_abs()));
    whole.count() == partitions as usize && metadata.brokers.len() == BROKERS
}

/// Until nobody is told that broker `id` leads anything.
fn until_not_led_by(admin: &mut Connection, id: usize) -> Result<f64> {
    let watch = Watch::start();
    until(admin, |m| m.partitions.iter().all(|p| p.leader >= 0 && p.leader != id as i32))?;
    Ok(watch.elapsed().as_secs_f64() * 1000.0)
}

fn crash_last(running: &mut Running, admin: &mut Connection) -> Result<f64> {
    running.kill(BROKERS - 1)?;
    until_not_led_by(admin, BROKERS)
}

/// Its port is open and its connections stand: only its heartbeats are missed, until its session is over.
fn freeze_last(running: &mut Running, admin: &mut Connection) -> Result<f64> {
    running.freeze(BROKERS - 1);
    let elapsed_ms = until_not_led_by(admin, BROKERS);
    running.thaw(BROKERS - 1);
    elapsed_ms
}

fn stop_second(running: &mut Running, admin: &mut Connection) -> Result<f64> {
    let watch = Watch::start();
    running.ask_to_stop(1);
    until_not_led_by(admin, 2)?;
    running.await_end(1)?;
    Ok(watch.elapsed().as_secs_f64() * 1000.0)
}

fn table(plan: &Plan, results: &[(String, String, Figures)]) -> String {
    let mut text = String::from("# Three brokers\n\n");
    for (name, description, _) in results {
        let _ = writeln!(text, "- {name}: {description}");
    }
    let _ = writeln!(
        text,
        "\nOne run each, one after the other on the same machine. Three replicas; {} MiB written by {} connections after {} MiB of \
         warm-up; {} partitions fail over; {},000 are many.\n",
        plan.measured_mib, plan.connections, plan.warm_up_mib, plan.failover_partitions, plan.large_thousands
    );
    text += "| |";
    results.iter().for_each(|(name, ..)| text += &format!(" {name} |"));
    text += " ratio | target |\n|---|";
    results.iter().for_each(|_| text += "---|");
    text += "---|---|\n";
    for (name, value, target) in ROWS {
        let values: Vec<f64> = results.iter().map(|(.., figures)| value(figures)).collect();
        let _ = write!(text, "| {name} |");
        values.iter().for_each(|v| text += &format!(" {v:.3} |"));
        match values.as_slice() {
            [theirs, ours] => text += &format!(" {:.2} | {target} |\n", ours / theirs),
            _ => text += &format!(" | {target} |\n"),
        }
    }
    for (name, _, figures) in results {
        let _ = writeln!(
            text,
            "\nOther work on the machine while {name} wrote: {:.2}.",
            figures.produce.other_share
        );
    }
    text
}
