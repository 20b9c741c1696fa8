//! A view over one record batch: header getters, checksum, payload.

use bytes::Bytes;

use crate::{
    Compression, Error, LeaderEpoch, NO_PRODUCER_ID, Offset, ProducerId, Records, TimestampMs, crc32c,
};

/// Where each field of a batch header lies.
pub mod layout {
    pub const BASE_OFFSET: usize = 0;
    pub const LENGTH: usize = 8;
    pub const LEADER_EPOCH: usize = 12;
    pub const MAGIC: usize = 16;
    pub const CRC: usize = 17;
    pub const ATTRIBUTES: usize = 21;
    pub const LAST_OFFSET_DELTA: usize = 23;
    pub const BASE_TIMESTAMP: usize = 27;
    pub const MAX_TIMESTAMP: usize = 35;
    pub const PRODUCER_ID: usize = 43;
    pub const PRODUCER_EPOCH: usize = 51;
    pub const BASE_SEQUENCE: usize = 53;
    pub const RECORD_COUNT: usize = 57;
    /// The size of a batch header: the records start here.
    pub const HEADER_BYTES: usize = 61;
    /// Base offset and length: the part of a batch that its length does not count.
    pub const LOG_OVERHEAD_BYTES: usize = 12;
    /// The format that this crate speaks.
    pub const MAGIC_V2: i8 = 2;
}

/// Whose clock a batch's timestamps come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    #[default]
    CreateTime,
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    pub(crate) const COMPRESSION_MASK: i16 = 0x07;
    pub(crate) const LOG_APPEND_TIME: i16 = 0x08;
    pub(crate) const TRANSACTIONAL: i16 = 0x10;
    pub(crate) const CONTROL: i16 = 0x20;
    pub(crate) const DELETE_HORIZON: i16 = 0x40;

    pub fn compression(self) -> Result<Compression, Error> {
        Compression::from_code((self.0 & Self::COMPRESSION_MASK) as u8)
    }

    pub fn timestamp_type(self) -> TimestampType {
        match self.0 & Self::LOG_APPEND_TIME {
            0 => TimestampType::CreateTime,
            _ => TimestampType::LogAppendTime,
        }
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// The base timestamp is the time after which the cleaner may drop this batch's tombstones.
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}

/// One whole record batch, over shared (`Bytes`), borrowed (`&[u8]`) or any other bytes. At least a header is
/// there and the length field is what the bytes are; everything else is as the sender wrote it until
/// [`Batch::verify_crc`] and [`Batch::summarize_records`] have been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<B = Bytes> {
    bytes: B,
}

/// A borrowed batch.
pub type BatchRef<'a> = Batch<&'a [u8]>;

/// The size of the batch that starts at the beginning of `bytes`, or what is wrong with it. `position` is only
/// for the error's text.
pub(crate) fn size_of_first(bytes: &[u8], position: usize) -> Result<usize, Error> {
    let torn = |needed_bytes| Error::Torn { position, needed_bytes, available_bytes: bytes.len() };
    if bytes.len() <= layout::MAGIC {
        return Err(torn(layout::HEADER_BYTES));
    }
    match bytes[layout::MAGIC] as i8 {
        layout::MAGIC_V2 => {}
        magic @ 0..=1 => return Err(Error::OldMagic { magic }),
        magic => return Err(Error::UnknownMagic { magic }),
    }
    let length_bytes = i32::from_be_bytes(array(bytes, layout::LENGTH));
    let min_bytes = layout::HEADER_BYTES - layout::LOG_OVERHEAD_BYTES;
    match usize::try_from(length_bytes) {
        Ok(length) if length >= min_bytes => {
            let size = length + layout::LOG_OVERHEAD_BYTES;
            if bytes.len() < size { Err(torn(size)) } else { Ok(size) }
        }
        _ => Err(Error::BadLength { length_bytes, min_bytes }),
    }
}

/// `N` bytes at `at`; the caller has made sure that they are there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl Batch<Bytes> {
    /// The batch at the beginning of `bytes`, sharing them. What follows it is left out.
    pub fn first(bytes: &Bytes) -> Result<Self, Error> {
        let size = size_of_first(bytes, 0)?;
        Ok(Self { bytes: bytes.slice(..size) })
    }

    /// The batch's records, decompressed if need be within [`crate::MAX_DECOMPRESSED_BATCH_BYTES`].
    pub fn records(&self) -> Result<Records, Error> {
        self.records_within(crate::MAX_DECOMPRESSED_BATCH_BYTES)
    }

    /// The batch's records, refused with [`Error::TooLarge`] if they decompress to more than `limit_bytes`.
    pub fn records_within(&self, limit_bytes: usize) -> Result<Records, Error> {
        let payload = self.bytes.slice(layout::HEADER_BYTES..);
        let payload = match self.compression()? {
            Compression::None => payload,
            codec => Bytes::from(codec.decompress(&payload, limit_bytes)?),
        };
        Ok(Records::new(payload, self))
    }

    /// The same batch with its records compressed by `codec`; everything else, also offsets and producer, stays.
    pub fn recompress(&self, codec: Compression) -> Result<Self, Error> {
        let records = self.records()?;
        let failed = |error: std::io::Error| Error::Decompress { codec, reason: error.to_string() };
        let payload = codec.compress(records.payload()).map_err(failed)?;
        let too_large = Error::TooLarge { limit_bytes: i32::MAX as usize };
        let length = layout::HEADER_BYTES - layout::LOG_OVERHEAD_BYTES + payload.len();
        let length = i32::try_from(length).map_err(|_| too_large)?;
        let mut out = Vec::with_capacity(layout::HEADER_BYTES + payload.len());
        out.extend_from_slice(&self.bytes[..layout::HEADER_BYTES]);
        out.extend_from_slice(&payload);
        let attributes = (self.attributes().0 & !Attributes::COMPRESSION_MASK) | i16::from(codec.code());
        out[layout::LENGTH..layout::LEADER_EPOCH].copy_from_slice(&length.to_be_bytes());
        out[layout::ATTRIBUTES..layout::LAST_OFFSET_DELTA].copy_from_slice(&attributes.to_be_bytes());
        let crc = crc32c(&out[layout::ATTRIBUTES..]);
        out[layout::CRC..layout::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
        Ok(Self { bytes: Bytes::from(out) })
    }
}

impl<'a> BatchRef<'a> {
    /// The batch at the beginning of `bytes`. What follows it is left out.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let size = size_of_first(bytes, 0)?;
        Ok(Self { bytes: &bytes[..size] })
    }

    /// A copy that owns its bytes.
    pub fn to_batch(&self) -> Batch {
        Batch { bytes: Bytes::copy_from_slice(self.bytes) }
    }
}

impl<B: AsRef<[u8]>> Batch<B> {
    pub(crate) fn from_whole(bytes: B) -> Self {
        debug_assert_eq!(size_of_first(bytes.as_ref(), 0), Ok(bytes.as_ref().len()));
        Self { bytes }
    }

    fn raw(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    fn i16_at(&self, at: usize) -> i16 {
        i16::from_be_bytes(array(self.raw(), at))
    }

    fn i32_at(&self, at: usize) -> i32 {
        i32::from_be_bytes(array(self.raw(), at))
    }

    fn i64_at(&self, at: usize) -> i64 {
        i64::from_be_bytes(array(self.raw(), at))
    }

    /// The same batch, borrowed.
    pub fn as_batch_ref(&self) -> BatchRef<'_> {
        Batch { bytes: self.raw() }
    }

    /// The batch's bytes.
    pub fn bytes(&self) -> &B {
        &self.bytes
    }

    pub fn into_bytes(self) -> B {
        self.bytes
    }

    /// Header and records, in bytes: what the batch takes on disk and what `max.message.bytes` is compared with.
    pub fn size_bytes(&self) -> usize {
        self.raw().len()
    }

    pub fn base_offset(&self) -> Offset {
        self.i64_at(layout::BASE_OFFSET)
    }

    pub fn last_offset_delta(&self) -> i32 {
        self.i32_at(layout::LAST_OFFSET_DELTA)
    }

    pub fn last_offset(&self) -> Offset {
        self.base_offset().wrapping_add(i64::from(self.last_offset_delta()))
    }

    /// The offset after this batch's last.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().wrapping_add(1)
    }

    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.i32_at(layout::LEADER_EPOCH)
    }

    pub fn attributes(&self) -> Attributes {
        Attributes(self.i16_at(layout::ATTRIBUTES))
    }

    pub fn compression(&self) -> Result<Compression, Error> {
        self.attributes().compression()
    }

    pub fn timestamp_type(&self) -> TimestampType {
        self.attributes().timestamp_type()
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes().is_transactional()
    }

    pub fn is_control(&self) -> bool {
        self.attributes().is_control()
    }

    pub fn base_timestamp_ms(&self) -> TimestampMs {
        self.i64_at(layout::BASE_TIMESTAMP)
    }

    pub fn max_timestamp_ms(&self) -> TimestampMs {
        self.i64_at(layout::MAX_TIMESTAMP)
    }

    pub fn producer_id(&self) -> ProducerId {
        self.i64_at(layout::PRODUCER_ID)
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id() > NO_PRODUCER_ID
    }

    pub fn producer_epoch(&self) -> i16 {
        self.i16_at(layout::PRODUCER_EPOCH)
    }

    pub fn base_sequence(&self) -> i32 {
        self.i32_at(layout::BASE_SEQUENCE)
    }

    /// The sequence of the batch's last record: sequences wrap from `i32::MAX` to 0.
    pub fn last_sequence(&self) -> i32 {
        let base = self.base_sequence();
        if base < 0 { base } else { base.wrapping_add(self.last_offset_delta()) & i32::MAX }
    }

    /// The number of records that the header tells of. The cleaner may have left fewer than offsets say.
    pub fn record_count(&self) -> i32 {
        self.i32_at(layout::RECORD_COUNT)
    }

    pub fn stored_crc(&self) -> u32 {
        u32::from_be_bytes(array(self.raw(), layout::CRC))
    }

    /// The records as they lie in the batch, compressed or not.
    pub fn payload(&self) -> &[u8] {
        &self.raw()[layout::HEADER_BYTES..]
    }

    /// Compares the checksum with the bytes.
    pub fn verify_crc(&self) -> Result<(), Error> {
        let stored = self.stored_crc();
        let computed = crc32c(&self.raw()[layout::ATTRIBUTES..]);
        if stored == computed {
            Ok(())
        } else {
            Err(Error::BadCrc { base_offset: self.base_offset(), stored, computed })
        }
    }
}
