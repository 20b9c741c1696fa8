//! Tells the controller in which log directory each replica of this broker is (KIP-858), where the metadata does not say so already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
    AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
};
use headrace_protocol::{ErrorCode, Uuid};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::broker::Broker;
use crate::controller;

const VERSION: i16 = 0;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before a report is sent again.
const RETRY: Duration = Duration::from_millis(200);
/// Replicas in one request, as Kafka.
const REPLICAS_PER_REQUEST_MAX: usize = 2_250;

/// A replica's topic and partition.
type Key = (Uuid, i32);

/// What has yet to be told: at most one entry for each replica.
#[derive(Debug, Default)]
pub(crate) struct DirReports {
    waiting: Mutex<BTreeMap<Key, Uuid>>,
    added: Notify,
}

impl DirReports {
    /// A replica is in this directory.
    pub(super) fn push(&self, replica: Key, directory: Uuid) {
        self.waiting.lock().insert(replica, directory);
        self.added.notify_one();
    }

    fn take(&self) -> BTreeMap<Key, Uuid> {
        let mut waiting = self.waiting.lock();
        let rest = waiting.keys().nth(REPLICAS_PER_REQUEST_MAX).copied();
        let rest = rest.map(|first| waiting.split_off(&first)).unwrap_or_default();
        std::mem::replace(&mut *waiting, rest)
    }

    /// What was not taken is told again, unless there is news by now.
    fn put_back(&self, reports: BTreeMap<Key, Uuid>) {
        let mut waiting = self.waiting.lock();
        reports.into_iter().for_each(|(key, directory)| _ = waiting.entry(key).or_insert(directory));
    }
}

/// Reports as long as the broker runs.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    loop {
        tokio::select! {
            () = broker.replicas.dir_reports.added.notified() => {}
            () = stopping.stopped() => return,
        }
        loop {
            let reports = broker.replicas.dir_reports.take();
            if reports.is_empty() {
                break;
            }
            let again = send(&broker, reports).await;
            if !again.is_empty() {
                broker.replicas.dir_reports.put_back(again);
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Gives back what has to be told again.
async fn send(broker: &Arc<Broker>, reports: BTreeMap<Key, Uuid>) -> BTreeMap<Key, Uuid> {
    let request = request(broker, &reports);
    let response = match controller::call(broker, VERSION, &request, TIMEOUT).await {
        Ok(response) if response.error_code.is_ok() => response,
        Ok(response) => {
            tracing::debug!(error = %response.error_code, "replicas' directories could not be told yet");
            return reports;
        }
        Err(error) => {
            tracing::debug!(%error, "replicas' directories could not be told yet");
            return reports;
        }
    };
    let topics = response.directories.iter().flat_map(|directory| &directory.topics);
    let refused = topics.flat_map(|topic| {
        topic.partitions.iter().map(move |p| ((topic.topic_id, p.partition_index), p.error_code))
    });
    let passing = |code| {
        // These will not get better: the replica is not there any more.
        !matches!(
            code,
            ErrorCode::NONE
                | ErrorCode::UNKNOWN_TOPIC_ID
                | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::INVALID_REQUEST
        )
    };
    refused
        .filter(|(_, code)| passing(*code))
        .filter_map(|(key, _)| reports.get(&key).map(|directory| (key, *directory)))
        .collect()
}

fn request(broker: &Broker, reports: &BTreeMap<Key, Uuid>) -> AssignReplicasToDirsRequest {
    let mut directories: BTreeMap<Uuid, BTreeMap<Uuid, Vec<i32>>> = BTreeMap::new();
    for (&(topic_id, index), &directory) in reports {
        directories.entry(directory).or_default().entry(topic_id).or_default().push(index);
    }
    let partition = |partition_index| AssignReplicasToDirsRequestPartitionData { partition_index };
    let topic = |(topic_id, partitions): (Uuid, Vec<i32>)| AssignReplicasToDirsRequestTopicData {
        topic_id,
        partitions: partitions.into_iter().map(partition).collect(),
    };
    let directory = |(id, topics): (Uuid, BTreeMap<Uuid, Vec<i32>>)| {
        let topics = topics.into_iter().map(topic).collect();
        AssignReplicasToDirsRequestDirectoryData { id, topics }
    };
    AssignReplicasToDirsRequest {
        broker_id: broker.node_id(),
        broker_epoch: broker.epoch(),
        directories: directories.into_iter().map(directory).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_told_once_and_news_replaces_what_could_not_be_told() {
        let (a, b) = (Uuid([1; 16]), Uuid([2; 16]));
        let reports = DirReports::default();
        reports.push((a, 0), a);
        reports.push((a, 1), a);
        let taken = reports.take();
        assert_eq!(taken.len(), 2);
        reports.push((a, 0), b);
        reports.put_back(taken);
        assert_eq!(reports.take(), [((a, 0), b), ((a, 1), a)].into());
        for index in 0..3_000 {
            reports.push((a, index), a);
        }
        assert_eq!((reports.take().len(), reports.take().len()), (REPLICAS_PER_REQUEST_MAX, 750));
    }
}
