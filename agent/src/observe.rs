//! Takes one look at the broker from outside: its admin port, its Kafka port, its process and its disks. Every look has
//! a deadline, and what can't be measured is left out rather than guessed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::control_plane::{chain, read_limited};
use crate::kafka::{Kafka, TopicsView};
use crate::process::Process;
use crate::prometheus::{self, Counters, Page};
use crate::report::{Check, Disk, PartitionReport, Report};
use crate::{clock, disk, process, rates};

/// One answer of the admin port.
const ADMIN_DEADLINE: Duration = Duration::from_secs(2);
const METRICS_BYTES_MAX: usize = 8 * 1024 * 1024;
const READY_BYTES_MAX: usize = 64 * 1024;
/// Everything that is asked over the Kafka port in one look.
const KAFKA_DEADLINE: Duration = Duration::from_secs(5);
/// The sizes of replicas are asked for in every fifth look: the broker has to add up its segments for that.
const LOG_DIRS_EVERY: u64 = 5;
/// Partitions in one report, the busiest first.
const PARTITIONS_REPORTED_MAX: usize = 2_000;

/// What the broker says of the sizes of its replicas, and where they lie.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LogDirs {
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) sizes: BTreeMap<(String, i32), u64>,
    /// Directories that the broker itself says have failed.
    pub(crate) failed: Vec<String>,
}

/// Everything one look gathered.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) taken_at: Instant,
    pub(crate) taken_unix_ms: i64,
    /// None when the engine has no admin port.
    pub(crate) ready: Option<Result<(), String>>,
    pub(crate) page: Option<Page>,
    pub(crate) process: Option<Process>,
    pub(crate) topics: Result<TopicsView, String>,
    pub(crate) log_dirs: LogDirs,
    pub(crate) disks: Vec<Result<Disk, String>>,
}

/// Looks again and again; remembers only what the next look needs.
pub(crate) struct Observer {
    config: Arc<Config>,
    http: reqwest::Client,
    kafka: Kafka,
    looks: u64,
    log_dirs: LogDirs,
    before: Option<Sample>,
}

impl Observer {
    pub(crate) fn new(config: Arc<Config>) -> Result<Self, reqwest::Error> {
        let http = crate::http::client().timeout(ADMIN_DEADLINE).pool_max_idle_per_host(1).build()?;
        let kafka = Kafka::new(&config.bootstrap, config.node_id);
        Ok(Self { config, http, kafka, looks: 0, log_dirs: LogDirs::default(), before: None })
    }

    /// One look, as a report without a number.
    pub(crate) async fn look(&mut self) -> Report {
        let now = self.sample().await;
        let report = report(self.before.as_ref(), &now);
        self.before = Some(now);
        report
    }

    async fn sample(&mut self) -> Sample {
        let (ready, page) = match self.config.broker_admin.clone() {
            None => (None, None),
            Some(admin) => {
                let ready = self.get(&format!("{admin}/readyz"), READY_BYTES_MAX).await.map(drop);
                let page = self.get(&format!("{admin}/metrics"), METRICS_BYTES_MAX).await;
                (Some(ready), page.ok().map(|text| prometheus::parse(&text)))
            }
        };
        // The counters were just read: rates are over the time between two such moments.
        let (taken_at, taken_unix_ms) = (clock::monotonic(), clock::unix_ms());
        let topics = self.ask_kafka().await;
        let dirs = if self.log_dirs.dirs.is_empty() { &self.config.log_dirs } else { &self.log_dirs.dirs };
        Sample {
            taken_at,
            taken_unix_ms,
            ready,
            page,
            process: self.config.broker_pid_file.as_deref().and_then(process::read),
            topics,
            log_dirs: self.log_dirs.clone(),
            disks: dirs.iter().map(|dir| disk::measure(dir)).collect(),
        }
    }

    async fn ask_kafka(&mut self) -> Result<TopicsView, String> {
        let sizes_too = self.looks.is_multiple_of(LOG_DIRS_EVERY);
        let asking = async {
            let topics = self.kafka.topics().await?;
            let log_dirs = if sizes_too { Some(self.kafka.log_dirs().await?) } else { None };
            Ok::<_, String>((topics, log_dirs))
        };
        let answer = match tokio::time::timeout(KAFKA_DEADLINE, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer on {} within {KAFKA_DEADLINE:?}", self.config.bootstrap)),
        };
        match answer {
            Ok((topics, log_dirs)) => {
                self.looks += 1;
                self.log_dirs = log_dirs.unwrap_or_else(|| std::mem::take(&mut self.log_dirs));
                Ok(topics)
            }
            Err(problem) => {
                self.kafka.disconnect();
                Err(problem)
            }
        }
    }

    async fn get(&self, url: &str, max: usize) -> Result<String, String> {
        let mut answer = self.http.get(url).send().await.map_err(|error| chain(&error))?;
        let status = answer.status();
        let body = String::from_utf8_lossy(&read_limited(&mut answer, max).await?).into_owned();
        if status.is_success() {
            return Ok(body);
        }
        let said: String = body.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(format!("{url} answered {status}: {said}"))
    }
}

/// Turns two looks into a report. Pure.
pub(crate) fn report(before: Option<&Sample>, now: &Sample) -> Report {
    let checks = checks(now);
    let page = now.page.as_ref();
    // Without counters there are no totals: nought would look like a broker that nobody uses.
    let counters = page.map(|page| &page.partitions);
    let totals = counters.map(rates::totals);
    let throughput = before.zip(counters).and_then(|(before, counters)| {
        let earlier = &before.page.as_ref()?.partitions;
        rates::throughput(earlier, counters, now.taken_at.saturating_duration_since(before.taken_at))
    });
    let topics = now.topics.as_ref().ok();
    let started = now.process.and_then(|process| process.started_unix_ms);
    let started = started.or_else(|| page?.process_started_unix_ms);
    Report {
        sequence: 0,
        at: clock::rfc3339(now.taken_unix_ms),
        healthy: checks.iter().all(|check| check.ok),
        checks,
        version: page.and_then(|page| page.version.clone()),
        started_at: started.map(clock::rfc3339),
        disk: now.disks.iter().filter_map(|disk| disk.as_ref().ok().cloned()).collect(),
        cpu_cores_used: before.and_then(|before| cores_used(before, now)),
        memory_rss_bytes: now.process.map(|process| process.rss_bytes).or_else(|| page?.process_rss_bytes),
        partitions_total: topics.map(|view| view.hosted.len() as u64),
        leaders: topics.map(|view| view.leaders),
        under_replicated_partitions: topics.map(|view| view.under_replicated),
        under_min_isr_partitions: topics.and_then(|view| view.under_min_isr),
        offline_partitions: topics.map(|view| view.offline),
        bytes_in_total: totals.map(|totals| totals.bytes_in),
        bytes_out_total: totals.map(|totals| totals.bytes_out),
        messages_in_total: totals.map(|totals| totals.messages_in),
        bytes_in_per_second: throughput.map(|rate| rate.bytes_in),
        bytes_out_per_second: throughput.map(|rate| rate.bytes_out),
        messages_in_per_second: throughput.map(|rate| rate.messages_in),
        partitions: partitions(now),
    }
}

fn checks(now: &Sample) -> Vec<Check> {
    let from = |name, result: Result<(), String>| Check {
        name,
        ok: result.is_ok(),
        message: result.err().unwrap_or_default(),
    };
    let mut checks = Vec::new();
    checks.extend(now.ready.clone().map(|ready| from("admin", ready)));
    checks.push(from("kafka", now.topics.as_ref().map(drop).map_err(Clone::clone)));
    let mut disk = disk::check(&now.disks);
    if !now.log_dirs.failed.is_empty() {
        disk.ok = false;
        disk.message = format!("the broker says that these failed: {}", now.log_dirs.failed.join(", "));
    }
    checks.push(disk);
    checks
}

fn cores_used(before: &Sample, now: &Sample) -> Option<f64> {
    let elapsed = now.taken_at.saturating_duration_since(before.taken_at);
    match (before.process, now.process) {
        (Some(before), Some(now)) if before.pid == now.pid => {
            rates::cores_used(before.cpu_seconds, now.cpu_seconds, elapsed)
        }
        (None, None) => rates::cores_used(
            before.page.as_ref()?.process_cpu_seconds?,
            now.page.as_ref()?.process_cpu_seconds?,
            elapsed,
        ),
        _ => None,
    }
}

/// The replicas of this broker with what is known of each: hosted ones by the metadata, sized ones by the log
/// directories, busy ones by the counters.
fn partitions(now: &Sample) -> Vec<PartitionReport> {
    let counters = now.page.as_ref().map(|page| &page.partitions);
    let mut keys: Vec<&(String, i32)> = now.topics.iter().flat_map(|view| view.hosted.iter()).collect();
    if now.topics.is_err() {
        keys.extend(counters.into_iter().flat_map(BTreeMap::keys));
    }
    let mut all: Vec<PartitionReport> = keys
        .into_iter()
        .map(|key| {
            let counted = counters.and_then(|counters| counters.get(key)).copied().unwrap_or_default();
            let Counters { bytes_in, bytes_out, messages_in } = counted;
            PartitionReport {
                topic: key.0.clone(),
                partition: key.1,
                bytes_in_total: bytes_in,
                bytes_out_total: bytes_out,
                messages_in_total: messages_in,
                size_bytes: now.log_dirs.sizes.get(key).copied(),
            }
        })
        .collect();
    if all.len() > PARTITIONS_REPORTED_MAX {
        all.sort_by_key(|one| std::cmp::Reverse(one.bytes_in_total.saturating_add(one.bytes_out_total)));
        all.truncate(PARTITIONS_REPORTED_MAX);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, bytes_in: u64, cpu_seconds: f64) -> Sample {
        let mut page = Page { version: Some("0.1.0".into()), ..Default::default() };
        page.partitions.insert(("t".into(), 0), Counters { bytes_in, bytes_out: 0, messages_in: 0 });
        let hosted = [("t".to_owned(), 0), ("quiet".to_owned(), 4)].into();
        Sample {
            taken_at: at,
            taken_unix_ms: 1_764_000_000_000,
            ready: Some(Ok(())),
            page: Some(page),
            process: Some(Process { pid: 7, cpu_seconds, rss_bytes: 5, started_unix_ms: Some(0) }),
            topics: Ok(TopicsView { hosted, leaders: 2, ..Default::default() }),
            log_dirs: LogDirs { sizes: [(("t".to_owned(), 0), 77)].into(), ..Default::default() },
            disks: vec![Ok(Disk { dir: "/d".into(), used_bytes: 1, total_bytes: 1 << 40 })],
        }
    }

    #[test]
    fn the_first_report_has_no_rates_and_the_second_has() {
        let start = clock::monotonic();
        let (first, second) = (sample(start, 1000, 1.0), sample(start + Duration::from_secs(2), 5000, 2.0));
        let one = report(None, &first);
        assert!(one.healthy, "{:?}", one.checks);
        assert_eq!(
            (one.bytes_in_total, one.bytes_in_per_second, one.cpu_cores_used),
            (Some(1000), None, None)
        );
        let two = report(Some(&first), &second);
        assert_eq!((two.bytes_in_per_second, two.cpu_cores_used), (Some(2000.0), Some(0.5)));
        assert_eq!((two.partitions_total, two.leaders), (Some(2), Some(2)));
        let busy = two.partitions.iter().find(|one| one.topic == "t").expect("t");
        assert_eq!((busy.bytes_in_total, busy.size_bytes), (5000, Some(77)));
    }

    #[test]
    fn an_engine_without_metrics_leaves_figures_out_and_stays_healthy() {
        let mut now = sample(clock::monotonic(), 1, 1.0);
        (now.ready, now.page, now.process) = (None, None, None);
        let report = report(Some(&now.clone()), &now);
        assert!(report.healthy);
        assert_eq!(report.bytes_in_total, None);
        assert_eq!(report.memory_rss_bytes, None);
        assert_eq!(report.checks.iter().map(|check| check.name).collect::<Vec<_>>(), ["kafka", "disk"]);
    }

    #[test]
    fn a_broker_that_does_not_answer_is_unhealthy_and_its_partitions_unknown() {
        let mut now = sample(clock::monotonic(), 1, 1.0);
        now.topics = Err("connection refused".into());
        now.ready = Some(Err("connection refused".into()));
        let report = report(None, &now);
        assert!(!report.healthy);
        assert_eq!((report.leaders, report.offline_partitions), (None, None));
        assert_eq!(report.partitions.len(), 1, "the counters still say what it hosts");
    }

    #[test]
    fn a_failed_log_dir_is_unhealthy() {
        let mut now = sample(clock::monotonic(), 1, 1.0);
        now.log_dirs.failed.push("/d".into());
        assert!(!report(None, &now).healthy);
    }
}
