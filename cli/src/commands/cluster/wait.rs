//! `headrace cluster wait`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::api::{Api, Remote, Request};
use crate::commands::duration;
use crate::failure::{Failure, Kind};
use crate::output::{say, show, text};
use crate::runtime::one_thread;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Goal {
    /// It runs as it was last asked to
    Running,
    /// It is gone
    Deleted,
}

/// Wait until a cluster runs, or is gone
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace cluster wait orders
  headrace cluster wait orders --for deleted --timeout 2m")]
pub(crate) struct Wait {
    /// Name or id
    cluster: String,
    /// What to wait for
    #[arg(long = "for", value_name = "GOAL", default_value = "running")]
    goal: Goal,
    /// How long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    timeout: Duration,
    #[command(flatten)]
    remote: Remote,
}

impl Wait {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let api = self.remote.api()?;
            let waited = tokio::time::timeout(self.timeout, until(&api, &self.cluster, self.goal)).await;
            match waited {
                Ok(found) => match found? {
                    Some(cluster) => show(self.remote.output, &cluster, super::details),
                    None => Ok(()),
                },
                Err(_) => Err(Failure::new(
                    Kind::TimedOut,
                    format!("cluster {} was not {} in time", self.cluster, word(self.goal)),
                )
                .hint(format!("`headrace cluster get {}` says how far it is", self.cluster))),
            }
        })
    }
}

fn word(goal: Goal) -> &'static str {
    match goal {
        Goal::Running => "running",
        Goal::Deleted => "deleted",
    }
}

async fn until(api: &Api, name: &str, goal: Goal) -> Result<Option<Value>, Failure> {
    let path = ["clusters", name];
    let mut told = String::new();
    loop {
        match api.send(Request::get(&path, format!("reading cluster {name}"))).await {
            Err(failure) if failure.kind == Kind::NotFound && goal == Goal::Deleted => return Ok(None),
            // A control plane that restarts is back soon; the timeout ends it if not.
            Err(failure) if failure.kind == Kind::TimedOut => {}
            Err(failure) => return Err(failure),
            Ok(cluster) => {
                let state = text(&cluster, "/status/state");
                if goal == Goal::Running && is_settled(&cluster) {
                    return Ok(Some(cluster));
                }
                if goal == Goal::Running && state == "failed" {
                    return Err(Failure::failed(format!("cluster {name} failed")).hint(format!(
                        "`headrace cluster get {name}` and `headrace operation list` say why"
                    )));
                }
                if state != told {
                    say(&format!("cluster {name} is {}", crate::output::safe(&state)));
                    told = state;
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Running, and as it was last asked to be.
pub(crate) fn is_settled(cluster: &Value) -> bool {
    let observed = cluster["status"]["observed_generation"].as_i64();
    cluster["status"]["state"] == "running" && observed >= cluster["generation"].as_i64()
}
