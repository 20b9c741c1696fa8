//! The decoder's limits: the ones Kafka 4.4 clients and brokers hold themselves to.

/// Elements in one array. More is refused, however many bytes follow.
pub const ARRAY_ELEMENTS_MAX: usize = 1_000_000;
/// Elements that an array makes room for before it has read them.
pub const ARRAY_PREALLOCATED_MAX: usize = 1_000;
/// Tagged fields of one struct, known and unknown.
pub const TAGGED_FIELDS_MAX: u32 = 10_000;
/// Structs inside structs. Kafka's own messages need 6.
pub const NESTING_DEPTH_MAX: u8 = 32;
