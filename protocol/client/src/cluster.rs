//! [`Cluster`]: what the last metadata said about brokers and leaders.

use std::collections::BTreeMap;

use headrace_protocol::messages::metadata::{MetadataResponse, MetadataResponseTopic};
use headrace_protocol::{Str, Uuid};

/// A view of the cluster. It grows by the topics that were asked about, and may be out of date.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cluster {
    pub cluster_id: Option<Str>,
    pub controller_id: i32,
    pub brokers: BTreeMap<i32, Broker>,
    pub topics: BTreeMap<Str, Topic>,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq)]
pub struct Broker {
    pub id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Topic {
    /// Zero if the cluster is too old for topic ids.
    pub id: Uuid,
    pub partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partition {
    /// -1 while there is none.
    pub leader: i32,
    pub leader_epoch: i32,
}

impl Broker {
    /// `HOST:PORT`, with brackets around an IPv6 address.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Cluster {
    /// Takes in a metadata response. Text is detached, so that the response's frame can go.
    pub(crate) fn update(&mut self, response: &MetadataResponse) {
        self.cluster_id = response.cluster_id.as_ref().map(Str::detached);
        self.controller_id = response.controller_id;
        let brokers = response.brokers.iter().map(|broker| Broker {
            id: broker.node_id,
            host: broker.host.detached(),
            port: broker.port,
            rack: broker.rack.as_ref().map(Str::detached),
        });
        self.brokers = brokers.map(|broker| (broker.id, broker)).collect();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error_code.is_ok() {
                self.topics.insert(name.detached(), Topic::new(topic));
            } else {
                self.topics.remove(name.as_str());
            }
        }
    }
}

impl Topic {
    fn new(topic: &MetadataResponseTopic) -> Self {
        let partitions = topic.partitions.iter().map(|partition| {
            let value = Partition { leader: partition.leader_id, leader_epoch: partition.leader_epoch };
            (partition.partition_index, value)
        });
        Self { id: topic.topic_id, partitions: partitions.collect() }
    }
}
