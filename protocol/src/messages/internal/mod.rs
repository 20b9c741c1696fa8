//! Records of Kafka's internal topics, written by hand after Kafka's schemas: key and value each start with a two-byte
//! version (see [`crate::versioned`]).

pub mod consumer_offsets;
