//! What a broker writes into a batch that a producer sent, in place.

use crate::{Attributes, BatchRef, Error, LeaderEpoch, Offset, TimestampMs, TimestampType, crc32c, layout};

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
    let view = BatchRef::parse(batch)?;
    let (size, attributes) = (view.size_bytes(), view.attributes().0);
    let stamped = match timestamp_type {
        TimestampType::CreateTime => attributes & !Attributes::LOG_APPEND_TIME,
        TimestampType::LogAppendTime => attributes | Attributes::LOG_APPEND_TIME,
    };
    if stamped == attributes && view.max_timestamp_ms() == max_timestamp_ms {
        return Ok(size);
    }
    put(batch, layout::ATTRIBUTES, &stamped.to_be_bytes());
    put(batch, layout::MAX_TIMESTAMP, &max_timestamp_ms.to_be_bytes());
    let crc = crc32c(&batch[layout::ATTRIBUTES..size]);
    put(batch, layout::CRC, &crc.to_be_bytes());
    Ok(size)
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
    fn garbage_is_refused_not_written() {
        let mut bytes = vec![0; 10];
        assert!(assign_offset_and_epoch(&mut bytes, 1, 1).is_err());
        assert_eq!(bytes, vec![0; 10]);
    }
}
