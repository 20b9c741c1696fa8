//! Snappy in its two shapes: the xerial framing that Java writes (a 16-byte header, then blocks of up to
//! 32 KiB, each with a 4-byte length), and the single raw block that librdkafka writes. Both are read; the
//! framed one is written, because every client reads it.

use std::io::{self, BufRead, Read};

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Version 1, readable by version 1.
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_HEADER_BYTES: usize = 16;
const BLOCK_BYTES: usize = 32 * 1024;
/// A snappy copy makes at most 64 bytes out of three, so a block that claims more than this lies.
const MAX_RATIO: usize = 22;

pub(super) fn compress(payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(XERIAL_HEADER_BYTES + payload.len() / 2);
    out.extend_from_slice(&XERIAL_MAGIC);
    out.extend_from_slice(&XERIAL_VERSIONS);
    let mut encoder = Encoder::new();
    let mut block = vec![0; max_compress_len(BLOCK_BYTES.min(payload.len()))];
    for chunk in payload.chunks(BLOCK_BYTES) {
        let size = encoder.compress(chunk, &mut block).map_err(io::Error::other)?;
        out.extend_from_slice(&(size as u32).to_be_bytes());
        out.extend_from_slice(&block[..size]);
    }
    Ok(out)
}

/// Decompresses one block at a time.
pub(crate) struct Blocks<'a> {
    rest: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    at: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        let framed = payload.len() >= XERIAL_HEADER_BYTES && payload.starts_with(&XERIAL_MAGIC);
        let rest = if framed { &payload[XERIAL_HEADER_BYTES..] } else { payload };
        Self { rest, framed, block: Vec::new(), at: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let compressed = if self.framed {
            let (length, rest) =
                self.rest.split_at_checked(4).ok_or_else(|| bad("a block length is cut off"))?;
            // The slice is four bytes long.
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
            let (block, rest) = rest.split_at_checked(length).ok_or_else(|| bad("a block is cut off"))?;
            self.rest = rest;
            block
        } else {
            std::mem::take(&mut self.rest)
        };
        let length = decompress_len(compressed).map_err(io::Error::other)?;
        if length > compressed.len().saturating_mul(MAX_RATIO) {
            return Err(bad("a block claims more bytes than it can hold"));
        }
        self.block.resize(length, 0);
        self.at = 0;
        Decoder::new().decompress(compressed, &mut self.block).map_err(io::Error::other)?;
        Ok(())
    }
}

fn bad(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl BufRead for Blocks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.block.len() && !self.rest.is_empty() {
            self.next_block()?;
        }
        Ok(&self.block[self.at..])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.block.len());
    }
}

impl Read for Blocks<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let amount = there.len().min(out.len());
        out[..amount].copy_from_slice(&there[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_blocks_of_librdkafka_are_read() {
        let payload = b"raw raw raw raw raw".repeat(10_000);
        let raw = Encoder::new().compress_vec(&payload).unwrap();
        let mut out = Vec::new();
        Blocks::new(&raw).read_to_end(&mut out).unwrap();
        assert_eq!(out, payload);
    }

    #[test]
    fn framing_starts_with_javas_header() {
        let framed = compress(b"abc").unwrap();
        assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    }

    #[test]
    fn a_block_that_claims_gigabytes_allocates_nothing() {
        let mut blocks = Blocks::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
        assert!(blocks.fill_buf().is_err());
        assert_eq!(blocks.block.capacity(), 0);
    }
}
