//! Tells the controller which replicas are in sync (KIP-497): proposals of all partitions that this broker leads, gathered into one
//! request at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData,
    AlterPartitionResponse, BrokerState,
};
use headrace_protocol::{ErrorCode, Uuid};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Partition;
use super::followers::{Proposal, Verdict};
use crate::broker::Broker;
use crate::controller;

const ALTER_PARTITION_VERSION: i16 = 3;
/// How long the controller may take before a proposal counts as lost.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before a proposal is sent again.
const RETRY: Duration = Duration::from_millis(50);
/// Partitions in one request.
const PARTITIONS_PER_REQUEST_MAX: usize = 5_000;

/// Partitions whose proposal has yet to be sent.
#[derive(Debug, Default)]
pub(crate) struct IsrQueue {
    waiting: Mutex<Vec<Arc<Partition>>>,
    added: Notify,
}

impl IsrQueue {
    pub(super) fn push(&self, partition: Arc<Partition>) {
        self.waiting.lock().push(partition);
        self.added.notify_one();
    }

    fn take(&self) -> Vec<Arc<Partition>> {
        let mut waiting = self.waiting.lock();
        let count = waiting.len().min(PARTITIONS_PER_REQUEST_MAX);
        waiting.drain(..count).collect()
    }
}

/// Sends proposals and looks for followers that are late, as long as the broker runs.
pub(crate) async fn run(broker: Arc<Broker>) {
    let lag_ms_max = broker.config.replica_lag_time_max_ms.unsigned_abs();
    let mut look = tokio::time::interval(Duration::from_millis((lag_ms_max / 2).max(1)));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stopping = broker.stopping();
    loop {
        let queue = &broker.replicas.isr_queue;
        tokio::select! {
            () = queue.added.notified() => {}
            // Looked at in each round: a condition of the branch would be that of the moment when the waiting began, which was before
            // the first broker had heard of the others.
            _ = look.tick() => {
                let alone = broker.image().brokers().count() <= 1;
                for partition in broker.replicas.partitions().into_iter().filter(|_| !alone) {
                    partition.propose_leaving(&broker, lag_ms_max);
                }
            }
            () = stopping.stopped() => return,
        }
        loop {
            let partitions = queue.take();
            if partitions.is_empty() {
                break;
            }
            send(&broker, partitions).await;
        }
    }
}

async fn send(broker: &Arc<Broker>, partitions: Vec<Arc<Partition>>) {
    let mut sent: HashMap<(Uuid, i32), (Arc<Partition>, Proposal)> = HashMap::new();
    let mut topics: HashMap<Uuid, Vec<AlterPartitionRequestPartitionData>> = HashMap::new();
    for partition in partitions {
        let Some(proposal) = partition.proposal() else { continue };
        let member = |&(broker_id, broker_epoch): &(i32, i64)| BrokerState { broker_id, broker_epoch };
        topics.entry(partition.topic_id()).or_default().push(AlterPartitionRequestPartitionData {
            partition_index: partition.index(),
            leader_epoch: proposal.leader_epoch,
            new_isr_with_epochs: proposal.isr.iter().map(member).collect(),
            leader_recovery_state: 0,
            partition_epoch: proposal.partition_epoch,
            ..Default::default()
        });
        sent.insert((partition.topic_id(), partition.index()), (partition, proposal));
    }
    if sent.is_empty() {
        return;
    }
    let topic = |(topic_id, partitions)| AlterPartitionRequestTopicData { topic_id, partitions };
    let request = AlterPartitionRequest {
        broker_id: broker.node_id(),
        broker_epoch: broker.epoch(),
        topics: topics.into_iter().map(topic).collect(),
    };
    let answer = controller::call(broker, ALTER_PARTITION_VERSION, &request, TIMEOUT).await;
    let verdicts = match answer {
        Ok(response) if response.error_code.is_ok() => verdicts(&response),
        // Not the controller any more, or this broker's registration is not what it was: nothing was done.
        Ok(response) => {
            tracing::debug!(error = %response.error_code, "in-sync replicas could not be changed yet");
            HashMap::new()
        }
        Err(error) => {
            tracing::debug!(%error, "in-sync replicas could not be changed yet");
            HashMap::new()
        }
    };
    let mut again = Vec::new();
    for (key, (partition, proposal)) in sent {
        let verdict = verdicts.get(&key).copied().unwrap_or(Verdict::Unknown);
        if partition.judge(broker, &proposal, verdict) {
            again.push(partition);
        }
    }
    if !again.is_empty() {
        tokio::time::sleep(RETRY).await;
        again.into_iter().for_each(|partition| broker.replicas.isr_queue.push(partition));
    }
}

fn verdicts(response: &AlterPartitionResponse) -> HashMap<(Uuid, i32), Verdict> {
    let of = |code: ErrorCode| match code {
        // Overtaken counts as taken: the metadata that says so is on its way.
        ErrorCode::NONE | ErrorCode::INVALID_UPDATE_VERSION | ErrorCode::FENCED_LEADER_EPOCH => {
            Verdict::Settled
        }
        ErrorCode::UNKNOWN_TOPIC_ID | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Verdict::Settled,
        ErrorCode::INELIGIBLE_REPLICA | ErrorCode::INVALID_REQUEST => Verdict::Refused,
        _ => Verdict::Unknown,
    };
    response
        .topics
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(move |p| ((topic.topic_id, p.partition_index), of(p.error_code)))
        })
        .collect()
}
