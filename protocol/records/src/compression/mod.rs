//! The four codecs of Kafka, both ways, compatible with what the Java client and librdkafka write and read.
//!
//! Decompression is bounded: a buffer grows only as bytes come out of the codec, up to the caller's limit.

mod snappy;

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
};

use flate2::{bufread::MultiGzDecoder, write::GzEncoder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use crate::Error;

/// How a batch's records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// The buffer between a decompressor and whoever walks the records, in bytes.
const STREAM_BUFFER_BYTES: usize = 16 * 1024;

/// How much a decompressed buffer reserves at first, as a multiple of the compressed bytes.
const FIRST_GUESS_RATIO: usize = 3;

/// A good trade for a log: near gzip's ratio at many times its speed. It is zstd's own default.
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    /// All codecs, by their code.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec with this code in a batch's attributes.
    pub fn from_code(code: u8) -> Result<Self, Error> {
        Self::ALL.get(usize::from(code)).copied().ok_or(Error::UnknownCompression { code })
    }

    pub fn code(self) -> u8 {
        self as u8
    }

    /// Kafka's name for it, as in `compression.type`.
    pub fn name(self) -> &'static str {
        ["none", "gzip", "snappy", "lz4", "zstd"][self as usize]
    }

    /// The codec that Kafka calls `name`; `uncompressed` is how a topic says none.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uncompressed" => Some(Self::None),
            _ => Self::ALL.into_iter().find(|codec| codec.name() == name),
        }
    }

    /// Compresses `payload`.
    pub fn compress(self, payload: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(payload.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(payload)?;
                encoder.finish()
            }
            Self::Snappy => snappy::compress(payload),
            Self::Lz4 => {
                // Java's reader refuses linked blocks.
                let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
                let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(payload)?;
                Ok(encoder.finish()?)
            }
            Self::Zstd => zstd::stream::encode_all(payload, ZSTD_LEVEL),
        }
    }

    /// Decompresses `payload`, refused with [`Error::TooLarge`] if more than `limit_bytes` come out.
    pub fn decompress(self, payload: &[u8], limit_bytes: usize) -> Result<Vec<u8>, Error> {
        let too_large = Error::TooLarge { limit_bytes };
        let capacity = payload.len().saturating_mul(FIRST_GUESS_RATIO).min(limit_bytes);
        let mut out = Vec::with_capacity(capacity);
        let mut reader = self.reader(payload)?.take(limit_bytes as u64 + 1);
        reader
            .read_to_end(&mut out)
            .map_err(|error| Error::Decompress { codec: self, reason: error.to_string() })?;
        if out.len() > limit_bytes { Err(too_large) } else { Ok(out) }
    }

    /// A stream of the decompressed bytes.
    pub(crate) fn reader(self, payload: &[u8]) -> Result<Reader<'_>, Error> {
        Ok(match self {
            Self::None => Reader::None(payload),
            Self::Gzip => Reader::Gzip(buffered(MultiGzDecoder::new(payload))),
            Self::Snappy => Reader::Snappy(snappy::Blocks::new(payload)),
            Self::Lz4 => Reader::Lz4(Box::new(FrameDecoder::new(payload))),
            Self::Zstd => Reader::Zstd(buffered(
                // zstd refuses windows above 128 MiB by itself; below that it takes the memory as it fills it.
                zstd::stream::read::Decoder::with_buffer(payload)
                    .map_err(|error| Error::Decompress { codec: self, reason: error.to_string() })?,
            )),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn buffered<R: Read>(inner: R) -> Box<BufReader<R>> {
    Box::new(BufReader::with_capacity(STREAM_BUFFER_BYTES, inner))
}

/// A decompressor over bytes in memory.
pub(crate) enum Reader<'a> {
    None(&'a [u8]),
    Gzip(Box<BufReader<MultiGzDecoder<&'a [u8]>>>),
    Snappy(snappy::Blocks<'a>),
    Lz4(Box<FrameDecoder<&'a [u8]>>),
    Zstd(Box<BufReader<zstd::stream::read::Decoder<'static, &'a [u8]>>>),
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(inner) => inner.read(out),
            Self::Gzip(inner) => inner.read(out),
            Self::Snappy(inner) => inner.read(out),
            Self::Lz4(inner) => inner.read(out),
            Self::Zstd(inner) => inner.read(out),
        }
    }
}

impl BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::None(inner) => inner.fill_buf(),
            Self::Gzip(inner) => inner.fill_buf(),
            Self::Snappy(inner) => inner.fill_buf(),
            Self::Lz4(inner) => inner.fill_buf(),
            Self::Zstd(inner) => inner.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::None(inner) => inner.consume(amount),
            Self::Gzip(inner) => inner.consume(amount),
            Self::Snappy(inner) => inner.consume(amount),
            Self::Lz4(inner) => inner.consume(amount),
            Self::Zstd(inner) => inner.consume(amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads() -> Vec<Vec<u8>> {
        let text = b"the quick brown fox jumps over the lazy dog ".repeat(5_000);
        let mut noise = vec![0u8; 100_000];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        vec![Vec::new(), vec![7], text, noise]
    }

    #[test]
    fn every_codec_round_trips() {
        for codec in Compression::ALL {
            for payload in payloads() {
                let compressed = codec.compress(&payload).unwrap();
                assert_eq!(codec.decompress(&compressed, payload.len()).unwrap(), payload, "{codec}");
            }
        }
    }

    #[test]
    fn output_above_the_limit_is_refused() {
        let payload = vec![0u8; 1_000_000];
        for codec in Compression::ALL {
            let compressed = codec.compress(&payload).unwrap();
            let error = codec.decompress(&compressed, payload.len() - 1).unwrap_err();
            assert_eq!(error, Error::TooLarge { limit_bytes: payload.len() - 1 }, "{codec}");
        }
    }

    #[test]
    fn cut_and_garbage_input_is_an_error_not_a_panic() {
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let compressed = codec.compress(&payloads()[2]).unwrap();
            for cut in [1, 3, 9, 17, 20, compressed.len() / 2, compressed.len() - 1] {
                let result = codec.decompress(&compressed[..cut], 1 << 20);
                assert!(
                    result.is_err() || result.is_ok_and(|out| payloads()[2].starts_with(&out)),
                    "{codec} {cut}"
                );
            }
            assert!(codec.decompress(&[0x55; 64], 1 << 20).is_err(), "{codec}");
        }
    }

    #[test]
    fn names_are_kafkas() {
        for codec in Compression::ALL {
            assert_eq!(Compression::from_name(codec.name()), Some(codec));
            assert_eq!(Compression::from_code(codec.code()), Ok(codec));
        }
        assert_eq!(Compression::from_name("uncompressed"), Some(Compression::None));
        assert_eq!(Compression::from_name("brotli"), None);
        assert!(Compression::from_code(5).is_err());
    }
}
