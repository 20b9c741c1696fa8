//! The things an image is made of.

use std::sync::Arc;

use headrace_protocol::{Str, Uuid};

/// A broker's `node.id`. Not negative.
pub type BrokerId = i32;
/// Grows with every election of a partition's leader.
pub type LeaderEpoch = i32;
/// Grows with every change of a partition's state.
pub type PartitionEpoch = i32;
/// Grows with every registration of any broker; tells a broker's incarnations apart.
pub type BrokerEpoch = i64;

/// Stands where a leader would: the partition has none.
pub const NO_LEADER: BrokerId = -1;

/// A topic. `partitions[i].index == i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    pub name: Str,
    pub id: Uuid,
    pub partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }

    /// The replication factor: that of the first partition, as Kafka reports it.
    pub fn replication_factor(&self) -> usize {
        self.partitions.first().map_or(0, |partition| partition.replicas.len())
    }
}

/// A partition's replicas and who leads them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partition {
    pub index: i32,
    /// In order of preference: the first is the preferred leader.
    pub replicas: Vec<BrokerId>,
    /// In-sync replicas, a subset of `replicas`.
    pub isr: Vec<BrokerId>,
    /// Eligible leader replicas (KIP-966).
    pub elr: Vec<BrokerId>,
    pub last_known_elr: Vec<BrokerId>,
    /// Replicas that a reassignment adds.
    pub adding: Vec<BrokerId>,
    /// Replicas that a reassignment removes.
    pub removing: Vec<BrokerId>,
    /// Or [`NO_LEADER`].
    pub leader: BrokerId,
    pub leader_epoch: LeaderEpoch,
    pub partition_epoch: PartitionEpoch,
    /// The leader was elected uncleanly and has not said that it recovered.
    pub recovering: bool,
    /// The log directory of each replica, in the order of `replicas`; empty if not known.
    pub directories: Vec<Uuid>,
}

impl Partition {
    /// The log directory that a replica is in, if it is known.
    pub fn directory_of(&self, id: BrokerId) -> Option<Uuid> {
        let at = self.replicas.iter().position(|replica| *replica == id)?;
        self.directories.get(at).copied().filter(|directory| !directory.is_zero())
    }
}

/// A registered broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    pub id: BrokerId,
    /// Chosen by the broker's process at its start.
    pub incarnation: Uuid,
    pub epoch: BrokerEpoch,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<Str>,
    /// A fenced broker leads nothing, is in no ISR and gets no new replicas.
    pub fenced: bool,
    /// It is on its way out and gets no new leaderships.
    pub shutting_down: bool,
    pub log_dirs: Vec<Uuid>,
    /// The epoch before this one, if nothing can have been lost since and the broker has not been let in yet; else −1.
    pub former_epoch: BrokerEpoch,
}

impl Broker {
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.listener.as_str() == listener)
    }

    /// May lead partitions and get replicas.
    pub fn is_live(&self) -> bool {
        !self.fenced && !self.shutting_down
    }
}

/// Where a broker can be reached, as it advertises it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The listener's name, such as `PLAINTEXT`.
    pub listener: Str,
    pub host: Str,
    pub port: u16,
    /// Kafka's number: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}
