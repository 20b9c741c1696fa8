//! What a broker writes into a batch that a producer sent: in place, or into a copy of its header where the
//! batch is shared with others and its payload must not be copied.

use crate::{
    Attributes, Batch, BatchRef, Error, LeaderEpoch, Offset, TimestampMs, TimestampType, crc32c,
    crc32c_of_parts, layout,
};

/// A copy of a batch's header to write into; with the batch's payload behind it, it is the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderCopy([u8; layout::HEADER_BYTES]);

impl HeaderCopy {
    pub fn of<B: AsRef<[u8]>>(batch: &Batch<B>) -> Self {
        let mut header = [0; layout::HEADER_BYTES];
        header.copy_from_slice(&batch.as_batch_ref().bytes()[..layout::HEADER_BYTES]);
        Self(header)
    }

    pub fn bytes(&self) -> &[u8; layout::HEADER_BYTES] {
        &self.0
    }

    /// Writes the base offset and the leader epoch: both lie outside the checksum.
    pub fn assign(&mut self, base_offset: Offset, leader_epoch: LeaderEpoch) {
        put(&mut self.0, layout::BASE_OFFSET, &base_offset.to_be_bytes());
        put(&mut self.0, layout::LEADER_EPOCH, &leader_epoch.to_be_bytes());
    }

    /// As [`set_max_timestamp`]; `payload` is what lies behind the header, for the checksum.
    pub fn set_max_timestamp(&mut self, timestamp_type: TimestampType, max_ms: TimestampMs, payload: &[u8]) {
        if put_timestamp(&mut self.0, timestamp_type, max_ms) {
            let crc = crc32c_of_parts(&[&self.0[layout::ATTRIBUTES..], payload]);
            put(&mut self.0, layout::CRC, &crc.to_be_bytes());
        }
    }
}

/// Writes the base offset and the leader epoch into the batch at the start of `batch`. Both lie outside the
/// checksum. Returns the batch's size.
pub fn assign_offset_and_epoch(
    batch: &mut [u8],
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
) -> Result<usize, Error> {
    let size = BatchRef::parse(batch)?.size_bytes();
    put(batch, layout::BASE_OFFSET, &base_offset.to_be_bytes());
    put(batch, layout::LEADER_EPOCH, &leader_epoch.to_be_bytes());
    Ok(size)
}

/// Sets the timestamp type and the highest timestamp of the batch at the start of `batch` and, if that changed
/// anything, its checksum. Returns the batch's size.
pub fn set_max_timestamp(
    batch: &mut [u8],
    timestamp_type: TimestampType,
    max_timestamp_ms: TimestampMs,
) -> Result<usize, Error> {
    let size = BatchRef::parse(batch)?.size_bytes();
    if put_timestamp(batch, timestamp_type, max_timestamp_ms) {
        let crc = crc32c(&batch[layout::ATTRIBUTES..size]);
        put(batch, layout::CRC, &crc.to_be_bytes());
    }
    Ok(size)
}

/// Writes the two fields; true if they were not so before. `header` is at least a header long.
fn put_timestamp(header: &mut [u8], timestamp_type: TimestampType, max_timestamp_ms: TimestampMs) -> bool {
    let attributes = i16::from_be_bytes([header[layout::ATTRIBUTES], header[layout::ATTRIBUTES + 1]]);
    let stamped = match timestamp_type {
        TimestampType::CreateTime => attributes & !Attributes::LOG_APPEND_TIME,
        TimestampType::LogAppendTime => attributes | Attributes::LOG_APPEND_TIME,
    };
    let max_timestamp = max_timestamp_ms.to_be_bytes();
    if stamped == attributes && header[layout::MAX_TIMESTAMP..layout::PRODUCER_ID] == max_timestamp {
        return false;
    }
    put(header, layout::ATTRIBUTES, &stamped.to_be_bytes());
    put(header, layout::MAX_TIMESTAMP, &max_timestamp);
    true
}

fn put(batch: &mut [u8], at: usize, bytes: &[u8]) {
    batch[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, Compression};

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.append(1_000, Some(b"k"), Some(b"v"), &[]).unwrap();
        builder.build().unwrap().to_vec()
    }

    #[test]
    fn offset_and_epoch_lie_outside_the_checksum() {
        let mut bytes = batch();
        assert_eq!(assign_offset_and_epoch(&mut bytes, 42, 7), Ok(bytes.len()));
        let view = BatchRef::parse(&bytes).unwrap();
        assert_eq!((view.base_offset(), view.leader_epoch()), (42, 7));
        view.verify_crc().unwrap();
    }

    #[test]
    fn append_time_is_stamped_and_the_checksum_follows() {
        let mut bytes = batch();
        set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, 5_000).unwrap();
        let view = BatchRef::parse(&bytes).unwrap();
        view.verify_crc().unwrap();
        assert_eq!(view.timestamp_type(), TimestampType::LogAppendTime);
        let batch = view.to_batch();
        let records = batch.records().unwrap();
        assert_eq!(records.iter().next().unwrap().unwrap().timestamp_ms, 5_000);
    }

    #[test]
    fn a_stamped_header_copy_and_the_payload_are_the_stamped_batch() {
        let bytes = batch();
        let view = BatchRef::parse(&bytes).unwrap();
        let mut header = HeaderCopy::of(&view);
        header.assign(9, 3);
        header.set_max_timestamp(TimestampType::LogAppendTime, 5_000, view.payload());
        let mut in_place = bytes.clone();
        assign_offset_and_epoch(&mut in_place, 9, 3).unwrap();
        set_max_timestamp(&mut in_place, TimestampType::LogAppendTime, 5_000).unwrap();
        assert_eq!([header.bytes(), view.payload()].concat(), in_place);
    }

    #[test]
    fn garbage_is_refused_not_written() {
        let mut bytes = vec![0; 10];
        assert!(assign_offset_and_epoch(&mut bytes, 1, 1).is_err());
        assert_eq!(bytes, vec![0; 10]);
    }
}
