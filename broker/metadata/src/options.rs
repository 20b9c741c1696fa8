//! How a node of the quorum is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headrace_disk::{Disk, RealDisk};
use headrace_protocol::Str;

use crate::blocking::Blocking;
use crate::network::{NoTransport, Transport};

/// A member of the quorum's first configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub node_id: i32,
    /// `host:port` by which the [`Transport`] reaches it.
    pub address: String,
}

/// How fast a quorum of several notices that its leader is gone.
///
/// A follower first grants the leader `election_max` (its lease, in which it votes for nobody else), then waits for
/// some time between `election_min` and `election_max` more before it stands for election. A leader that vanished is
/// so replaced after `election_max` and a half of `election_min + election_max` on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often the leader says that it is there. An answer that takes longer is not counted, and an answer may
    /// have to wait for the journal's fsync.
    pub heartbeat: Duration,
    pub election_min: Duration,
    pub election_max: Duration,
}

impl Default for Timing {
    /// A new leader 0.85 s after the old one vanished, on average, and 1.05 s at worst. A follower stands for
    /// election only after it has heard nothing for 750 ms, five heartbeats, and wins only if another voter has
    /// heard nothing for 500 ms either: one stalled node changes nothing. An fsync may take 150 ms before the answers
    /// of a follower come too late to be counted.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election_min: Duration::from_millis(250),
            election_max: Duration::from_millis(500),
        }
    }
}

/// What a node of the quorum needs to know.
#[derive(Clone)]
pub struct Options {
    pub node_id: i32,
    /// The cluster's id; a directory or a peer of another cluster is refused.
    pub cluster_id: Str,
    /// Made if it does not exist; used by one process at a time.
    pub dir: PathBuf,
    /// The quorum's members at its very first start. Later the log itself knows them. A node that is not among them
    /// begins nothing: it waits for a leader that adds it (`Handle::ensure_learner`).
    pub voters: Vec<Voter>,
    pub transport: Arc<dyn Transport>,
    pub disk: Arc<dyn Disk>,
    pub blocking: Blocking,
    pub timing: Timing,
    /// A snapshot replaces the log once that many entries were added.
    pub snapshot_after_entries: u64,
}

impl Options {
    pub const SNAPSHOT_AFTER_ENTRIES: u64 = 20_000;

    /// A quorum of this node alone.
    pub fn single(node_id: i32, cluster_id: impl Into<Str>, dir: impl Into<PathBuf>) -> Self {
        Self {
            node_id,
            cluster_id: cluster_id.into(),
            dir: dir.into(),
            voters: vec![Voter { node_id, address: String::new() }],
            transport: Arc::new(NoTransport),
            disk: RealDisk::shared(),
            blocking: Blocking::Threads,
            timing: Timing::default(),
            snapshot_after_entries: Self::SNAPSHOT_AFTER_ENTRIES,
        }
    }
}
