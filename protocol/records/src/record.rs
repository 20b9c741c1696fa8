//! The records inside a batch.

use bytes::Bytes;

use crate::{
    Batch, Error, Offset, TimestampMs, TimestampType,
    varint::{Bad, SliceSource, Source},
};

/// The decompressed records of one batch. [`Records::iter`] borrows keys, values and headers from it.
#[derive(Clone, Debug)]
pub struct Records {
    payload: Bytes,
    base_offset: Offset,
    base_timestamp_ms: TimestampMs,
    log_append_time_ms: Option<TimestampMs>,
    count: i32,
}

impl Records {
    pub(crate) fn new(payload: Bytes, batch: &Batch) -> Self {
        Self {
            payload,
            base_offset: batch.base_offset(),
            base_timestamp_ms: batch.base_timestamp_ms(),
            log_append_time_ms: match batch.timestamp_type() {
                TimestampType::CreateTime => None,
                TimestampType::LogAppendTime => Some(batch.max_timestamp_ms()),
            },
            count: batch.record_count(),
        }
    }

    /// The records in order; ends after the first error.
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { records: self, source: SliceSource::new(&self.payload), index: 0, failed: false }
    }

    /// The decompressed bytes of all records.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Turns a key, value or header that was borrowed from these records into shared bytes, without copying.
    /// Panics if `part` was not borrowed from here.
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.payload.slice_ref(part)
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<Record<'a>, Error>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// One record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub offset: Offset,
    /// The record's own time, or the batch's append time on a topic with `LogAppendTime`.
    pub timestamp_ms: TimestampMs,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// One header of a record. Keys are UTF-8 by convention only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// The headers of a record: in the producer's order, duplicates kept. Their shape has been checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Headers<'a> {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let mut source = SliceSource::new(self.bytes);
        (0..self.count).map_while(move |_| read_header(&mut source).ok())
    }
}

/// See [`Records::iter`].
pub struct RecordIter<'a> {
    records: &'a Records,
    source: SliceSource<'a>,
    index: i32,
    failed: bool,
}

impl<'a> RecordIter<'a> {
    fn read(&mut self) -> Result<Record<'a>, Bad> {
        let length = self.source.i32()?;
        let length = usize::try_from(length).map_err(|_| Bad::Shape("its length is negative"))?;
        let body_bytes = self.source.take(length)?;
        let mut body = SliceSource::new(body_bytes);
        body.byte()?; // Attributes: none are defined.
        let timestamp_delta = body.i64()?;
        let offset_delta = body.i32()?;
        let key = read_nullable(&mut body)?;
        let value = read_nullable(&mut body)?;
        let headers = read_headers(&mut body, body_bytes)?;
        Ok(Record {
            offset: self.records.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp_ms: self
                .records
                .log_append_time_ms
                .unwrap_or_else(|| self.records.base_timestamp_ms.wrapping_add(timestamp_delta)),
            key,
            value,
            headers,
        })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let index = self.index;
        let invalid = |reason| Error::InvalidRecord { index, reason };
        if index >= self.records.count {
            if self.source.left() == 0 {
                return None;
            }
            self.failed = true;
            return Some(Err(invalid("bytes follow the last record that the batch tells of")));
        }
        self.index += 1;
        let result = self.read().map_err(|bad| match bad {
            Bad::Shape(reason) => invalid(reason),
            Bad::Codec(_) | Bad::TooLarge => invalid("unreadable"),
        });
        self.failed = result.is_err();
        Some(result)
    }
}

fn read_nullable<'a>(source: &mut SliceSource<'a>) -> Result<Option<&'a [u8]>, Bad> {
    match usize::try_from(source.i32()?) {
        Ok(length) => source.take(length).map(Some),
        Err(_) => Ok(None),
    }
}

fn read_header<'a>(source: &mut SliceSource<'a>) -> Result<Header<'a>, Bad> {
    let length = usize::try_from(source.i32()?).map_err(|_| Bad::Shape("a header has no key"))?;
    let key = source.take(length)?;
    Ok(Header { key, value: read_nullable(source)? })
}

fn read_headers<'a>(body: &mut SliceSource<'a>, body_bytes: &'a [u8]) -> Result<Headers<'a>, Bad> {
    let count = usize::try_from(body.i32()?).map_err(|_| Bad::Shape("its number of headers is negative"))?;
    let bytes = &body_bytes[body.taken()..];
    // A header takes two bytes or more, so a count that the bytes cannot hold fails before it costs anything.
    for _ in 0..count {
        read_header(body)?;
    }
    if body.left() != 0 {
        return Err(Bad::Shape("bytes follow its last header"));
    }
    Ok(Headers { bytes, count })
}
