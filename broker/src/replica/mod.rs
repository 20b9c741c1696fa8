//! The replicas on this broker: which there are, and how the metadata image changes them.

mod disk_reads;
mod partition;
mod table;
mod waiters;

pub(crate) use disk_reads::{DiskReads, HelperThreads};
pub(crate) use partition::Partition;
pub(crate) use table::{LeadershipListener, ReplicaManager, ReplicaOptions, TopicReplicas, log_config};
pub(crate) use waiters::FetchRegistration;
