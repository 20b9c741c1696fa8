//! Commands that have something done to a cluster's brokers.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request, watch};
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{say, show};

/// How such a command asks, and what it waits for.
#[derive(Debug, Args)]
pub(super) struct Ask {
    /// Only if nobody changed it since this generation
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<i64>,
    /// Follow the operation to its end
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Ask {
    /// Asks by a POST to a path below the cluster's; shows the operation, or the cluster when it is done.
    pub(super) async fn post(self, cluster: &str, below: &[&str], doing: String) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let path = [&["clusters", cluster], below].concat();
        let headers: Vec<(&'static str, String)> =
            self.if_match.iter().map(|generation| ("if-match", format!("\"{generation}\""))).collect();
        let answer =
            api.send(Request { headers: &headers, ..Request::post(&path, json!({}), &doing) }).await?;
        if !self.wait {
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        watch::to_success(&api, &answer, self.timeout).await?;
        let cluster = api.send(Request::get(&path[..2], format!("reading cluster {cluster}"))).await?;
        show(self.remote.output, &cluster, super::details)
    }
}
