//! How a node of the quorum is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::Str;

use crate::network::{NoTransport, Transport};

/// A member of the quorum's first configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub node_id: i32,
    /// `host:port` by which the [`Transport`] reaches it.
    pub address: String,
}

/// How fast a quorum of several notices that its leader is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    pub heartbeat: Duration,
    /// A follower that hears nothing for some time between these two stands for election.
    pub election_min: Duration,
    pub election_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            election_min: Duration::from_millis(1000),
            election_max: Duration::from_millis(2000),
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
    /// The quorum's members at its very first start. Later the log itself knows them.
    pub voters: Vec<Voter>,
    pub transport: Arc<dyn Transport>,
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
            timing: Timing::default(),
            snapshot_after_entries: Self::SNAPSHOT_AFTER_ENTRIES,
        }
    }
}
