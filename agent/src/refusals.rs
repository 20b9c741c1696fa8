//! API keys that the control plane refuses, and when to end for the sake of another one.
//!
//! A file that is mounted into a container may never show its new content there: only another container sees it. But an agent that ends
//! takes its broker's pod out of the list of those that clients begin with, for a moment. So it ends soon once, and then seldom.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// So often is a key tried before the agent ends.
pub(crate) const TRIES: u32 = 3;
/// So often is one for which it ended before: half an hour.
const TRIES_LATER: u32 = 100;

/// The key that was refused last, and how often in a row.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// Says for which key the agent ended last.
    note: PathBuf,
    fingerprint: String,
    times: u32,
    times_max: u32,
}

impl Refusals {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            note: state_dir.join("agent.refused-key"),
            fingerprint: String::new(),
            times: 0,
            times_max: TRIES,
        }
    }

    pub(crate) fn add(&mut self, key: &str) {
        let fingerprint = fingerprint(key);
        if self.times == 0 || self.fingerprint != fingerprint {
            let ended_before = std::fs::read_to_string(&self.note).is_ok_and(|noted| noted == fingerprint);
            self.times_max = if ended_before { TRIES_LATER } else { TRIES };
            self.times = 0;
            self.fingerprint = fingerprint;
        }
        self.times += 1;
    }

    /// A key was taken.
    pub(crate) fn forget(&mut self) {
        self.times = 0;
    }

    pub(crate) fn are_too_many(&self) -> bool {
        self.times >= self.times_max
    }

    /// To be called before the agent ends.
    pub(crate) fn write_note(&self) {
        if let Err(error) = std::fs::write(&self.note, &self.fingerprint) {
            tracing::warn!(file = %self.note.display(), %error, "cannot note which key was refused");
        }
    }
}

/// Tells keys apart without giving one away.
fn fingerprint(key: &str) -> String {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tries_of(refusals: &mut Refusals, key: &str) -> u32 {
        let until_it_ends = (1..1_000).find(|_| {
            refusals.add(key);
            refusals.are_too_many()
        });
        until_it_ends.expect("it ends")
    }

    #[test]
    fn the_agent_ends_soon_for_a_key_once_and_then_seldom() {
        let dir = tempfile::tempdir().expect("tempdir");
        let started = || Refusals::new(dir.path());
        let mut first = started();
        assert_eq!(tries_of(&mut first, "a"), TRIES);
        first.write_note();
        assert_eq!(tries_of(&mut started(), "a"), TRIES_LATER);
        assert_eq!(tries_of(&mut started(), "b"), TRIES, "another key");
        let mut taken = started();
        taken.add("b");
        taken.forget();
        assert_eq!(tries_of(&mut taken, "b"), TRIES, "it was taken meanwhile");
        let note = std::fs::read_to_string(dir.path().join("agent.refused-key")).expect("a note");
        assert_eq!(note.len(), 16);
    }
}
