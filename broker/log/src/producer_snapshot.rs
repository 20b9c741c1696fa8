//! `NNN.snapshot`: the producer state of all records before offset NNN, in Kafka's format (version 1).
//!
//! Kafka keeps only the last batch of each producer there, so that after its restart a retry of an older one is
//! refused. We write the others behind Kafka's fields, under the same checksum: Kafka's reader stops before them,
//! and a snapshot that Kafka wrote is read without them.

use headrace_records::crc32c;

use crate::producer_state::{BATCHES_REMEMBERED, BatchMeta, Producer, ProducerState};

const VERSION: i16 = 1;
const CHECKED_FROM: usize = 6;
const ENTRY_BYTES: usize = 46;
const EXTENSION_MAGIC: i32 = i32::from_be_bytes(*b"HRB5");

/// Writes the state of all producers.
pub(crate) fn encode(state: &ProducerState) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(state.iter().count() as i32).to_be_bytes());
    for (id, producer) in state.iter() {
        let none = BatchMeta { last_sequence: -1, last_offset: -1, offset_delta: 0, timestamp_ms: -1 };
        let last = producer.batches.back().copied().unwrap_or(none);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&producer.epoch.to_be_bytes());
        out.extend_from_slice(&last.last_sequence.to_be_bytes());
        out.extend_from_slice(&last.last_offset.to_be_bytes());
        out.extend_from_slice(&last.offset_delta.to_be_bytes());
        out.extend_from_slice(&producer.last_timestamp_ms.to_be_bytes());
        out.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
        out.extend_from_slice(&producer.txn_first_offset.unwrap_or(-1).to_be_bytes());
    }
    let older = |producer: &Producer| producer.batches.len().saturating_sub(1);
    if state.iter().any(|(_, producer)| older(producer) > 0) {
        out.extend_from_slice(&EXTENSION_MAGIC.to_be_bytes());
        for (_, producer) in state.iter() {
            out.push(older(producer) as u8);
            for batch in producer.batches.iter().take(older(producer)) {
                out.extend_from_slice(&batch.last_sequence.to_be_bytes());
                out.extend_from_slice(&batch.last_offset.to_be_bytes());
                out.extend_from_slice(&batch.offset_delta.to_be_bytes());
                out.extend_from_slice(&batch.timestamp_ms.to_be_bytes());
            }
        }
    }
    let crc = crc32c(&out[CHECKED_FROM..]);
    out[2..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
    out
}

/// Reads a snapshot; `None` if it is damaged or of a version that is not known.
pub(crate) fn decode(bytes: &[u8]) -> Option<ProducerState> {
    let mut reader = Reader(bytes);
    if reader.i16()? != VERSION || reader.i32()? as u32 != crc32c(bytes.get(CHECKED_FROM..)?) {
        return None;
    }
    let count = usize::try_from(reader.i32()?).ok()?;
    if count > reader.0.len() / ENTRY_BYTES {
        return None;
    }
    let mut producers = Vec::with_capacity(count);
    for _ in 0..count {
        let id = reader.i64()?;
        let epoch = reader.i16()?;
        let (last_sequence, last_offset, offset_delta) = (reader.i32()?, reader.i64()?, reader.i32()?);
        let last_timestamp_ms = reader.i64()?;
        let coordinator_epoch = reader.i32()?;
        let txn_first_offset = Some(reader.i64()?).filter(|offset| *offset >= 0);
        let mut producer =
            Producer { epoch, coordinator_epoch, last_timestamp_ms, txn_first_offset, ..Producer::default() };
        if last_sequence >= 0 && offset_delta >= 0 {
            let timestamp_ms = last_timestamp_ms;
            producer.batches.push_back(BatchMeta { last_sequence, last_offset, offset_delta, timestamp_ms });
        }
        producers.push((id, producer));
    }
    if reader.i32() == Some(EXTENSION_MAGIC) {
        read_older(&mut reader, &mut producers)?;
    }
    let mut state = ProducerState::default();
    for (id, producer) in producers {
        state.insert(id, producer);
    }
    Some(state)
}

fn read_older(reader: &mut Reader<'_>, producers: &mut [(i64, Producer)]) -> Option<()> {
    for (_, producer) in producers {
        let count = usize::from(reader.u8()?);
        if count >= BATCHES_REMEMBERED {
            return None;
        }
        for index in 0..count {
            let batch = BatchMeta {
                last_sequence: reader.i32()?,
                last_offset: reader.i64()?,
                offset_delta: reader.i32()?,
                timestamp_ms: reader.i64()?,
            };
            producer.batches.insert(index, batch);
        }
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|bytes| bytes[0])
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(batches: usize) -> ProducerState {
        let mut state = ProducerState::default();
        let mut producer =
            Producer { epoch: 2, coordinator_epoch: 1, last_timestamp_ms: 9, ..Producer::default() };
        for i in 0..batches as i32 {
            producer.batches.push_back(BatchMeta {
                last_sequence: i,
                last_offset: i64::from(i) + 100,
                offset_delta: 0,
                timestamp_ms: 9,
            });
        }
        state.insert(5, producer);
        state.insert(6, Producer { epoch: 0, txn_first_offset: Some(44), ..Producer::default() });
        state
    }

    fn all(state: &ProducerState) -> Vec<(i64, Producer)> {
        state.iter().map(|(id, producer)| (id, producer.clone())).collect()
    }

    #[test]
    fn the_format_is_kafkas() {
        let bytes = encode(&state(1));
        assert_eq!(bytes.len(), 6 + 4 + 2 * ENTRY_BYTES);
        assert_eq!(bytes[..2], [0, 1]);
        let mut entry = vec![0, 0, 0, 2];
        entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0]); // id, epoch, last sequence
        entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0]); // last offset, offset delta
        entry.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]); // timestamp, coordinator epoch
        entry.extend_from_slice(&[0xff; 8]); // no open transaction
        assert_eq!(bytes[6..6 + entry.len()], entry);
        assert_eq!(all(&decode(&bytes).unwrap()), all(&state(1)));
    }

    #[test]
    fn all_five_batches_survive() {
        assert_eq!(all(&decode(&encode(&state(5))).unwrap()), all(&state(5)));
        assert_eq!(all(&decode(&encode(&ProducerState::default())).unwrap()), []);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = encode(&state(3));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(decode(&bad).is_none(), "byte {at}");
            assert!(decode(&bytes[..at]).is_none(), "cut {at}");
        }
    }
}
