//! How a snapshot goes to a node that is too far behind for the log: in one message, or in pieces if it is large.
//!
//! The receiver holds at most one unfinished snapshot, the newest, in a buffer that grows with the bytes that came,
//! and forgets it when nothing came for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use openraft::raft::SnapshotResponse;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::RpcError;
use super::peer::{Peer, Rpc, mismatch};
use super::wire::{Answer, Call, SnapshotChunk};
use crate::types::{Command, Snapshot, SnapshotMeta, TypeConfig, Vote};

/// A larger snapshot is sent in pieces. A transport's messages may have 100 MiB (`socket.request.max.bytes`). Small in
/// tests, so that they have pieces.
const MESSAGE_BYTES_MAX: usize = if cfg!(test) { 2048 } else { 16 * 1024 * 1024 };
/// One piece.
const CHUNK_BYTES: usize = if cfg!(test) { 700 } else { 4 * 1024 * 1024 };
/// A snapshot that claims to be larger is refused.
const SNAPSHOT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// One piece may take so long to the peer and back.
const CHUNK_MAX: Duration = Duration::from_secs(10);
/// The last one, which the peer answers once it has read it all and has it on its disk.
const INSTALL_MAX: Duration = Duration::from_secs(60);
/// An unfinished snapshot is forgotten when no piece came for so long.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Sends a snapshot and waits until the peer has installed it.
pub(super) async fn send(peer: &Peer, vote: Vote, snapshot: Snapshot) -> Rpc<SnapshotResponse<TypeConfig>> {
    static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
    let Snapshot { meta, snapshot: data } = snapshot;
    if data.len() <= MESSAGE_BYTES_MAX {
        return installed(peer.call(Call::Snapshot { vote, meta, data: Command(data) }, INSTALL_MAX).await?);
    }
    let id = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    let total = data.len();
    let chunk = |from: usize, last| {
        let data = Command(data.slice(from..total.min(from + CHUNK_BYTES)));
        Call::SnapshotChunk(SnapshotChunk { vote, id, offset: from as u64, total: total as u64, data, last })
    };
    let mut from = 0;
    while from + CHUNK_BYTES < total {
        match peer.call(chunk(from, None), CHUNK_MAX).await? {
            Answer::ChunkTaken => from += CHUNK_BYTES,
            _ => return mismatch(),
        }
    }
    installed(peer.call(chunk(from, Some(meta)), INSTALL_MAX).await?)
}

fn installed(answer: Answer) -> Rpc<SnapshotResponse<TypeConfig>> {
    match answer {
        Answer::Snapshot(answer) => Ok(answer),
        _ => mismatch(),
    }
}

/// The snapshot that is coming in.
struct Unfinished {
    vote: Vote,
    id: u64,
    total: u64,
    data: BytesMut,
    touched: Instant,
}

/// Puts the pieces of a snapshot together.
#[derive(Default)]
pub(super) struct Assembly(Mutex<Option<Unfinished>>);

impl Assembly {
    /// Takes a piece. The last one gives the whole.
    pub(super) fn take(
        &self,
        chunk: SnapshotChunk,
        now: Instant,
    ) -> Result<Option<(Vote, SnapshotMeta, Bytes)>, RpcError> {
        let SnapshotChunk { vote, id, offset, total, data, last } = chunk;
        if total > SNAPSHOT_BYTES_MAX {
            return Err(RpcError::Snapshot(format!(
                "it has {total} bytes, the most is {SNAPSHOT_BYTES_MAX}"
            )));
        }
        let mut slot = self.0.lock();
        if offset == 0 && slot.as_ref().is_none_or(|unfinished| unfinished.vote <= vote) {
            *slot = Some(Unfinished { vote, id, total, data: BytesMut::new(), touched: now });
        }
        let ours = slot.as_mut().filter(|unfinished| {
            let same = unfinished.vote == vote && unfinished.id == id && unfinished.total == total;
            same && unfinished.data.len() as u64 == offset
        });
        let Some(unfinished) = ours else {
            return Err(RpcError::Snapshot("a piece came that does not follow the last one".to_owned()));
        };
        unfinished.data.extend_from_slice(&data.0);
        unfinished.touched = now;
        let bytes = unfinished.data.len() as u64;
        if bytes > total || (bytes == total) != last.is_some() {
            *slot = None;
            return Err(RpcError::Snapshot(format!("its pieces have {bytes} bytes, not {total}")));
        }
        let Some(meta) = last else { return Ok(None) };
        Ok(slot.take().map(|whole| (vote, meta, whole.data.freeze())))
    }

    /// Forgets what was given up.
    pub(super) fn expire(&self, now: Instant) {
        let mut slot = self.0.lock();
        if slot.as_ref().is_some_and(|unfinished| now - unfinished.touched > IDLE_MAX) {
            *slot = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(term: u64, id: u64, offset: u64, data: &'static [u8], is_last: bool) -> SnapshotChunk {
        SnapshotChunk {
            vote: Vote::new_committed(term, 1),
            id,
            offset,
            total: 6,
            data: Command(Bytes::from_static(data)),
            last: is_last.then(SnapshotMeta::default),
        }
    }

    #[test]
    fn pieces_in_order_give_the_whole_and_others_are_refused() {
        let assembly = Assembly::default();
        let now = Instant::now();
        let take = |chunk| assembly.take(chunk, now);
        assert!(take(piece(1, 1, 3, b"def", true)).is_err(), "the first is missing");
        assert!(take(piece(1, 1, 0, b"abc", false)).unwrap().is_none());
        assert!(take(piece(1, 2, 3, b"def", true)).is_err(), "of another attempt");
        assert_eq!(&take(piece(1, 1, 3, b"def", true)).unwrap().unwrap().2[..], b"abcdef");
        assert!(take(piece(1, 1, 3, b"def", true)).is_err(), "it is gone");

        // A newer leader takes the place, an older one does not.
        assert!(take(piece(2, 1, 0, b"abc", false)).unwrap().is_none());
        assert!(take(piece(1, 3, 0, b"abc", false)).is_err());
        assert!(take(piece(3, 1, 0, b"uvw", false)).unwrap().is_none());
        assert_eq!(&take(piece(3, 1, 3, b"xyz", true)).unwrap().unwrap().2[..], b"uvwxyz");

        // Too much, too little, and far too much.
        assert!(take(piece(3, 2, 0, b"abcdefg", false)).is_err());
        assert!(take(piece(3, 3, 0, b"abc", true)).is_err());
        let huge = SnapshotChunk { total: SNAPSHOT_BYTES_MAX + 1, ..piece(3, 4, 0, b"abc", false) };
        assert!(take(huge).is_err());
    }

    #[test]
    fn what_nobody_goes_on_with_is_forgotten() {
        let assembly = Assembly::default();
        let now = Instant::now();
        assert!(assembly.take(piece(1, 1, 0, b"abc", false), now).unwrap().is_none());
        assembly.expire(now + IDLE_MAX);
        assert!(assembly.0.lock().is_some());
        assembly.expire(now + IDLE_MAX * 2);
        assert!(assembly.0.lock().is_none());
    }
}
