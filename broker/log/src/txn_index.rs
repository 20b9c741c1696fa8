//! `.txnindex`: the aborted transactions that end in a segment, so that a read_committed consumer can be told
//! which records to skip. Kafka's format: version, producer id, first, last and last stable offset, 34 bytes.
//! The file is made with its first entry.

use std::io::{self, IoSlice};

use headrace_records::{Offset, ProducerId};

use crate::disk::{Disk, FileSlot, read_exact_at};

const ENTRY_BYTES: usize = 34;
const VERSION: i16 = 0;

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTxn {
    pub producer_id: ProducerId,
    pub first_offset: Offset,
    /// The offset of the abort marker.
    pub last_offset: Offset,
    pub last_stable_offset: Offset,
}

impl AbortedTxn {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut out = [0; ENTRY_BYTES];
        out[..2].copy_from_slice(&VERSION.to_be_bytes());
        let fields = [self.producer_id, self.first_offset, self.last_offset, self.last_stable_offset];
        for (chunk, field) in out[2..].chunks_exact_mut(8).zip(fields) {
            chunk.copy_from_slice(&field.to_be_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) != VERSION {
            return None;
        }
        let mut fields = rest.as_chunks::<8>().0.iter().map(|field| i64::from_be_bytes(*field));
        Some(Self {
            producer_id: fields.next()?,
            first_offset: fields.next()?,
            last_offset: fields.next()?,
            last_stable_offset: fields.next()?,
        })
    }
}

/// One segment's index. Aborts are rare, so it is read when asked and not kept.
#[derive(Debug)]
pub(crate) struct TxnIndex {
    slot: FileSlot,
    entries: u64,
}

impl TxnIndex {
    pub(crate) fn empty(slot: FileSlot) -> Self {
        Self { slot, entries: 0 }
    }

    pub(crate) fn load(disk: &dyn Disk, slot: FileSlot) -> io::Result<Self> {
        if !disk.exists(slot.path()) {
            return Ok(Self::empty(slot));
        }
        let length = slot.open(disk)?.len()?;
        slot.close();
        // A torn entry at the end is written over.
        Ok(Self { slot, entries: length / ENTRY_BYTES as u64 })
    }

    pub(crate) fn slot(&self) -> &FileSlot {
        &self.slot
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    pub(crate) fn append(&mut self, disk: &dyn Disk, txn: &AbortedTxn) -> io::Result<()> {
        let file = self.slot.create(disk)?;
        file.write_all_at(&[IoSlice::new(&txn.encode())], self.entries * ENTRY_BYTES as u64)?;
        self.entries += 1;
        Ok(())
    }

    pub(crate) fn read(&self, disk: &dyn Disk) -> io::Result<Vec<AbortedTxn>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let mut bytes = vec![0; self.entries as usize * ENTRY_BYTES];
        read_exact_at(&*self.slot.open(disk)?, &mut bytes, 0)?;
        bytes
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| AbortedTxn::decode(entry).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)))
            .collect()
    }

    /// Forgets transactions whose marker lies at or after `offset`.
    pub(crate) fn truncate(&mut self, disk: &dyn Disk, offset: Offset) -> io::Result<()> {
        if !disk.exists(self.slot.path()) {
            return Ok(());
        }
        let keep = self.read(disk)?.iter().take_while(|txn| txn.last_offset < offset).count() as u64;
        self.slot.open(disk)?.set_len(keep * ENTRY_BYTES as u64)?;
        self.entries = keep;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn entries_are_kafkas_and_can_be_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.txnindex");
        let mut index = TxnIndex::empty(FileSlot::new(path.clone()));
        let txns: Vec<_> = (0..3)
            .map(|i| AbortedTxn {
                producer_id: 7,
                first_offset: i * 10,
                last_offset: i * 10 + 9,
                last_stable_offset: i * 10 + 10,
            })
            .collect();
        for txn in &txns {
            index.append(&RealDisk, txn).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 3 * 34);
        assert_eq!(bytes[..18], [0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut again = TxnIndex::load(&RealDisk, FileSlot::new(path)).unwrap();
        assert_eq!(again.read(&RealDisk).unwrap(), txns);
        again.truncate(&RealDisk, 19).unwrap();
        assert_eq!(again.read(&RealDisk).unwrap(), txns[..1]);
    }
}
