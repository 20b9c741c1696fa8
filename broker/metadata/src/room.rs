//! A full disk: no reason for a node to stop, for who frees space needs it to go on.
//!
//! The journal holds some bytes of its file in reserve, so that what empties the disk again (topics deleted, retention lowered) can be
//! written while everything else is refused; when these are used up as well, it waits.

use std::io::{self, ErrorKind};
use std::time::Duration;

/// How often a write that found no room is tried again.
pub(crate) const RETRY: Duration = Duration::from_millis(500);
/// Bytes of the journal's file that are taken before they are needed.
pub(crate) const RESERVE_BYTES: u64 = 1 << 20;

/// The disk, or the user's share of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
