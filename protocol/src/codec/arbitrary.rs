//! Random but valid messages, for tests and fuzzing.
//!
//! A message is "read" from a [`Reader`] that invents what it is asked for. So the derive needs no second expansion, and
//! what is invented follows exactly the versions and types that decoding follows.

use bytes::Bytes;

use super::message::Message;
use super::reader::{DecodeError, Reader};
use crate::Str;

/// Elements in an invented array, at most.
const ELEMENTS_MAX: u64 = 3;
/// Bytes in an invented byte field, now and then.
const LONG_BYTES: usize = 2_000;
/// Tags that are tried on every struct. Kafka's go up to 4.
const TAGS_TRIED: u32 = 8;

/// A random message, valid in `version`; the same for the same seed.
///
/// # Panics
/// If the message has no such version, or holds itself.
pub fn arbitrary<M: Message>(seed: u64, version: i16) -> M {
    let mut r = Reader::new(Bytes::new());
    r.inventing = Some(Inventor { state: seed, null_allowed: false });
    M::decode(&mut r, version).expect("the message has this version")
}

/// Where invented values come from: SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Inventor {
    state: u64,
    null_allowed: bool,
}

impl Inventor {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// The next nullable value may be null.
    pub(super) fn allow_null(&mut self) {
        self.null_allowed = true;
    }

    /// Null, if allowed, in one case of four.
    pub(super) fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let null = std::mem::take(&mut self.null_allowed) && self.below(4) == 0;
        (!null).then(|| make(self))
    }

    /// Big-endian bytes of a number: often 0, 1 or -1, where mistakes hide, else anything.
    pub(super) fn number<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        match self.below(8) {
            0 => {}
            1 => out[N - 1] = 1,
            2 => out = [0xff; N],
            _ => out.fill_with(|| self.next() as u8),
        }
        out
    }

    pub(super) fn count(&mut self) -> usize {
        self.below(ELEMENTS_MAX + 1) as usize
    }

    pub(super) fn bytes(&mut self) -> Bytes {
        let len = if self.below(16) == 0 { LONG_BYTES } else { self.below(20) as usize };
        (0..len).map(|_| self.next() as u8).collect()
    }

    pub(super) fn text(&mut self) -> Str {
        // One to four bytes each in UTF-8.
        const LETTERS: [char; 8] = ['a', 'z', '0', '-', '.', 'é', '水', '🜄'];
        let len = self.below(12);
        (0..len).map(|_| LETTERS[self.below(8) as usize]).collect()
    }
}

/// Sets each tagged field of a struct, or not.
pub(super) fn tags(
    r: &mut Reader,
    known: &mut dyn FnMut(u32, &mut Reader) -> Result<bool, DecodeError>,
) -> Result<(), DecodeError> {
    for tag in 0..TAGS_TRIED {
        if r.inventing.as_mut().is_some_and(|inventor| inventor.below(2) == 0) {
            known(tag, r)?;
        }
    }
    Ok(())
}
