//! The names of partitions and topics, as they appear on disk.

use std::{fmt, sync::Arc};

/// One partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// The partition whose directory has this name (`orders-0`).
    pub fn parse_dir_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let partition: i32 = partition.parse().ok()?;
        (!topic.is_empty() && partition >= 0).then(|| Self::new(topic, partition))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The id of a topic, new for every topic that is created. Shown as Kafka does: 22 characters of url-safe base64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub [u8; 16]);

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ID_CHARACTERS: usize = 22;

impl TopicId {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != ID_CHARACTERS {
            return None;
        }
        let mut bits: u128 = 0;
        for (index, character) in text.bytes().enumerate() {
            let value = BASE64_URL.iter().position(|&c| c == character)? as u128;
            // 22 characters are 132 bits; the last four of them are padding.
            bits = if index + 1 == ID_CHARACTERS { (bits << 2) | (value >> 4) } else { (bits << 6) | value };
        }
        Some(Self(bits.to_be_bytes()))
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        for index in 0..ID_CHARACTERS {
            let value = if index + 1 == ID_CHARACTERS {
                (bits << 4) & 0x3f
            } else {
                (bits >> (122 - 6 * index)) & 0x3f
            };
            write!(f, "{}", BASE64_URL[value as usize] as char)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_names_are_kafkas() {
        let partition = TopicPartition::new("my-topic.v2", 17);
        assert_eq!(partition.to_string(), "my-topic.v2-17");
        assert_eq!(TopicPartition::parse_dir_name("my-topic.v2-17"), Some(partition));
        for bad in ["orders", "-1", "orders-", "orders-x", "orders-0.abc-delete"] {
            assert_eq!(TopicPartition::parse_dir_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn topic_ids_are_written_as_kafka_writes_them() {
        // What java.util.Base64's url encoder gives for these bytes, without padding.
        assert_eq!(TopicId([0; 16]).to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(TopicId([0xff; 16]).to_string(), "_____________________w");
        let id = TopicId(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10");
        assert_eq!(id.to_string(), "ASNFZ4mrze_-3LqYdlQyEA");
        assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        assert_eq!(TopicId::parse("short"), None);
        assert_eq!(TopicId::parse("ASNFZ4mrze_-3LqYdlQyE!"), None);
    }
}
