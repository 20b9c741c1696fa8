//! Invariants that can be broken on purpose, to see that the simulation's checker notices. Without the feature `sabotage`, which only
//! the simulation asks for, nothing is ever broken and the questions cost nothing.

use std::fmt;
use std::str::FromStr;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Records are acknowledged before followers have them.
    AckBeforeReplication,
    /// A follower takes back what is above its high watermark, whatever the leader has (before KIP-101).
    TruncateByHighWatermark,
    /// Leader epochs are neither compared nor fenced by.
    IgnoreEpochs,
    /// A vote is answered before it is on disk.
    SkipVoteFsync,
}

const NAMES: [(Sabotage, &str); 4] = [
    (Sabotage::AckBeforeReplication, "ack-before-replication"),
    (Sabotage::TruncateByHighWatermark, "truncate-by-high-watermark"),
    (Sabotage::IgnoreEpochs, "ignore-epochs"),
    (Sabotage::SkipVoteFsync, "skip-vote-fsync"),
];

impl fmt::Display for Sabotage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(known, _)| known == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Sabotage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(_, name)| *name == text).map(|(known, _)| *known);
        known.ok_or_else(|| format!("one of {}", NAMES.map(|(_, name)| name).join(", ")))
    }
}

#[cfg(feature = "sabotage")]
static ON: parking_lot::Mutex<Option<Sabotage>> = parking_lot::Mutex::new(None);

/// From now on this is done wrong.
#[cfg(feature = "sabotage")]
pub fn set(what: Option<Sabotage>) {
    *ON.lock() = what;
}

/// Whether this is done wrong.
#[cfg(feature = "sabotage")]
pub fn is_on(what: Sabotage) -> bool {
    *ON.lock() == Some(what)
}

/// Whether this is done wrong: never.
#[cfg(not(feature = "sabotage"))]
pub const fn is_on(_: Sabotage) -> bool {
    false
}
