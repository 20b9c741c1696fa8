//! The replicas on this broker: which there are, how the metadata image changes them, how a leader replicates to its followers and how
//! a follower follows.
//!
//! [`Partition`] is one replica, `partition/role.rs` what the metadata makes of it; [`followers`](followers) is what its leader knows of the others, [`follow`](follow) what a follower takes
//! and takes back, [`fetcher`](fetcher) the fetches to one leader, [`isr`](isr) the proposals to the controller. [`offline`](offline) is what
//! becomes of the replicas in a log directory that fails.

pub(crate) mod dir_reports;
mod disk_reads;
mod fetch_session;
mod fetcher;
mod follow;
mod followers;
pub(crate) mod isr;
pub(crate) mod offline;
mod partition;
mod table;
mod throttle;
mod uncommitted;
mod waiters;

pub(crate) use disk_reads::{DiskReads, disk_reads};
pub(crate) use partition::{FollowerFetch, Partition, Reader};
pub(crate) use table::{LeadershipListener, ReplicaManager, ReplicaOptions, TopicReplicas, log_config};
pub(crate) use waiters::{FetchRegistration, Waiter};
