//! The partition log in Kafka's on-disk format
