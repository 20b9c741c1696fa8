//! Controller functions: `(image, request, context) -> (records, response)`.
//!
//! They change nothing. The caller submits the records to the quorum and sends the response once they are committed;
//! on an error in the response there are no records for what failed. Time, randomness and limits come in as
//! [`Context`], so that the same arguments give the same answer.

mod alter_configs;
mod alter_partition;
mod alter_partition_reassignments;
mod assign_replicas_to_dirs;
mod brokers;
mod create_partitions;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod elect_leaders;
mod list_partition_reassignments;
mod partition_change;
mod producer_ids;
mod recover_leaders;
#[cfg(test)]
mod replication_tests;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use headrace_protocol::{ErrorCode, Str, Uuid};

pub use alter_configs::{alter_configs, incremental_alter_configs};
pub use alter_partition::alter_partition;
pub use alter_partition_reassignments::alter_partition_reassignments;
pub use assign_replicas_to_dirs::assign_replicas_to_dirs;
pub use brokers::{
    RegisterBroker, begin_controlled_shutdown, offline_log_dirs, register_broker, set_fenced,
    unregister_broker,
};
pub use create_partitions::create_partitions;
pub use create_topics::create_topics;
pub use delete_topics::delete_topics;
pub use describe_configs::describe_configs;
pub use elect_leaders::{elect_leaders, elect_preferred, elect_unclean_where_allowed};
pub use list_partition_reassignments::list_partition_reassignments;
pub use producer_ids::{PRODUCER_IDS_PER_BLOCK, ProducerIdBlock, allocate_producer_ids};
pub use recover_leaders::{
    LogEnd, LogEnds, awaits_log_ends, partitions_without_a_sure_leader, recover_leaders,
};

use super::configs::BrokerDefaults;
use super::record::MetadataRecord;

/// What a controller function may not find out by itself.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where placement begins; any number, best a random one.
    pub seed: u64,
    /// Fresh topic ids: at least one for each topic that the request may create.
    pub topic_ids: Vec<Uuid>,
    pub defaults: Arc<BrokerDefaults>,
    pub limits: Limits,
}

/// Bounds on what one cluster and one request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub partitions_per_request_max: usize,
    pub partitions_per_cluster_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { partitions_per_request_max: 10_000, partitions_per_cluster_max: 1_000_000 }
    }
}

/// Records to commit, and what to say once they are.
pub type Outcome<R> = (Vec<MetadataRecord>, R);

/// An error and a sentence, on their way into one entry of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: Str,
}

pub(super) fn refuse<T>(code: ErrorCode, message: impl Into<Str>) -> Result<T, Refusal> {
    Err(Refusal { code, message: message.into() })
}

/// The names that stand more than once in a request.
pub(super) fn repeated<T: Ord>(items: impl IntoIterator<Item = T>) -> std::collections::BTreeSet<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort_unstable();
    let mut twice = std::collections::BTreeSet::new();
    let mut previous: Option<T> = None;
    for item in items {
        if let Some(previous) = previous.take_if(|previous| *previous == item) {
            twice.insert(previous);
        }
        previous = Some(item);
    }
    twice
}
