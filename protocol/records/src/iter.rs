//! The batches of a buffer, one after the other.

use bytes::Bytes;

use crate::{Batch, Error, batch::size_of_first};

/// Goes through the batches of `bytes` without copying. A batch that is cut off at the end is reported as
/// [`Error::Torn`] and any other damage as itself; nothing follows an error.
pub fn batches(bytes: Bytes) -> Batches {
    Batches { bytes, position: 0, failed: false }
}

/// See [`batches`].
#[derive(Clone, Debug)]
pub struct Batches {
    bytes: Bytes,
    position: usize,
    failed: bool,
}

impl Batches {
    /// The byte after the last good batch.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.position == self.bytes.len() {
            return None;
        }
        match size_of_first(&self.bytes[self.position..], self.position) {
            Ok(size) => {
                let batch = Batch::from_whole(self.bytes.slice(self.position..self.position + size));
                self.position += size;
                Some(Ok(batch))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchBuilder, Compression};

    fn two_batches() -> (Bytes, usize) {
        let mut both = Vec::new();
        for base in [0, 2] {
            let mut builder = BatchBuilder::new(Compression::None).base_offset(base);
            builder.append(5, Some(b"k"), Some(b"v"), &[]).unwrap();
            builder.append(6, Some(b"k"), None, &[]).unwrap();
            both.extend_from_slice(&builder.build().unwrap());
        }
        let half = both.len() / 2;
        (Bytes::from(both), half)
    }

    #[test]
    fn whole_batches_come_in_order_and_share_the_buffer() {
        let (bytes, half) = two_batches();
        let mut iter = batches(bytes.clone());
        let first = iter.next().unwrap().unwrap();
        assert_eq!((first.base_offset(), first.last_offset()), (0, 1));
        assert_eq!(first.bytes().as_ptr(), bytes.as_ptr());
        assert_eq!(iter.position(), half);
        assert_eq!(iter.next().unwrap().unwrap().base_offset(), 2);
        assert!(iter.next().is_none());
    }

    #[test]
    fn a_tail_cut_anywhere_is_reported_as_torn_and_ends_the_iteration() {
        let (bytes, half) = two_batches();
        for cut in half + 1..bytes.len() {
            let mut iter = batches(bytes.slice(..cut));
            assert!(iter.next().unwrap().is_ok());
            assert!(
                matches!(iter.next(), Some(Err(Error::Torn { position, .. })) if position == half),
                "cut {cut}"
            );
            assert!(iter.next().is_none());
            assert_eq!(iter.position(), half);
        }
    }

    #[test]
    fn old_formats_are_refused_by_name() {
        let mut bytes = two_batches().0.to_vec();
        bytes[16] = 1;
        let error = batches(Bytes::from(bytes)).next().unwrap().unwrap_err();
        assert_eq!(error, Error::OldMagic { magic: 1 });
        assert!(error.to_string().contains("v1"));
    }
}
