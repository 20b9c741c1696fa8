//! The one binary: `up`, `broker`, `agent`, `control-plane`, and the user's commands.
//!
//! One file per command below `commands/`. `api` speaks to the REST API, `kafka` to brokers, `service` and `postgres`
//! are what `up` is made of, `output` and `failure` are how every command ends.

mod api;
mod clock;
mod commands;
mod data_dir;
mod failure;
mod kafka;
mod output;
mod postgres;
mod runtime;
mod service;
mod tls;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = commands::Cli::parse();
    tls::install();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
