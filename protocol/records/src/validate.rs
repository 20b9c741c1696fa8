//! Checks that a batch's records are what its header says, without holding them: compressed records stream
//! through a small buffer.

use std::io::BufRead;

use crate::{
    Batch, Compression, Error, MAX_DECOMPRESSED_BATCH_BYTES, NO_TIMESTAMP_MS, TimestampMs,
    varint::{Bad, SliceSource, Source},
};

/// What a walk over all records of a batch found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSummary {
    /// The lowest record timestamp by the producer's clock, −1 if the batch is empty.
    pub min_timestamp_ms: TimestampMs,
    /// The highest record timestamp by the producer's clock, −1 if the batch is empty.
    pub max_timestamp_ms: TimestampMs,
    /// The first record without a key: a compacted topic must refuse the batch.
    pub first_without_key: Option<i32>,
    /// What the records take decompressed.
    pub payload_bytes: usize,
}

impl<B: AsRef<[u8]>> Batch<B> {
    /// Checks what the header alone tells of a batch that a producer sent: a positive count that agrees with
    /// the offsets, a sequence where there is a producer id, a known codec. Does not look at the checksum.
    pub fn validate_header(&self) -> Result<(), Error> {
        let count = self.record_count();
        if count <= 0 {
            return Err(Error::Invalid("it has no records"));
        }
        if self.last_offset_delta() != count - 1 {
            return Err(Error::Invalid("its number of records differs from its range of offsets"));
        }
        if self.has_producer_id() && self.base_sequence() < 0 {
            return Err(Error::Invalid("it has a producer id but no sequence"));
        }
        if self.has_producer_id() && self.producer_epoch() < 0 {
            return Err(Error::Invalid("it has a producer id but no producer epoch"));
        }
        if self.is_transactional() && !self.has_producer_id() {
            return Err(Error::Invalid("it is transactional but has no producer id"));
        }
        self.compression().map(|_| ())
    }

    /// Walks all records: each must be whole, numbered one after the other from zero, as many as the header
    /// says, and nothing may follow them. Compressed records are streamed, so memory stays small; more than
    /// [`MAX_DECOMPRESSED_BATCH_BYTES`] is refused.
    pub fn summarize_records(&self) -> Result<RecordSummary, Error> {
        let payload = self.payload();
        match self.compression()? {
            Compression::None => {
                let mut source = SliceSource::new(payload);
                let summary = self.walk(&mut source, Compression::None)?;
                end(source.left() == 0, self.record_count())?;
                Ok(summary)
            }
            codec => {
                let reader = codec.reader(payload)?;
                let mut source = StreamSource { reader, taken: 0 };
                let summary = self.walk(&mut source, codec)?;
                let at_end = source.at_end().map_err(|bad| to_error(bad, codec, self.record_count()))?;
                end(at_end, self.record_count())?;
                Ok(summary)
            }
        }
    }

    fn walk(&self, source: &mut impl Source, codec: Compression) -> Result<RecordSummary, Error> {
        let base = self.base_timestamp_ms();
        let mut summary = RecordSummary {
            min_timestamp_ms: i64::MAX,
            max_timestamp_ms: NO_TIMESTAMP_MS,
            first_without_key: None,
            payload_bytes: 0,
        };
        for index in 0..self.record_count() {
            let seen = walk_record(source, index).map_err(|bad| to_error(bad, codec, index))?;
            let timestamp_ms = base.wrapping_add(seen.timestamp_delta);
            summary.min_timestamp_ms = summary.min_timestamp_ms.min(timestamp_ms);
            summary.max_timestamp_ms = summary.max_timestamp_ms.max(timestamp_ms);
            if !seen.has_key && summary.first_without_key.is_none() {
                summary.first_without_key = Some(index);
            }
        }
        if self.record_count() <= 0 {
            summary.min_timestamp_ms = NO_TIMESTAMP_MS;
        }
        summary.payload_bytes = source.taken();
        Ok(summary)
    }
}

fn end(at_end: bool, index: i32) -> Result<(), Error> {
    if at_end {
        Ok(())
    } else {
        Err(Error::InvalidRecord { index, reason: "bytes follow the last record that the batch tells of" })
    }
}

fn to_error(bad: Bad, codec: Compression, index: i32) -> Error {
    match bad {
        Bad::Shape(reason) => Error::InvalidRecord { index, reason },
        Bad::Codec(error) => Error::Decompress { codec, reason: error.to_string() },
        Bad::TooLarge => Error::TooLarge { limit_bytes: MAX_DECOMPRESSED_BATCH_BYTES },
    }
}

struct Seen {
    timestamp_delta: i64,
    has_key: bool,
}

fn walk_record(source: &mut impl Source, index: i32) -> Result<Seen, Bad> {
    let length = usize::try_from(source.i32()?).map_err(|_| Bad::Shape("its length is negative"))?;
    let start = source.taken();
    source.byte()?;
    let timestamp_delta = source.i64()?;
    if source.i32()? != index {
        return Err(Bad::Shape("its offset is not one above that of the record before it"));
    }
    let has_key = skip_nullable(source)?;
    skip_nullable(source)?;
    let headers = source.i32()?;
    if headers < 0 {
        return Err(Bad::Shape("its number of headers is negative"));
    }
    for _ in 0..headers {
        if !skip_nullable(source)? {
            return Err(Bad::Shape("a header has no key"));
        }
        skip_nullable(source)?;
    }
    if source.taken() - start != length {
        return Err(Bad::Shape("its length is not what its fields take"));
    }
    Ok(Seen { timestamp_delta, has_key })
}

/// Skips a field with a length in front; false if it was null.
fn skip_nullable(source: &mut impl Source) -> Result<bool, Bad> {
    match usize::try_from(source.i32()?) {
        Ok(length) => source.skip(length).map(|()| true),
        Err(_) => Ok(false),
    }
}

/// A source over a decompressor.
struct StreamSource<R> {
    reader: R,
    taken: usize,
}

impl<R: BufRead> StreamSource<R> {
    fn advance(&mut self, bytes: usize) -> Result<(), Bad> {
        self.reader.consume(bytes);
        self.taken += bytes;
        if self.taken > MAX_DECOMPRESSED_BATCH_BYTES { Err(Bad::TooLarge) } else { Ok(()) }
    }

    fn at_end(&mut self) -> Result<bool, Bad> {
        self.reader.fill_buf().map(<[u8]>::is_empty).map_err(Bad::Codec)
    }
}

impl<R: BufRead> Source for StreamSource<R> {
    #[inline]
    fn byte(&mut self) -> Result<u8, Bad> {
        let byte = *self
            .reader
            .fill_buf()
            .map_err(Bad::Codec)?
            .first()
            .ok_or(Bad::Shape("the bytes end inside a record"))?;
        self.advance(1)?;
        Ok(byte)
    }

    fn skip(&mut self, mut bytes: usize) -> Result<(), Bad> {
        while bytes > 0 {
            let there = self.reader.fill_buf().map_err(Bad::Codec)?.len().min(bytes);
            if there == 0 {
                return Err(Bad::Shape("a field is longer than the bytes that are left"));
            }
            self.advance(there)?;
            bytes -= there;
        }
        Ok(())
    }

    fn taken(&self) -> usize {
        self.taken
    }
}
