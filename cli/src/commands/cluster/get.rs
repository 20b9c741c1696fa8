//! `headrace cluster get`.

use clap::Args;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::show;
use crate::runtime::one_thread;

/// Show one cluster
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster get orders
  headrace cluster get orders -o json | jq -r .status.bootstrap_servers")]
pub(crate) struct Get {
    /// Name or id
    cluster: String,
    #[command(flatten)]
    remote: Remote,
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let doing = format!("reading cluster {}", self.cluster);
            let cluster = self.remote.api()?.send(Request::get(&["clusters", &self.cluster], doing)).await?;
            show(self.remote.output, &cluster, super::details)
        })
    }
}
