//! `headrace api-key …`: who may use the service.

mod create;
mod delete;
mod list;

use clap::Subcommand;

use crate::failure::Failure;

/// Make, see and remove API keys
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Delete(delete::Delete),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Create(command) => command.run(),
            Self::List(command) => command.run(),
            Self::Delete(command) => command.run(),
        }
    }
}
