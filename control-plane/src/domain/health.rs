//! How a cluster's partitions and brokers are, by what the brokers themselves say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pods::Trouble;

/// How many partitions of a cluster there are, and how many are not as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PartitionHealth)]
pub(crate) struct Partitions {
    /// All of them, internal topics' too.
    pub total: u32,
    /// With fewer in-sync replicas than replicas.
    pub under_replicated: u32,
    /// With fewer in-sync replicas than `min.insync.replicas`: a producer with `acks=all` is refused. Null when the
    /// brokers do not say.
    pub under_min_isr: Option<u32>,
    /// Without a leader: nobody can read or write.
    pub offline: u32,
}

impl Partitions {
    /// Whether every replica is in sync and every partition led.
    pub(crate) fn are_well(&self) -> bool {
        self.under_replicated == 0 && self.offline == 0
    }

    /// Whether some client is refused.
    pub(crate) fn refuse_clients(&self) -> bool {
        self.offline > 0 || self.under_min_isr.is_some_and(|count| count > 0)
    }
}

/// Whether a broker takes part in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = BrokerMembership)]
pub(crate) enum Membership {
    /// It serves.
    Running,
    /// Its process runs but does not serve: it starts, or the controller does not hear of it.
    Fenced,
    /// Its process does not run.
    Stopped,
}

/// What was last seen of one broker from outside, not by its agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sighting {
    /// Whether it takes part in its cluster.
    pub membership: Membership,
    /// Whether it leads the metadata quorum; unknown while no broker answers.
    pub is_controller: Option<bool>,
    /// Whether it votes in the metadata quorum; unknown when the brokers do not say.
    pub is_voter: Option<bool>,
    /// Partitions that it leads.
    pub leaders: Option<u32>,
    /// Partitions of which it has a replica.
    pub replicas: Option<u32>,
    /// Why it does not serve, as far as its surroundings tell.
    #[serde(default)]
    pub trouble: Option<Trouble>,
}
