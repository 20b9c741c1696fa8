//! Brings clusters to what was asked for: [`plan`] says what to do, from what the provider and the brokers ([`view`]) say;
//! [`worker`] does it, [`progress`] tells about it.

mod cluster;
pub(crate) mod housekeeping;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod view;
pub(crate) mod worker;
