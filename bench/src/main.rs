//! Compares brokers on one machine: the same load, the same data, one after the other in one run.
//!
//! The generator must cost little beside the broker, so batches are encoded once and sent over plain blocking TCP; see
//! `load`. What a figure means and what it was measured with is written beside it; see `report`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool that reports on its standard streams"
)]

mod clock;
mod coordinator;
mod load;
mod measure;
mod page_cache;
mod peer;
mod plan;
mod replication;
mod report;
mod wire;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Compare Kafka brokers on one machine, or put load on one that runs")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start Apache Kafka and Headrace in turn, measure both, write a table
    Compare(CompareArgs),
    /// Start three brokers of each in turn; measure replication, failover and many partitions; write a table
    Replicate(ReplicateArgs),
    /// Start three brokers of each in turn; measure how fast committed offsets are served by a coordinator that takes over
    Coordinate(CoordinateArgs),
    /// Put the same load on a broker that already runs, and print what the clients saw
    Load(LoadArgs),
}

#[derive(clap::Args)]
struct CompareArgs {
    /// Folder with Apache Kafka's jars
    #[arg(long)]
    kafka_lib: PathBuf,
    /// The headrace binary (a release build)
    #[arg(long)]
    headrace: PathBuf,
    /// Where the results are written
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// How often each broker is started and measured, in turn
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Only this peer: apache-kafka or headrace
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    plan: plan::Plan,
}

#[derive(clap::Args)]
struct ReplicateArgs {
    /// Folder with Apache Kafka's jars
    #[arg(long)]
    kafka_lib: PathBuf,
    /// The headrace binary (a release build)
    #[arg(long)]
    headrace: PathBuf,
    /// Where the results are written
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Only this peer: apache-kafka or headrace
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    plan: replication::Plan,
}

#[derive(clap::Args)]
struct CoordinateArgs {
    /// Folder with Apache Kafka's jars
    #[arg(long)]
    kafka_lib: PathBuf,
    /// The headrace binary (a release build)
    #[arg(long)]
    headrace: PathBuf,
    /// Where the results are written
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
    /// Only this peer: apache-kafka or headrace
    #[arg(long)]
    only: Option<String>,
}

#[derive(clap::Args)]
struct LoadArgs {
    /// host:port of the broker
    #[arg(long, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// Process id of the broker, to count its CPU time and memory
    #[arg(long)]
    pid: u32,
    #[command(flatten)]
    plan: plan::Plan,
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Compare(a) => {
            plan::compare(&a.kafka_lib, &a.headrace, &a.out, a.rounds, a.only.as_deref(), &a.plan)
        }
        Command::Replicate(a) => {
            replication::compare(&a.kafka_lib, &a.headrace, &a.out, a.only.as_deref(), &a.plan)
        }
        Command::Coordinate(a) => coordinator::compare(&a.kafka_lib, &a.headrace, &a.out, a.only.as_deref()),
        Command::Load(a) => {
            let figures = plan::measure_load(&a.bootstrap, a.pid, &a.plan)?;
            println!("{}", serde_json::to_string_pretty(&figures)?);
            Ok(())
        }
    }
}
