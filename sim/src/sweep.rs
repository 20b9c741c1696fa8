//! Many seeds side by side: each run is a child process that prints a report, which is read and added up here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headrace_broker::simulation::sabotage::Sabotage;
use parking_lot::Mutex;

use crate::run::Report;

/// A run that takes longer hangs, in seconds.
const RUN_S_MAX: u64 = 120;
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(2);
/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Runs many seeds.
#[derive(clap::Args, Clone)]
pub(crate) struct Sweep {
    /// How many.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many at once; as many as there are processors if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Runs each seed twice and compares.
    #[arg(long)]
    twice: bool,
    /// Breaks an invariant on purpose: the sweep succeeds if some seed notices.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Stops at the first seed that fails.
    #[arg(long)]
    first: bool,
}

/// The report as text: a line for each fact, which [`Sum::add`] reads.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key} {value}");
    };
    line("seed", &report.seed);
    line("digest", &format!("{:016x}", report.digest));
    line("count simulated_ms", &report.simulated_ms);
    line("count acknowledged", &report.totals.acks);
    line("count read", &report.totals.reads);
    line("count offsets_committed", &report.totals.commits);
    line("count messages", &report.messages.sent);
    line("count messages_lost", &report.messages.lost);
    line("count messages_doubled", &report.messages.doubled);
    line("count messages_late", &report.messages.late);
    for (fault, count) in &report.faults {
        line(&format!("count fault_{fault:?}"), count);
    }
    for (error, count) in &report.errors {
        line("error", &format!("{count} {error}"));
    }
    for violation in &report.violations {
        line("VIOLATION", violation);
    }
    text
}

/// What all runs come to.
#[derive(Default)]
struct Sum {
    runs: u64,
    counts: BTreeMap<String, u64>,
    failed: Vec<(u64, String)>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Result<String, String>) -> bool {
        self.runs += 1;
        let why = match outcome {
            Ok(text) => {
                for line in text.lines() {
                    if let Some((name, count)) = line.strip_prefix("count ").and_then(|l| l.split_once(' ')) {
                        *self.counts.entry(name.to_owned()).or_default() += count.parse().unwrap_or(0);
                    }
                }
                text.lines().find(|line| line.starts_with("VIOLATION")).map(str::to_owned)
            }
            Err(why) => Some(why),
        };
        let failed = why.is_some();
        if let Some(why) = why {
            println!("seed {seed}: {why}");
            self.failed.push((seed, why));
        }
        failed
    }
}

impl Sweep {
    #[expect(clippy::disallowed_methods, reason = "the speed of the simulation is measured in real time")]
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let jobs = self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let next = AtomicU64::new(self.from);
        let sum = Mutex::new(Sum::default());
        let began = Instant::now();
        let told = Mutex::new(began);
        let program = std::env::current_exe()?;
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.from + self.seeds {
                            return;
                        }
                        let outcome = self.one(&program, seed);
                        let mut sum = sum.lock();
                        if sum.add(seed, outcome) && self.first {
                            next.store(u64::MAX / 2, Ordering::Relaxed);
                        }
                        let mut told = told.lock();
                        if told.elapsed() >= TELL_EVERY {
                            *told = Instant::now();
                            let rate = sum.runs as f64 / began.elapsed().as_secs_f64();
                            println!("{} seeds, {:.2} seeds/s, {} failed", sum.runs, rate, sum.failed.len());
                        }
                    }
                });
            }
        });
        let sum = sum.into_inner();
        let elapsed_s = began.elapsed().as_secs_f64();
        for (name, count) in &sum.counts {
            println!("{name}: {count}");
        }
        let failed: Vec<String> = sum.failed.iter().map(|(seed, _)| seed.to_string()).collect();
        println!("{} seeds in {elapsed_s:.0} s, {:.2} seeds/s", sum.runs, sum.runs as f64 / elapsed_s);
        if !failed.is_empty() {
            println!("failing seeds: {}", failed.join(" "));
        }
        println!("{} passed, {} failed", sum.runs - sum.failed.len() as u64, sum.failed.len());
        let as_hoped = sum.failed.is_empty() != self.sabotage.is_some();
        Ok(if as_hoped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The report of one seed, or why there is none.
    fn one(&self, program: &std::path::Path, seed: u64) -> Result<String, String> {
        let first = self.child(program, seed)?;
        if self.twice && self.child(program, seed)? != first {
            return Err("the second run was another one".to_owned());
        }
        Ok(first)
    }

    #[expect(clippy::disallowed_methods, reason = "a run that hangs does so in real time")]
    fn child(&self, program: &std::path::Path, seed: u64) -> Result<String, String> {
        let mut command = Command::new(program);
        command.arg("run").arg(seed.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(Stdio::piped()).env("RUST_BACKTRACE", "0");
        if let Some(sabotage) = self.sabotage {
            command.arg("--sabotage").arg(sabotage.to_string());
        }
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        // A run in which much panics says more than a pipe holds.
        let said = child.stderr.take().map(|mut said| {
            std::thread::spawn(move || {
                let mut text = String::new();
                // What cannot be read is missing from a message.
                let _ = said.read_to_string(&mut text);
                text
            })
        });
        let began = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(_)) => break,
                Ok(None) if began.elapsed() > Duration::from_secs(RUN_S_MAX) => {
                    // It may have ended in this moment.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("it hangs: no end after {RUN_S_MAX} s"));
                }
                Ok(None) => std::thread::sleep(LOOK),
                Err(error) => return Err(error.to_string()),
            }
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.contains("digest ") {
            return Ok(text);
        }
        let errors = said.and_then(|said| said.join().ok()).unwrap_or_default();
        Err(format!(
            "it ended with {}: {}",
            output.status,
            errors.lines().take(12).collect::<Vec<_>>().join(" | ")
        ))
    }
}
