//! `headrace operation watch`.

use std::time::Duration;

use clap::Args;

use crate::api::{Remote, watch};
use crate::clock;
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{Format, print, safe, text};
use crate::runtime::one_thread;

/// Follow an operation to its end, step by step
///
/// With `-o json` each state of it is one line of JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace operation watch 0199a7f2-…
  headrace operation watch 0199a7f2-… -o json | jq -r .progress")]
pub(crate) struct Watch {
    /// Id of the operation
    operation: String,
    /// How long to watch
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1h")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Watch {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let mut steps = watch::Steps::default();
            let deadline = clock::now() + self.timeout;
            let ended =
                watch::operation(&api, &self.operation, deadline, |operation| match self.remote.output {
                    Format::Json => print(&format!("{operation}\n")),
                    Format::Yaml => {
                        let yaml = serde_norway::to_string(operation)
                            .map_err(|error| Failure::doing("writing YAML", error))?;
                        print(&format!("---\n{yaml}"))
                    }
                    Format::Table => {
                        steps.changes(operation).iter().try_for_each(|line| print(&format!("{line}\n")))
                    }
                })
                .await?;
            if self.remote.output == Format::Table {
                print(&format!("{} {}\n", safe(&text(&ended, "/kind")), safe(&text(&ended, "/state"))))?;
            }
            watch::outcome(&ended)
        })
    }
}
