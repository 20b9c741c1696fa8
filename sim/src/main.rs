//! The deterministic simulation of a whole cluster. `headrace-sim run SEED` runs one seed in this process; `headrace-sim sweep` runs many,
//! each in a process of its own, so that nothing of one run is left for the next.
#![expect(clippy::print_stdout, reason = "a program that reports on its standard output")]

mod client;
mod disk;
mod faults;
mod history;
mod machine;
mod net;
mod run;
mod sweep;
mod sys;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use headrace_broker::simulation::sabotage;

/// How long things go wrong in one run, in simulated milliseconds.
const FAULT_MS: u64 = 15_000;

/// Simulates clusters under faults and checks what clients saw.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One seed, in this process.
    Run {
        seed: u64,
        /// What the brokers say: a filter such as `info,openraft=off`.
        #[arg(long)]
        log: Option<String>,
        /// Breaks an invariant on purpose: ack-before-replication, truncate-by-high-watermark, ignore-epochs, skip-vote-fsync.
        #[arg(long)]
        sabotage: Option<sabotage::Sabotage>,
        #[arg(long, default_value_t = FAULT_MS)]
        fault_ms: u64,
    },
    /// Many seeds, one process each.
    Sweep(sweep::Sweep),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run { seed, log, sabotage, fault_ms } => {
            if let Some(filter) = log {
                trace::show(&filter)?;
            }
            sabotage::set(sabotage);
            // In a thread of its own: hash maps take their randomness once for each thread, and from here on it is the seed's.
            sys::seed(seed);
            let run = std::thread::spawn(move || run::run(seed, fault_ms));
            let report = run.join().map_err(|_| anyhow::anyhow!("the run panicked"))??;
            print!("{}", sweep::render(&report));
            Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Sweep(sweep) => sweep.run(),
    }
}
