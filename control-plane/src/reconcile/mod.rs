//! Brings clusters to what was asked for: [`plan`] says what to do, [`worker`] does it, [`progress`] tells about it.

pub(crate) mod housekeeping;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod worker;
