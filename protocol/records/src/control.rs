//! Control records: markers that a broker writes among a partition's records (KIP-98).

use crate::Error;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    pub committed: bool,
    pub coordinator_epoch: i32,
}

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    EndTxn(EndTxnMarker),
    /// A type that this version does not know: to be kept and otherwise left alone.
    Other(i16),
}

const KEY_VERSION: i16 = 0;
const VALUE_VERSION: i16 = 0;
const TYPE_ABORT: i16 = 0;
const TYPE_COMMIT: i16 = 1;

impl ControlRecord {
    /// Reads a control record's key and value.
    pub fn parse(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, Error> {
        let key = key.unwrap_or_default();
        let (Some(version), Some(kind)) = (i16_at(key, 0), i16_at(key, 2)) else {
            return Err(Error::Invalid("the key of a control record is shorter than 4 bytes"));
        };
        if version < KEY_VERSION {
            return Err(Error::Invalid("the key of a control record has a negative version"));
        }
        if kind != TYPE_ABORT && kind != TYPE_COMMIT {
            return Ok(Self::Other(kind));
        }
        let epoch = value.and_then(|value| value.get(2..6)).and_then(|bytes| bytes.try_into().ok());
        let coordinator_epoch = i32::from_be_bytes(
            epoch.ok_or(Error::Invalid("the value of a transaction marker is too short"))?,
        );
        Ok(Self::EndTxn(EndTxnMarker { committed: kind == TYPE_COMMIT, coordinator_epoch }))
    }
}

impl EndTxnMarker {
    /// The marker's key and value.
    pub fn encode(self) -> ([u8; 4], [u8; 6]) {
        let kind = if self.committed { TYPE_COMMIT } else { TYPE_ABORT };
        let (mut key, mut value) = ([0; 4], [0; 6]);
        key[..2].copy_from_slice(&KEY_VERSION.to_be_bytes());
        key[2..].copy_from_slice(&kind.to_be_bytes());
        value[..2].copy_from_slice(&VALUE_VERSION.to_be_bytes());
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        (key, value)
    }
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(i16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_round_trip() {
        for committed in [false, true] {
            let marker = EndTxnMarker { committed, coordinator_epoch: 9 };
            let (key, value) = marker.encode();
            assert_eq!(ControlRecord::parse(Some(&key), Some(&value)), Ok(ControlRecord::EndTxn(marker)));
        }
        assert_eq!(ControlRecord::parse(Some(&[0, 0, 0, 5]), None), Ok(ControlRecord::Other(5)));
        assert!(ControlRecord::parse(Some(&[0]), None).is_err());
        assert!(ControlRecord::parse(Some(&[0, 0, 0, 1]), Some(&[0])).is_err());
    }
}
