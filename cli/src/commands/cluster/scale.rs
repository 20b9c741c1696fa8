//! `headrace cluster scale`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request, watch};
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{say, show};
use crate::runtime::one_thread;

/// Give a cluster more brokers
///
/// New brokers come up empty and take new partitions; what there is stays where it is. A cluster that had one broker
/// or two gets other defaults for new topics with that, for which its brokers are restarted one at a time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster scale orders --brokers 3 --wait
  headrace cluster scale orders --brokers 5 --validate-only")]
pub(crate) struct Scale {
    /// Name or id
    cluster: String,
    /// How many brokers it is to have
    #[arg(long, value_name = "N")]
    brokers: u32,
    /// Only say whether it could be done
    #[arg(long, conflicts_with = "wait")]
    validate_only: bool,
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

impl Scale {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.scale())
    }

    async fn scale(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let path = ["clusters", self.cluster.as_str()];
        let doing = format!("scaling cluster {} to {} brokers", self.cluster, self.brokers);
        let headers: Vec<(&'static str, String)> =
            self.if_match.iter().map(|generation| ("if-match", format!("\"{generation}\""))).collect();
        let validate = [("validate_only", "true")];
        let request = Request {
            headers: &headers,
            query: if self.validate_only { &validate } else { &[] },
            ..Request::patch(&path, json!({"brokers": self.brokers}), &doing)
        };
        let answer = api.send(request).await?;
        if self.validate_only {
            return show(self.remote.output, &answer, super::details);
        }
        if !self.wait {
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        watch::to_success(&api, &answer, self.timeout).await?;
        let cluster = api.send(Request::get(&path, format!("reading cluster {}", self.cluster))).await?;
        show(self.remote.output, &cluster, super::details)
    }
}
