//! Builds a batch: for tests and tools, for the client, and for the records that a broker writes itself.

use bytes::Bytes;

use crate::{
    Attributes, Compression, EndTxnMarker, Header, LeaderEpoch, NO_PRODUCER_EPOCH, NO_PRODUCER_ID,
    NO_SEQUENCE, NO_TIMESTAMP_MS, Offset, ProducerId, TimestampMs, TimestampType, crc32c, layout,
    varint::{len_i64, put_i32, put_i64},
};

/// Why a batch cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("a batch needs at least one record")]
    Empty,
    #[error("the batch would be larger than the 2 GiB that its length field can tell")]
    TooLarge,
    #[error("compressing the records with {codec} failed")]
    Compress { codec: Compression, source: std::io::Error },
}

/// Collects records and writes them as one batch. The first record's timestamp is the base timestamp.
#[derive(Debug)]
pub struct BatchBuilder {
    compression: Compression,
    attributes: i16,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    producer_id: ProducerId,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp_ms: TimestampMs,
    max_timestamp_ms: TimestampMs,
    count: i32,
    payload: Vec<u8>,
}

impl BatchBuilder {
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            attributes: 0,
            base_offset: 0,
            leader_epoch: -1,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            base_timestamp_ms: NO_TIMESTAMP_MS,
            max_timestamp_ms: NO_TIMESTAMP_MS,
            count: 0,
            payload: Vec::new(),
        }
    }

    /// A batch with one transaction marker (a control batch, never compressed).
    pub fn end_txn(
        marker: EndTxnMarker,
        timestamp_ms: TimestampMs,
        producer_id: ProducerId,
        producer_epoch: i16,
    ) -> Result<Self, BuildError> {
        let (key, value) = marker.encode();
        let mut builder = Self::new(Compression::None).producer(producer_id, producer_epoch, NO_SEQUENCE);
        builder.attributes |= Attributes::TRANSACTIONAL | Attributes::CONTROL;
        builder.append(timestamp_ms, Some(&key), Some(&value), &[])?;
        Ok(builder)
    }

    #[must_use]
    pub fn base_offset(mut self, offset: Offset) -> Self {
        self.base_offset = offset;
        self
    }

    #[must_use]
    pub fn leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.leader_epoch = epoch;
        self
    }

    #[must_use]
    pub fn producer(mut self, id: ProducerId, epoch: i16, base_sequence: i32) -> Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.attributes |= Attributes::TRANSACTIONAL;
        self
    }

    /// A control batch of a type other than a transaction marker; the caller appends the control record.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.attributes |= Attributes::CONTROL;
        self
    }

    #[must_use]
    pub fn timestamp_type(mut self, timestamp_type: TimestampType) -> Self {
        match timestamp_type {
            TimestampType::CreateTime => self.attributes &= !Attributes::LOG_APPEND_TIME,
            TimestampType::LogAppendTime => self.attributes |= Attributes::LOG_APPEND_TIME,
        }
        self
    }

    /// The number of records so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The uncompressed size of the batch as it stands.
    pub fn size_bytes(&self) -> usize {
        layout::HEADER_BYTES + self.payload.len()
    }

    /// Adds a record after the last. Fails with [`BuildError::TooLarge`] and adds nothing if the batch could
    /// not tell its size any more.
    pub fn append(
        &mut self,
        timestamp_ms: TimestampMs,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BuildError> {
        if self.count == 0 {
            self.base_timestamp_ms = timestamp_ms;
        }
        let timestamp_delta = timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let field = |bytes: Option<&[u8]>| {
            let length = bytes.map_or(0, <[u8]>::len);
            len_i64(bytes.map_or(-1, |_| length as i64)) + length
        };
        let body = 1
            + len_i64(timestamp_delta)
            + len_i64(i64::from(self.count))
            + field(key)
            + field(value)
            + len_i64(headers.len() as i64)
            + headers.iter().map(|header| field(Some(header.key)) + field(header.value)).sum::<usize>();
        let length = i32::try_from(body).map_err(|_| BuildError::TooLarge)?;
        if self.size_bytes() + len_i64(body as i64) + body > i32::MAX as usize {
            return Err(BuildError::TooLarge);
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        let out = &mut self.payload;
        put_i32(out, length);
        out.push(0);
        put_i64(out, timestamp_delta);
        put_i32(out, self.count);
        put_field(out, key);
        put_field(out, value);
        put_i64(out, headers.len() as i64);
        for header in headers {
            put_field(out, Some(header.key));
            put_field(out, header.value);
        }
        self.count += 1;
        Ok(())
    }

    /// Compresses the records and writes header and checksum.
    pub fn build(self) -> Result<Bytes, BuildError> {
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        let payload = match self.compression {
            Compression::None => self.payload,
            codec => {
                codec.compress(&self.payload).map_err(|source| BuildError::Compress { codec, source })?
            }
        };
        let size = layout::HEADER_BYTES + payload.len();
        let length = i32::try_from(size - layout::LOG_OVERHEAD_BYTES).map_err(|_| BuildError::TooLarge)?;
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(&self.base_offset.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        out.push(layout::MAGIC_V2 as u8);
        out.extend_from_slice(&[0; 4]);
        let attributes = self.attributes | i16::from(self.compression.code());
        out.extend_from_slice(&attributes.to_be_bytes());
        out.extend_from_slice(&(self.count - 1).to_be_bytes());
        out.extend_from_slice(&self.base_timestamp_ms.to_be_bytes());
        out.extend_from_slice(&self.max_timestamp_ms.to_be_bytes());
        out.extend_from_slice(&self.producer_id.to_be_bytes());
        out.extend_from_slice(&self.producer_epoch.to_be_bytes());
        out.extend_from_slice(&self.base_sequence.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&payload);
        let crc = crc32c(&out[layout::ATTRIBUTES..]);
        out[layout::CRC..layout::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
        Ok(Bytes::from(out))
    }
}

fn put_field(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_i64(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
        None => put_i64(out, -1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, ControlRecord};

    #[test]
    fn a_batch_is_what_javas_client_writes() {
        // DefaultRecordBatch of kafka-clients for key "k", value "v", one header, timestamp 1 000.
        let mut builder = BatchBuilder::new(Compression::None).producer(5, 1, 9);
        builder.append(1_000, Some(b"k"), Some(b"v"), &[Header { key: b"h", value: None }]).unwrap();
        let bytes = builder.build().unwrap();
        let mut golden = Vec::new();
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0]); // base offset
        golden.extend_from_slice(&[0, 0, 0, 61]); // length
        golden.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 2]); // leader epoch, magic
        golden.extend_from_slice(&bytes[17..21]);
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0]); // attributes, last offset delta
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x03, 0xe8].repeat(2)); // timestamps
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1]);
        // 11 bytes of body: attributes, two deltas, key, value, and one header with a null value.
        golden.extend_from_slice(&[22, 0, 0, 0, 2, b'k', 2, b'v', 2, 2, b'h', 1]);
        assert_eq!(&bytes[..], &golden[..]);
        Batch::first(&bytes).unwrap().verify_crc().unwrap();
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn records_come_back_in_order_with_duplicate_headers() {
        let headers = [
            Header { key: b"a", value: Some(b"1") },
            Header { key: b"b", value: None },
            Header { key: b"a", value: Some(b"2") },
        ];
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new(codec).base_offset(100);
            builder.append(50, None, Some(&[7; 40_000]), &headers).unwrap();
            builder.append(40, Some(b"key"), None, &[]).unwrap();
            let batch = Batch::first(&builder.build().unwrap()).unwrap();
            batch.verify_crc().unwrap();
            batch.validate_header().unwrap();
            let summary = batch.summarize_records().unwrap();
            assert_eq!((summary.min_timestamp_ms, summary.max_timestamp_ms), (40, 50));
            assert_eq!(summary.first_without_key, Some(0));
            assert_eq!(batch.max_timestamp_ms(), 50);
            let records = batch.records().unwrap();
            let all: Vec<_> = records.iter().map(|record| record.unwrap()).collect();
            assert_eq!(all.len(), 2);
            assert_eq!((all[0].offset, all[0].timestamp_ms), (100, 50));
            assert_eq!(all[0].headers.iter().collect::<Vec<_>>(), headers);
            assert_eq!(all[0].value.map(<[u8]>::len), Some(40_000));
            assert_eq!((all[1].offset, all[1].timestamp_ms, all[1].key), (101, 40, Some(&b"key"[..])));
            assert_eq!(all[1].value, None);
            assert_eq!(records.share(all[1].key.unwrap()), Bytes::from_static(b"key"));
        }
    }

    #[test]
    fn recompressing_changes_nothing_but_the_codec() {
        let mut builder = BatchBuilder::new(Compression::Gzip).base_offset(5).producer(8, 1, 2);
        builder.append(50, Some(b"k"), Some(&[7; 4_000]), &[]).unwrap();
        let before = Batch::first(&builder.build().unwrap()).unwrap();
        let after = before.recompress(Compression::Zstd).unwrap();
        after.verify_crc().unwrap();
        assert_eq!(after.compression(), Ok(Compression::Zstd));
        assert_eq!(after.summarize_records(), before.summarize_records());
        assert_eq!(
            (after.base_offset(), after.producer_id(), after.base_sequence(), after.max_timestamp_ms()),
            (5, 8, 2, 50)
        );
    }

    #[test]
    fn markers_are_control_batches() {
        let marker = EndTxnMarker { committed: true, coordinator_epoch: 3 };
        let bytes = BatchBuilder::end_txn(marker, 10, 77, 2).unwrap().build().unwrap();
        let batch = Batch::first(&bytes).unwrap();
        assert!(batch.is_control() && batch.is_transactional());
        let records = batch.records().unwrap();
        let record = records.iter().next().unwrap().unwrap();
        assert_eq!(ControlRecord::parse(record.key, record.value), Ok(ControlRecord::EndTxn(marker)));
    }

    #[test]
    fn sequences_wrap_after_the_highest() {
        let mut builder = BatchBuilder::new(Compression::None).producer(1, 0, i32::MAX - 1);
        for _ in 0..4 {
            builder.append(0, None, None, &[]).unwrap();
        }
        let batch = Batch::first(&builder.build().unwrap()).unwrap();
        assert_eq!(batch.last_sequence(), 1);
    }

    #[test]
    fn an_empty_batch_is_refused() {
        assert!(matches!(BatchBuilder::new(Compression::None).build(), Err(BuildError::Empty)));
    }
}
