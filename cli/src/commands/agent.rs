//! `headrace agent`: watches one broker.

use std::path::PathBuf;

use clap::Args;
use headrace_agent::{Config, Options};

use crate::failure::Failure;
use crate::runtime::{LogArgs, Signals, one_thread};

/// Watch one broker and report to the control plane (started by the service itself)
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace agent --config /var/lib/headrace/clusters/0199a7f2-…/broker-1/agent.json")]
pub(crate) struct Agent {
    /// JSON file that says which broker and which control plane
    #[arg(long, env = "HEADRACE_AGENT_CONFIG", value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    log: LogArgs,
}

impl Agent {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.log.install()?;
        let config = Config::load(&self.config).map_err(|error| Failure::usage(error.to_string()))?;
        // One thread: an agent must cost next to nothing.
        one_thread(async move {
            let mut signals = Signals::listen()?;
            headrace_agent::run(Options { config }, async move { signals.next().await })
                .await
                .map_err(|error| Failure::doing("running the agent", error))
        })
    }
}
