//! [`Uuid`]: 16 bytes, shown in Kafka's url-safe base64 without padding (22 characters).

use std::fmt;
use std::str::FromStr;

/// A topic id, directory id or cluster id. `Uuid::ZERO` means "none".
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uuid(pub [u8; 16]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Characters in a printed id: 128 bits at 6 bits each, rounded up.
const TEXT_LEN: usize = 22;

impl Uuid {
    pub const ZERO: Self = Self([0; 16]);

    /// An id from 16 random bytes, marked as version 4. Randomness comes from the caller.
    ///
    /// Kafka avoids ids that print with a leading `-` (tools take them for a flag): the caller's bytes are changed in
    /// that one case.
    #[must_use]
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        if bytes[0] >> 2 == 62 {
            bytes[0] &= 0x7f;
        }
        Self(bytes)
    }

    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let mut text = [0u8; TEXT_LEN];
        for (i, out) in text.iter_mut().enumerate() {
            // The last character carries two bits, padded with zeros on the right.
            let bits = match i {
                21 => value << 4,
                _ => value >> (122 - 6 * i),
            };
            *out = ALPHABET[(bits & 0x3f) as usize];
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

/// The text is not a Kafka id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 22 characters of url-safe base64, as in \"AAAAAAAAAAAAAAAAAAAAAA\"")]
pub struct ParseUuidError;

impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        if text.len() != TEXT_LEN {
            return Err(ParseUuidError);
        }
        let mut value = 0u128;
        for (i, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|c| *c == byte).ok_or(ParseUuidError)? as u128;
            value = match i {
                21 => (value << 2) | (digit >> 4),
                _ => (value << 6) | digit,
            };
        }
        Ok(Self(value.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_kafka_prints_and_reads_it_back() {
        let one = Uuid(1u128.to_be_bytes());
        assert_eq!(one.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let id = Uuid([0x5e, 0xd0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xff, 0xfe, 0xfd, 0xfc]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("short".parse::<Uuid>(), Err(ParseUuidError));
        assert_eq!("AAAAAAAAAAAAAAAAAAAA+/".parse::<Uuid>(), Err(ParseUuidError));
    }

    #[test]
    fn random_ids_never_start_with_a_dash() {
        for first in 0..=255u8 {
            let id = Uuid::from_random([first; 16]).to_string();
            assert!(!id.starts_with('-'), "{id}");
        }
    }
}
