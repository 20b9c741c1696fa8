//! AlterReplicaLogDirs (34), versions 1–2: moves this broker's replicas between its log directories (KIP-113). Answered when the move has
//! begun; DescribeLogDirs shows how far it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use headrace_log::TopicPartition;
use headrace_protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use headrace_protocol::{ErrorCode, Str};

use super::Context;
use crate::broker::Broker;

pub(super) async fn handle(cx: &Context, request: AlterReplicaLogDirsRequest) -> AlterReplicaLogDirsResponse {
    let broker = Arc::clone(&cx.broker);
    let asked = request.clone();
    // Making directories blocks.
    let begun = cx.broker.blocking.run(move || answer(&asked, |id, dir| begin(&broker, id, dir)));
    begun.await.unwrap_or_else(|_| answer(&request, |_, _| ErrorCode::UNKNOWN_SERVER_ERROR))
}

fn begin(broker: &Broker, id: &TopicPartition, dir: &Path) -> ErrorCode {
    broker.replicas.move_to(&broker.image(), id, dir).err().unwrap_or_default()
}

fn answer(
    request: &AlterReplicaLogDirsRequest,
    begin: impl Fn(&TopicPartition, &Path) -> ErrorCode,
) -> AlterReplicaLogDirsResponse {
    let mut results: BTreeMap<Str, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    for dir in &request.dirs {
        for topic in &dir.topics {
            let begin = |&partition_index: &i32| {
                let id = TopicPartition::new(topic.name.as_str(), partition_index);
                let error_code = begin(&id, Path::new(dir.path.as_str()));
                AlterReplicaLogDirPartitionResult { partition_index, error_code }
            };
            results.entry(topic.name.clone()).or_default().extend(topic.partitions.iter().map(begin));
        }
    }
    let result = |(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions };
    AlterReplicaLogDirsResponse {
        results: results.into_iter().map(result).collect(),
        ..AlterReplicaLogDirsResponse::default()
    }
}
