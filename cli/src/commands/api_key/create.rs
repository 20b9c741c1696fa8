//! `headrace api-key create`.

use clap::Args;
use serde_json::json;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::{Table, say, show, text};
use crate::runtime::one_thread;

/// Make an API key; it is shown this once
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace api-key create ci --role operator
  headrace api-key create dashboard --role viewer --project default -o json | jq -r .key")]
pub(crate) struct Create {
    /// What to call it
    name: String,
    /// What it may do: admin, operator, developer or viewer
    #[arg(long, value_name = "ROLE", default_value = "operator")]
    role: String,
    /// The only project that it is for [default: all]
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let mut body = json!({ "name": self.name, "role": self.role });
            if let Some(project) = &self.project {
                body["project"] = json!(project);
            }
            let doing = format!("creating the API key {}", self.name);
            let made = self.remote.api()?.send(Request::post(&["api-keys"], body, doing)).await?;
            say("keep the key now: it is not shown again");
            show(self.remote.output, &made, |made| {
                let mut table = Table::new(&[]);
                for (label, part) in [
                    ("name", "/name"),
                    ("id", "/id"),
                    ("role", "/role"),
                    ("project", "/project"),
                    ("key", "/key"),
                ] {
                    table.row([label.to_owned(), text(made, part)]);
                }
                table
            })
        })
    }
}
