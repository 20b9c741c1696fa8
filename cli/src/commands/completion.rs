//! `headrace completion`: scripts that let the shell complete commands and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output::print;

/// Write a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  headrace completion bash > ~/.local/share/bash-completion/completions/headrace
  headrace completion zsh > ~/.zfunc/_headrace
  headrace completion fish > ~/.config/fish/completions/headrace.fish")]
pub(crate) struct Completion {
    /// For which shell
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "headrace", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
