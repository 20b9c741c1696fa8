//! A batch of operations as bytes: `magic, body length, synced length, crc32c, body`, integers little-endian.
//!
//! The checksum covers both lengths and the body. `synced_len` is how many bytes of this file were known to be on
//! disk when the batch was written.

use crc_fast::{CrcAlgorithm, Digest};

use super::Op;

pub(super) const MAGIC: [u8; 4] = *b"HRMJ";
pub(super) const HEADER_BYTES: usize = 4 + 4 + 8 + 4;
/// No batch is larger: the writer splits, the reader refuses.
pub(super) const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why bytes are not a batch.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the file ends inside a batch")]
    Short,
    #[error("a batch does not begin with its mark")]
    Magic,
    #[error("the checksum of a batch is wrong")]
    Checksum,
    #[error("a batch with a good checksum cannot be decoded; it was written by another version")]
    Undecodable,
}

/// A batch as found in a file.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) ops: Vec<Op>,
    /// Bytes that the batch takes in the file.
    pub(super) len: usize,
}

fn checksum(lengths: &[u8], body: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(lengths);
    digest.update(body);
    u32::try_from(digest.finalize()).unwrap_or(0)
}

/// Appends a batch whose body is `body` to `out`.
pub(super) fn encode(body: &[u8], synced_len: u64, out: &mut Vec<u8>) {
    let body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut lengths = [0_u8; 12];
    lengths[..4].copy_from_slice(&body_len.to_le_bytes());
    lengths[4..].copy_from_slice(&synced_len.to_le_bytes());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&lengths);
    out.extend_from_slice(&checksum(&lengths, body).to_le_bytes());
    out.extend_from_slice(body);
}

/// Adds an operation to a body.
pub(super) fn push_op(op: &Op, body: &mut Vec<u8>) -> Result<(), postcard::Error> {
    postcard::to_io(op, body).map(|_| ())
}

/// The header and body at the start of `bytes`, checked but not yet decoded: `(body, synced_len)`.
pub(super) fn check(bytes: &[u8]) -> Result<(&[u8], u64), FrameError> {
    let header = bytes.get(..HEADER_BYTES).ok_or(FrameError::Short)?;
    if header[..4] != MAGIC {
        return Err(FrameError::Magic);
    }
    let lengths = &header[4..16];
    let body_len = u32::from_le_bytes([lengths[0], lengths[1], lengths[2], lengths[3]]) as usize;
    if body_len > BATCH_BYTES_MAX {
        return Err(FrameError::Checksum);
    }
    let body = bytes.get(HEADER_BYTES..HEADER_BYTES + body_len).ok_or(FrameError::Short)?;
    let crc = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
    if crc != checksum(lengths, body) {
        return Err(FrameError::Checksum);
    }
    let mut synced = [0_u8; 8];
    synced.copy_from_slice(&lengths[4..]);
    Ok((body, u64::from_le_bytes(synced)))
}

/// Reads the batch at the start of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<Batch, FrameError> {
    let (mut body, _) = check(bytes)?;
    let len = HEADER_BYTES + body.len();
    let mut ops = Vec::new();
    while !body.is_empty() {
        let (op, rest) = postcard::take_from_bytes(body).map_err(|_| FrameError::Undecodable)?;
        ops.push(op);
        body = rest;
    }
    Ok(Batch { ops, len })
}

/// Whether some whole batch after `from` says that the byte at `from` had been on disk before it was written.
pub(super) fn later_batch_vouches_for(bytes: &[u8], from: usize) -> bool {
    let mut at = from + 1;
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.windows(MAGIC.len()).position(|w| w == MAGIC))
    {
        at += found;
        if let Ok((_, synced_len)) = check(&bytes[at..])
            && synced_len > from as u64
        {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(op: &Op, synced_len: u64) -> Vec<u8> {
        let (mut body, mut out) = (Vec::new(), Vec::new());
        push_op(op, &mut body).unwrap();
        encode(&body, synced_len, &mut out);
        out
    }

    #[test]
    fn a_batch_reads_back_and_any_flipped_bit_is_seen() {
        let op = Op::Truncate { from_index: 77 };
        let bytes = batch(&op, 5);
        let read = decode(&bytes).unwrap();
        assert_eq!((read.ops, read.len, check(&bytes).unwrap().1), (vec![op], bytes.len(), 5));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bad).is_err(), "flipped bit {bit} was not noticed");
        }
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]).unwrap_err(), FrameError::Short);
        }
    }

    #[test]
    fn a_later_batch_tells_damage_from_a_torn_tail() {
        let op = Op::Truncate { from_index: 1 };
        let first = batch(&op, 0);
        let mut unsynced = first.clone();
        unsynced.extend(batch(&op, 0));
        assert!(!later_batch_vouches_for(&unsynced, 0));
        let mut synced = first.clone();
        synced.extend(batch(&op, first.len() as u64));
        assert!(later_batch_vouches_for(&synced, 0));
        assert!(!later_batch_vouches_for(&synced, first.len()));
    }
}
