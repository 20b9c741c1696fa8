//! What a command says when it could not do its work, and the exit code that says the same to a script.

use std::process::ExitCode;

use crate::output::{safe, safe_lines, say};

/// The exit code. Documented in the help: a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tried, and it did not work.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// No key, a wrong one, or one that may not do this.
    Auth = 4,
    /// It was not done in the time given.
    TimedOut = 5,
    /// A taken name, a stale generation, a protected cluster.
    Conflict = 6,
    /// The server can't be reached.
    Unreachable = 7,
    /// The server says that the request is wrong.
    Invalid = 8,
}

/// Shown at the end of the help.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed · 2 wrong command line · 3 not found · 4 no or \
wrong key · 5 timed out · 6 conflict · 7 server not reachable · 8 refused as invalid";

/// What was being done, why it did not work, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// One line each: fields that are wrong, causes.
    pub(crate) details: Vec<String>,
    /// What the reader can do.
    pub(crate) hint: Option<String>,
    /// Whoever read our output went away: nothing to say, and nobody to say it to.
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), hint: None, silent: false }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// `doing: why`, as in "reading /x: permission denied".
    pub(crate) fn doing(doing: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self::failed(format!("{doing}: {why}"))
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// The same without its text, for one that was reported before the command ended.
    pub(crate) fn already_told(self) -> Self {
        Self { message: String::new(), ..self }
    }

    pub(crate) fn broken_pipe() -> Self {
        Self { silent: true, ..Self::failed("the reader of the output went away") }
    }

    /// Says it on stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if self.silent {
            return ExitCode::SUCCESS;
        }
        if self.message.is_empty() {
            return ExitCode::from(self.kind as u8);
        }
        say(&format!("error: {}", safe_lines(&self.message)));
        for detail in &self.details {
            say(&format!("  {}", safe(detail)));
        }
        if let Some(hint) = &self.hint {
            say(&format!("hint: {}", safe(hint)));
        }
        ExitCode::from(self.kind as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert_eq!(format!("{:?}", Failure::broken_pipe().report()), format!("{:?}", ExitCode::SUCCESS));
    }
}
