//! `headrace cluster delete`.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;

use crate::api::{Remote, Request, watch};
use crate::commands::duration;
use crate::failure::Failure;
use crate::output::{safe, say, show};
use crate::runtime::one_thread;

/// Delete a cluster with its data
///
/// On a terminal it asks for the cluster's name again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster delete orders
  headrace cluster delete orders --yes --wait")]
pub(crate) struct Delete {
    /// Name or id
    cluster: String,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// Only if nobody changed it since this generation
    #[arg(long, value_name = "GENERATION")]
    if_match: Option<i64>,
    /// Follow the operation, and end when the cluster is gone
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m", requires = "wait")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        if !self.yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            self.confirm()?;
        }
        one_thread(self.delete())
    }

    fn confirm(&self) -> Result<(), Failure> {
        say(&format!(
            "This deletes cluster {} with all its data. Its name again, to go on:",
            safe(&self.cluster)
        ));
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .map_err(|error| Failure::doing("reading the answer", error))?;
        if line.trim() == self.cluster { Ok(()) } else { Err(Failure::failed("nothing was deleted")) }
    }

    async fn delete(self) -> Result<(), Failure> {
        let api = self.remote.api()?;
        let path = ["clusters", self.cluster.as_str()];
        let doing = format!("deleting cluster {}", self.cluster);
        let headers: Vec<(&'static str, String)> =
            self.if_match.iter().map(|generation| ("if-match", format!("\"{generation}\""))).collect();
        let answer = api.send(Request { headers: &headers, ..Request::delete(&path, &doing) }).await?;
        if !self.wait {
            return show(self.remote.output, &answer, crate::commands::operation::details);
        }
        say(&doing);
        let operation = watch::to_success(&api, &answer, self.timeout).await?;
        show(self.remote.output, &operation, crate::commands::operation::details)
    }
}
