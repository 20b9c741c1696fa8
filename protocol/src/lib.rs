//! Kafka's wire protocol: messages, versions, frames
