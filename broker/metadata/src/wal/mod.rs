//! The quorum's journal on disk: one sequence of operations (entries, votes, commits, truncations, purges) in
//! append-only segment files.
//!
//! Votes share the journal with entries because raft wants both in one order and both on disk before they are
//! answered: one file gives the order, and one fsync covers whatever was waiting. A batch is what was written
//! between two fsyncs; each begins with a header that says how much of the file was known to be on disk by then.
//! That is how recovery tells a torn tail (nobody was promised anything: cut it) from damage to what was promised
//! (refuse to start).
//!
//! `frame` is the encoding, `recover` reads the files at start, `writer` is the thread that owns them afterwards.

mod frame;
mod recover;
mod writer;

pub use recover::WalError;
pub(crate) use recover::open;
pub(crate) use writer::WalWriter;

use serde::{Deserialize, Serialize};

use crate::types::{Entry, LogId, Vote};

/// Version of the journal's encoding. A reader refuses a newer one.
pub(crate) const FORMAT_VERSION: u8 = 1;

/// A segment is closed and a new one begun once it is larger than this; small in tests, so that they have several.
pub(crate) const SEGMENT_BYTES: u64 = if cfg!(test) { 2048 } else { 8 * 1024 * 1024 };

/// What the journal remembers besides entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct HardState {
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
}

/// One operation. Encoded with postcard: the order of the variants and their fields is the format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// First in every segment: stands in for all segments before it but their entries.
    Head {
        format: u8,
        segment: u64,
        state: HardState,
    },
    Append(Entry),
    Vote(Vote),
    Committed(Option<LogId>),
    /// Entries with an index of at least this are gone.
    Truncate {
        from_index: u64,
    },
    /// Entries up to and with this one are gone: a snapshot stands for them.
    Purge(LogId),
}
