//! The broker's pure state machines: the metadata image and the consumer groups.
//!
//! Nothing here knows a clock, a socket, a disk, randomness or `async`: every function takes the time, the random
//! values and the event as arguments, so that a seed reproduces a run and replaying the same records gives the same
//! state on every broker.

pub mod group;
pub mod metadata;
