//! A connection's read buffer: whole frames are cut off it without copying, and an idle connection holds none.

use std::cell::RefCell;

use bytes::{Buf, Bytes, BytesMut};

/// What one wake-up tries to read.
pub(super) const READ_BYTES: usize = 256 * 1024;
/// What a connection that has been quiet starts with.
const FIRST_READ_BYTES: usize = 16 * 1024;
/// Spare buffers that a thread keeps for its connections.
const SPARE_BUFFERS_MAX: usize = 4;
const LENGTH_BYTES: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// A frame that says it is longer than is allowed, or of negative length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLength(pub(super) i32);

/// Bytes that have come and are not yet cut into frames.
#[derive(Debug, Default)]
pub(super) struct ReadBuffer {
    bytes: BytesMut,
    /// Whether the last read filled what it was given: then the next is given more.
    busy: bool,
}

impl ReadBuffer {
    /// Room to read into: enough for the rest of a frame that is partly here, else one wake-up's worth. Never more than that frame.
    pub(super) fn space(&mut self, max_frame_bytes: usize) -> &mut BytesMut {
        let wanted = match self.frame_bytes() {
            // A frame's whole length is not given at once: what has come must justify it, so the buffer at most doubles.
            Some(frame) if frame > self.bytes.len() => {
                let missing = (frame - self.bytes.len()).min(max_frame_bytes);
                missing.clamp(FIRST_READ_BYTES, READ_BYTES.max(self.bytes.len()))
            }
            _ if self.busy => READ_BYTES,
            _ => FIRST_READ_BYTES,
        };
        if self.bytes.capacity() == 0 {
            if wanted > FIRST_READ_BYTES || self.busy {
                self.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
            }
            if self.bytes.capacity() < wanted {
                self.bytes = BytesMut::with_capacity(wanted);
            }
        } else if self.bytes.capacity() - self.bytes.len() < wanted {
            self.bytes.reserve(wanted);
        }
        &mut self.bytes
    }

    /// Notes how a read went.
    pub(super) fn read(&mut self, bytes: usize) {
        self.busy = bytes >= FIRST_READ_BYTES;
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn frame_bytes(&self) -> Option<usize> {
        let length = self.bytes.first_chunk::<LENGTH_BYTES>()?;
        usize::try_from(i32::from_be_bytes(*length)).ok().map(|length| length + LENGTH_BYTES)
    }

    /// The next whole frame, without its length.
    pub(super) fn next_frame(&mut self, max_frame_bytes: usize) -> Result<Option<Bytes>, BadLength> {
        let Some(prefix) = self.bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let announced = i32::from_be_bytes(*prefix);
        let length = usize::try_from(announced).map_err(|_| BadLength(announced))?;
        if length > max_frame_bytes {
            return Err(BadLength(announced));
        }
        if self.bytes.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.bytes.advance(LENGTH_BYTES);
        Ok(Some(self.bytes.split_to(length).freeze()))
    }

    /// Whether [`ReadBuffer::next_frame`] has something to say.
    pub(super) fn has_frame(&self, max_frame_bytes: usize) -> bool {
        match self.bytes.first_chunk::<LENGTH_BYTES>() {
            Some(prefix) => usize::try_from(i32::from_be_bytes(*prefix))
                .map_or(true, |length| length > max_frame_bytes || self.bytes.len() >= LENGTH_BYTES + length),
            None => false,
        }
    }

    /// Gives the memory back while nothing is being read.
    pub(super) fn rest(&mut self) {
        if !self.bytes.is_empty() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        // Reclaims the whole allocation if no frame cut off it is alive any more.
        if self.busy && bytes.try_reclaim(READ_BYTES) && bytes.capacity() <= 2 * READ_BYTES {
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < SPARE_BUFFERS_MAX {
                    spare.push(bytes);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(buffer: &mut ReadBuffer, bytes: &[u8]) {
        buffer.space(1 << 20).extend_from_slice(bytes);
        buffer.read(bytes.len());
    }

    #[test]
    fn frames_are_cut_wherever_reads_end() {
        let mut stream = Vec::new();
        for body in [&b"one"[..], b"", b"three"] {
            stream.extend_from_slice(&(body.len() as i32).to_be_bytes());
            stream.extend_from_slice(body);
        }
        for step in 1..stream.len() {
            let mut buffer = ReadBuffer::default();
            let mut frames = Vec::new();
            for chunk in stream.chunks(step) {
                push(&mut buffer, chunk);
                while let Some(frame) = buffer.next_frame(100).unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, [&b"one"[..], b"", b"three"]);
        }
    }

    #[test]
    fn a_length_out_of_bounds_is_refused_before_its_bytes_come() {
        for length in [-1, 101, i32::MAX] {
            let mut buffer = ReadBuffer::default();
            push(&mut buffer, &length.to_be_bytes());
            assert_eq!(buffer.next_frame(100), Err(BadLength(length)));
        }
    }

    #[test]
    fn an_announced_length_takes_no_memory_by_itself() {
        let mut buffer = ReadBuffer::default();
        push(&mut buffer, &(100i32 << 20).to_be_bytes());
        assert!(buffer.space(100 << 20).capacity() <= 2 * READ_BYTES);
    }
}
