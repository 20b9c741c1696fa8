//! Buffers for reads from disk, used again: a fresh one would be zeroed and faulted in page by page each time.

use std::cell::RefCell;

use bytes::Bytes;

/// Buffers that a thread keeps for its next read.
const KEPT_PER_THREAD: usize = 4;
/// A larger one is given back to the allocator, in bytes.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024 + GRAIN_BYTES;
/// Sizes are rounded up to this, so that one buffer suits many reads, in bytes.
const GRAIN_BYTES: usize = 64 * 1024;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// So many bytes, whatever is in them.
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    pub(crate) fn of(len: usize) -> Self {
        let kept = FREE.with_borrow_mut(|free| {
            free.iter().position(|bytes| bytes.len() >= len).map(|at| free.swap_remove(at))
        });
        let bytes = kept.unwrap_or_else(|| vec![0; len.next_multiple_of(GRAIN_BYTES)]);
        Self { bytes, len }
    }

    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }

    /// Shared from now on; comes back when the last one who shares it is done.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() > KEPT_BYTES_MAX {
            return;
        }
        // An error means that the thread is ending.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < KEPT_PER_THREAD {
                free.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_reader_is_done() {
        let mut first = Buffer::of(100_000);
        first.as_mut()[0] = 7;
        let place = first.as_ref().as_ptr();
        let shared = first.freeze();
        let part = shared.slice(..1);
        drop(shared);
        assert_ne!(Buffer::of(100_000).as_ref().as_ptr(), place);
        assert_eq!(part[0], 7);
        drop(part);
        let again: Vec<Buffer> = (0..2).map(|_| Buffer::of(50_000)).collect();
        assert!(
            again.iter().any(|buffer| buffer.as_ref().as_ptr() == place && buffer.as_ref().len() == 50_000)
        );
    }

    #[test]
    fn a_thread_keeps_few_and_no_large_ones() {
        let many: Vec<Buffer> = (0..10).map(|_| Buffer::of(1)).collect();
        drop(many);
        drop(Buffer::of(KEPT_BYTES_MAX + 1));
        FREE.with_borrow(|free| {
            assert_eq!(free.len(), KEPT_PER_THREAD);
            assert!(free.iter().all(|bytes| bytes.len() <= KEPT_BYTES_MAX));
        });
    }
}
