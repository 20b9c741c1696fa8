//! A small async Kafka client for the service's own use
