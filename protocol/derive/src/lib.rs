//! The derive macro that turns annotated structs into Kafka messages
