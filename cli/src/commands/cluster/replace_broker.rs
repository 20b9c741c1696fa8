//! `headrace cluster replace-broker`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request, watch};
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{say, show};
use crate::runtime::one_thread;

/// Have a broker begin again with an empty disk
///
/// For one whose disk or machine is lost. Its data is given up once others have all of it; it then gets it from them again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster replace-broker orders 2 --wait")]
pub(crate) struct ReplaceBroker {
    /// Name or id
    cluster: String,
    /// Its id
    broker: i32,
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

impl ReplaceBroker {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(self.replace())
    }

    async fn replace(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let broker = self.broker.to_string();
        let path = ["clusters", self.cluster.as_str(), "brokers", broker.as_str(), "replace"];
        let doing = format!("replacing broker {broker} of cluster {}", self.cluster);
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
