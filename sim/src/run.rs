//! One run: a cluster, its clients, and faults for a while; then peace, in which everything must come together again; then the books are
//! compared.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use headrace_records::batches;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::Builder;

use crate::client::producer::{Producer, decode};
use crate::client::{PARTITIONS, Shared, TOPICS, admin, committer::Committer, consumer::Consumer};
use crate::faults::{Fault, Faults};
use crate::history::{History, Key, Totals, Value};
use crate::machine::{DATA, META, Machine};
use crate::net::{Arrival, Counts, Net, Place, host};
use crate::trace;

/// How long a cluster may take to begin, in simulated milliseconds.
const BEGIN_MS_MAX: u64 = 30_000;
/// How long it may take to come together once nothing goes wrong any more.
const CONVERGE_MS_MAX: u64 = 120_000;
const BROKERS_PORT: u16 = 9093;
const CLIENTS_PORT: u16 = 9092;
const REPLICAS: i16 = 3;
const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Every so many milliseconds the nodes' metadata is compared.
const COMPARE_EVERY_MS: u64 = 20;

/// What came of a run.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) violations: Vec<String>,
    pub(crate) digest: u64,
    pub(crate) simulated_ms: u64,
    pub(crate) totals: Totals,
    pub(crate) messages: Counts,
    pub(crate) faults: BTreeMap<Fault, u64>,
    pub(crate) errors: BTreeMap<String, u64>,
}

struct Run {
    now_ms: u64,
    net: Net,
    machines: Vec<Machine>,
    clients: tokio::runtime::Runtime,
    shared: std::sync::Arc<Shared>,
    history: History,
    faults: Faults,
    /// Images by their offset, as digests: the same everywhere.
    images: BTreeMap<u64, (Place, u64)>,
    looked_at: BTreeMap<Place, u64>,
}

/// The first three begin a quorum. Who comes later joins it, and so does everybody once it is there: with an empty disk, too.
fn settings(id: Place, is_first: bool) -> Vec<String> {
    let own = host(id);
    let voters: Vec<String> = (1..=3).map(|id| format!("{id}@{}:{BROKERS_PORT}", host(id))).collect();
    let servers: Vec<String> = (1..=3).map(|id| format!("{}:{BROKERS_PORT}", host(id))).collect();
    let quorum = if is_first && id <= 3 {
        format!("controller.quorum.voters={}", voters.join(","))
    } else {
        format!("controller.quorum.bootstrap.servers={}", servers.join(","))
    };
    let set = [
        &format!("node.id={id}"),
        "cluster.id=SimulatedClusterSimula",
        &quorum,
        &format!("log.dirs={DATA}/a,{DATA}/b"),
        &format!("metadata.log.dir={META}"),
        &format!("listeners=CLIENTS://{own}:{CLIENTS_PORT},BROKERS://{own}:{BROKERS_PORT}"),
        "listener.security.protocol.map=CLIENTS:PLAINTEXT,BROKERS:PLAINTEXT",
        "inter.broker.listener.name=BROKERS",
        "headrace.admin.listener=",
        "auto.create.topics.enable=false",
        "default.replication.factor=3",
        "min.insync.replicas=2",
        "offsets.topic.num.partitions=2",
        "offsets.topic.replication.factor=3",
        "broker.heartbeat.interval.ms=500",
        "broker.session.timeout.ms=3000",
        "replica.lag.time.max.ms=4000",
        "replica.fetch.backoff.ms=200",
        "leader.imbalance.check.interval.seconds=7",
        "log.flush.offset.checkpoint.interval.ms=1500",
        "headrace.shutdown.grace.ms=500",
    ];
    set.map(str::to_owned).to_vec()
}

/// Runs one seed. An error is one of the simulation itself.
pub(crate) fn run(seed: u64, fault_ms: u64) -> anyhow::Result<Report> {
    let mut rng = StdRng::seed_from_u64(seed);
    let net = Net::new(rng.random());
    let brokers: i32 = if rng.random_bool(0.6) { 3 } else { rng.random_range(4..=5) };
    let machines: Vec<Machine> =
        (1..=brokers).map(|id| Machine::new(id, settings(id, true), net.clone(), &mut rng)).collect();
    let history = History::default();
    let shared = Shared::new(net.clone(), history.clone(), (1..=brokers).collect(), rng.random());
    let clients = Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let faults = Faults::new(StdRng::seed_from_u64(rng.random()), 0);
    let (images, looked_at) = (BTreeMap::new(), BTreeMap::new());
    let mut run = Run { now_ms: 0, net, machines, clients, shared, history, faults, images, looked_at };
    run.begin()?;
    run.let_clients_work(&mut rng);
    let until = run.now_ms + fault_ms;
    while run.now_ms < until {
        run.tick(false)?;
    }
    run.come_to_rest()?;
    run.compare()?;
    Ok(Report {
        seed,
        violations: run.history.violations(),
        digest: run.net.digest(),
        simulated_ms: run.now_ms,
        totals: run.history.totals(),
        messages: run.net.counts(),
        faults: run.faults.counts.clone(),
        errors: run.history.errors(),
    })
}

impl Run {
    fn tick(&mut self, quiet: bool) -> anyhow::Result<()> {
        self.now_ms += 1;
        trace::at(self.now_ms, 0);
        self.faults.step(self.now_ms, &mut self.machines, &self.net, quiet)?;
        for arrival in self.net.arrivals(self.now_ms) {
            match arrival {
                Arrival::Request { to, port, request, connection, reply } => {
                    let machine = self.machines.iter().find(|machine| machine.id == to);
                    if !machine.is_some_and(|machine| machine.deliver(port, request, reply)) {
                        self.net.break_off(connection);
                    }
                }
                // Whoever asked may be gone.
                Arrival::Answer { answer, waiting } => drop(waiting.send(answer)),
            }
        }
        for machine in &mut self.machines {
            trace::at(self.now_ms, machine.id);
            if let Err(why) = machine.tick() {
                self.history.violation(why);
            }
        }
        trace::at(self.now_ms, 0);
        self.clients.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        if self.now_ms.is_multiple_of(COMPARE_EVERY_MS) {
            self.compare_images();
        }
        Ok(())
    }

    /// Starts everything and waits until there are topics.
    fn begin(&mut self) -> anyhow::Result<()> {
        for machine in &mut self.machines {
            machine.start(self.now_ms)?;
        }
        let prepared = self.clients.spawn(admin::prepare(self.shared.clone(), REPLICAS));
        while !(prepared.is_finished() && self.is_whole()) {
            self.tick(true)?;
            anyhow::ensure!(self.now_ms < BEGIN_MS_MAX, "the cluster does not come up");
        }
        for machine in &mut self.machines {
            machine.configure(settings(machine.id, false));
        }
        Ok(())
    }

    fn let_clients_work(&mut self, rng: &mut StdRng) {
        let keys = (0..TOPICS.len()).flat_map(|topic| (0..PARTITIONS).map(move |p| (topic, p)));
        let mut id = 0;
        for key in keys {
            for _ in 0..rng.random_range(1..=2) {
                id += 1;
                self.clients.spawn(Producer::new(&self.shared, id, key).run());
            }
            self.clients.spawn(Consumer::new(&self.shared, key).run());
        }
        for number in 0..2 {
            self.clients.spawn(Committer::new(&self.shared, number).run());
        }
        if rng.random_bool(0.6) {
            self.clients.spawn(admin::run(self.shared.clone(), rng.random_range(500..4_000)));
        }
    }

    fn is_whole(&self) -> bool {
        self.machines
            .iter()
            .all(|m| m.serves_clients() && !m.is_stopping() && m.node().is_some_and(|node| node.is_whole()))
            && self.controllers().len() == 1
    }

    fn controllers(&self) -> Vec<Option<i32>> {
        let mut known: Vec<_> =
            self.machines.iter().filter_map(Machine::node).map(|node| node.controller()).collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Nothing goes wrong any more: all that was begun must come to its end, and every replica to every leader.
    fn come_to_rest(&mut self) -> anyhow::Result<()> {
        self.faults.end_all(self.now_ms, &mut self.machines, &self.net)?;
        self.shared.winding_up.store(true, Ordering::Relaxed);
        let until = self.now_ms + CONVERGE_MS_MAX;
        loop {
            self.tick(true)?;
            let brought_in = self.shared.producers_busy.load(Ordering::Relaxed) == 0;
            if brought_in && self.is_whole() && self.not_level().is_empty() {
                break;
            }
            if self.now_ms > until {
                let busy = self.shared.producers_busy.load(Ordering::Relaxed);
                let states: Vec<String> = self
                    .machines
                    .iter()
                    .map(|m| {
                        let whole = m.node().map(|node| node.is_whole());
                        format!("{}: serves {}, whole {whole:?}", m.id, m.serves_clients())
                    })
                    .collect();
                self.history.violation(format!(
                    "after {CONVERGE_MS_MAX} ms of peace: {busy} producers are not done; {}; controllers {:?}; not level: {}",
                    states.join("; "),
                    self.controllers(),
                    self.not_level().join(", "),
                ));
                break;
            }
        }
        // Consumers have time to see the end.
        for _ in 0..500 {
            self.tick(true)?;
        }
        self.shared.over.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn replicas_of(&self, topic: &str, partition: i32) -> Vec<(Place, bytes::Bytes, i64)> {
        let replica = |machine: &Machine| {
            let (log, high_watermark) = machine.node()?.replica(topic, partition).ok()?;
            Some((machine.id, log, high_watermark))
        };
        self.machines.iter().filter_map(replica).collect()
    }

    /// Partitions whose replicas are not level, with the bytes and the high watermark of each. That they hold the same is checked at the
    /// end.
    fn not_level(&self) -> Vec<String> {
        let uneven = |(topic, partition)| {
            let replicas = self.replicas_of(topic, partition);
            let level =
                replicas.windows(2).all(|two| two[0].1.len() == two[1].1.len() && two[0].2 == two[1].2);
            let of = |(place, log, high_watermark): &(Place, bytes::Bytes, i64)| {
                format!("node {place}: {} bytes, committed to {high_watermark}", log.len())
            };
            (!level).then(|| {
                format!("{topic}-{partition} ({})", replicas.iter().map(of).collect::<Vec<_>>().join("; "))
            })
        };
        all_partitions().filter_map(uneven).collect()
    }

    /// The same offset of the metadata log means the same everywhere.
    fn compare_images(&mut self) {
        for machine in &self.machines {
            let Some(node) = machine.node() else { continue };
            let offset = node.metadata_offset();
            if self.looked_at.insert(machine.id, offset) == Some(offset) {
                continue;
            }
            let digest = node.metadata_digest();
            self.net.mix(digest);
            let (first, known) = *self.images.entry(offset).or_insert((machine.id, digest));
            if known != digest {
                self.history.violation(format!(
                    "nodes {first} and {} have different metadata at offset {offset}",
                    machine.id
                ));
            }
        }
    }

    /// Reads all replicas and compares them with each other and with what the clients know.
    fn compare(&mut self) -> anyhow::Result<()> {
        for (topic, partition) in all_partitions() {
            let replicas = self.replicas_of(topic, partition);
            if replicas.len() < usize::try_from(REPLICAS)? {
                self.history.violation(format!("{topic}-{partition} has {} replicas", replicas.len()));
            }
            for two in replicas.windows(2) {
                if two[0].1 != two[1].1 {
                    let (a, b) = (two[0].0, two[1].0);
                    for (node, log, _) in two {
                        tracing::info!(node, topic, partition, batches = ?outline(log), "holds");
                    }
                    self.history
                        .violation(format!("{topic}-{partition}: nodes {a} and {b} hold different records"));
                }
            }
            let Some(number) = TOPICS.iter().position(|name| *name == topic) else { continue };
            let Some((node, log, _)) = replicas.first() else { continue };
            let key: Key = (number, partition);
            let records = read(log).with_context(|| format!("{topic}-{partition} at node {node}"))?;
            self.history.check_log(key, &records);
        }
        Ok(())
    }
}

fn all_partitions() -> impl Iterator<Item = (&'static str, i32)> {
    TOPICS.into_iter().chain([OFFSETS_TOPIC]).flat_map(|topic| (0..PARTITIONS).map(move |p| (topic, p)))
}

/// First offset, epoch and bytes of each batch.
fn outline(log: &bytes::Bytes) -> Vec<(i64, i32, usize)> {
    let batches = batches(log.clone()).filter_map(Result::ok);
    batches.map(|batch| (batch.base_offset(), batch.leader_epoch(), batch.size_bytes())).collect()
}

/// All records of a log that producers wrote.
fn read(log: &bytes::Bytes) -> anyhow::Result<Vec<(i64, Value)>> {
    let mut all = Vec::new();
    for batch in batches(log.clone()) {
        let batch = batch?;
        batch.verify_crc()?;
        let records = batch.records()?;
        for record in records.iter() {
            let record = record?;
            let value = record.value.and_then(decode).context("a record that nobody wrote")?;
            all.push((record.offset, value));
        }
    }
    Ok(all)
}
