//! Kafka record batches (v2): iterate, build, validate, compress
