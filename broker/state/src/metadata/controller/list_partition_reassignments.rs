//! ListPartitionReassignments: the moves of replicas that are under way (KIP-455). Only reads.

use std::sync::Arc;

use headrace_protocol::messages::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, OngoingPartitionReassignment,
    OngoingTopicReassignment,
};

use crate::metadata::image::Image;
use crate::metadata::model::{Partition, Topic};

/// The moves that are under way.
pub fn list_partition_reassignments(
    image: &Image,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let ongoing = |topic: &Topic, wanted: &dyn Fn(i32) -> bool| {
        let moves = |p: &&Arc<Partition>| wanted(p.index) && !(p.adding.is_empty() && p.removing.is_empty());
        let describe = |p: &Arc<Partition>| OngoingPartitionReassignment {
            partition_index: p.index,
            replicas: p.replicas.clone(),
            adding_replicas: p.adding.clone(),
            removing_replicas: p.removing.clone(),
        };
        let partitions: Vec<_> = topic.partitions.iter().filter(moves).map(describe).collect();
        (!partitions.is_empty()).then(|| OngoingTopicReassignment { name: topic.name.clone(), partitions })
    };
    let topics = match &request.topics {
        None => image.topics().filter_map(|topic| ongoing(topic, &|_| true)).collect(),
        Some(asked) => asked
            .iter()
            .filter_map(|asked| {
                let topic = image.topic(&asked.name)?;
                ongoing(topic, &|index| asked.partition_indexes.contains(&index))
            })
            .collect(),
    };
    ListPartitionReassignmentsResponse { topics, ..Default::default() }
}
