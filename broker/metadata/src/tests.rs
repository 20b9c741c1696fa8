//! Tests of whole nodes: what survives a crash, who wins a race, what a quorum of three agrees on.

mod cluster;
mod failover;
mod full_disk;
mod membership;
mod one_node;
mod partitions;
mod random_faults;
mod storage_suite;
mod three_nodes;

use std::path::Path;

use headrace_protocol::Uuid;
use headrace_state::metadata::record::{PartitionRecord, RemoveTopicRecord, TopicRecord};
use headrace_state::metadata::{Image, MetadataRecord};

use crate::{Handle, Options, Quorum};

fn id(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    Uuid(bytes)
}

/// A topic with one partition.
fn topic(name: &str) -> Vec<MetadataRecord> {
    let topic_id = id(name);
    let partition = PartitionRecord {
        topic_id,
        replicas: vec![1],
        isr: vec![1],
        leader: 1,
        ..PartitionRecord::default()
    };
    vec![TopicRecord { name: name.into(), topic_id }.into(), partition.into()]
}

fn remove(name: &str) -> MetadataRecord {
    RemoveTopicRecord { topic_id: id(name) }.into()
}

fn names(image: &Image) -> Vec<String> {
    image.topics().map(|topic| topic.name.to_string()).collect()
}

async fn start(dir: &Path) -> Handle {
    Quorum::start(Options::single(1, "cluster", dir)).await.unwrap()
}
