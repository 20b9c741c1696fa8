//! `headrace api-key delete`.

use clap::Args;

use crate::api::{Remote, Request};
use crate::failure::Failure;
use crate::output::{safe, say};
use crate::runtime::one_thread;

/// Delete an API key: it is refused from then on
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace api-key delete 0199a7f2-…")]
pub(crate) struct Delete {
    /// Id of the key, as `headrace api-key list` shows it
    id: String,
    #[command(flatten)]
    remote: Remote,
}

impl Delete {
    pub(super) fn run(self) -> Result<(), Failure> {
        one_thread(async move {
            let doing = format!("deleting the API key {}", self.id);
            self.remote.api()?.send(Request::delete(&["api-keys", &self.id], doing)).await?;
            say(&format!("the API key {} is deleted", safe(&self.id)));
            Ok(())
        })
    }
}
