//! `headrace cluster restart`.

use clap::Args;

use super::lifecycle::Ask;
use crate::failure::Failure;
use crate::runtime::one_thread;

/// Restart a cluster's brokers, one at a time
///
/// Each only while every partition keeps min.insync.replicas without it, and the next when its replicas are in sync
/// again; the leader of the metadata quorum is last.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster restart orders --wait")]
pub(crate) struct Restart {
    /// Name or id
    cluster: String,
    #[command(flatten)]
    ask: Ask,
}

impl Restart {
    pub(super) fn run(self) -> Result<(), Failure> {
        let doing = format!("restarting cluster {}", self.cluster);
        one_thread(self.ask.post(&self.cluster, &["restart"], doing))
    }
}
