//! `headrace cluster restart`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request, watch};
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{say, show};
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
    /// Only if nobody changed it since this generation
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<i64>,
    /// Follow the operation to its end
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Restart {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.restart())
    }

    async fn restart(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let path = ["clusters", self.cluster.as_str(), "restart"];
        let doing = format!("restarting cluster {}", self.cluster);
        let headers: Vec<(&'static str, String)> =
            self.if_match.iter().map(|generation| ("if-match", format!("\"{generation}\""))).collect();
        let answer =
            api.send(Request { headers: &headers, ..Request::post(&path, json!({}), &doing) }).await?;
        if !self.wait {
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        watch::to_success(&api, &answer, self.timeout).await?;
        let cluster = api.send(Request::get(&path[..2], format!("reading cluster {}", self.cluster))).await?;
        show(self.remote.output, &cluster, super::details)
    }
}
