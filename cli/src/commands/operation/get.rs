//! `headrace operation get`.

use clap::Args;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::show;
use crate::runtime::one_thread;

/// Show one operation with its steps
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace operation get 0199a7f2-…
  headrace operation get 0199a7f2-… -o json | jq .steps")]
pub(crate) struct Get {
    /// Id of the operation
    operation: String,
    #[command(flatten)]
    remote: Remote,
}

impl Get {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let doing = format!("reading operation {}", self.operation);
            let operation =
                self.remote.api()?.send(Request::get(&["operations", &self.operation], doing)).await?;
            show(self.remote.output, &operation, super::details)
        })
    }
}
