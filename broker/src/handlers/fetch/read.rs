//! Reading partitions for a fetch: what is in memory inline, what is not on a thread of its own.

use std::sync::Arc;

use headrace_log::{ColdRead, ReadPlan, ReadResult};
use headrace_metadata::sabotage::{self, Sabotage};
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::fetch::{AbortedTransaction, EpochEndOffset, PartitionData};

use super::{CONSUMER, Found, Limits, Wanted};
use crate::handlers::Context;
use crate::replica::{FollowerFetch, Partition, Reader};

/// One partition's read: done, or still to be fetched from disk.
enum Step {
    Done(Found),
    Disk { found: Found, cold: ColdRead },
}

/// Reads every partition within the limits. The first batch found is given even if it is over them.
pub(super) async fn read_all(cx: &Context, wanted: &mut [Wanted], limits: Limits<'_>) -> Vec<Found> {
    let mut left = limits.max_bytes;
    let mut any = false;
    let mut all = Vec::with_capacity(wanted.len());
    for want in wanted {
        let found = match plan(cx, want, limits, left, !any) {
            Step::Done(found) => found,
            Step::Disk { found, cold } => {
                cx.broker.metrics.cold_reads.add(1);
                from_disk(cx, found, cold).await
            }
        };
        left = left.saturating_sub(found.size_bytes);
        any |= found.size_bytes > 0;
        all.push(found);
    }
    all
}

async fn from_disk(cx: &Context, mut found: Found, cold: ColdRead) -> Found {
    match cx.broker.disk_reads.read(cold).await {
        Ok(result) => give(&mut found, result),
        Err(code) => found.data.error_code = code,
    }
    found
}

fn give(found: &mut Found, result: ReadResult) {
    found.size_bytes = result.size_bytes;
    found.parts = result.parts;
}

fn plan(cx: &Context, want: &mut Wanted, limits: Limits<'_>, left: usize, first: bool) -> Step {
    match resolve(cx, want).and_then(|partition| plan_partition(cx, &partition, want, limits, left, first)) {
        Ok(step) => step,
        Err(code) => Step::Done(Found::failed(want.index, code)),
    }
}

/// Finds the replica, by id where the client gave one.
fn resolve(cx: &Context, want: &mut Wanted) -> Result<Arc<Partition>, ErrorCode> {
    if let Some(partition) = want.resolved.as_ref().filter(|partition| !partition.is_retired()) {
        return Ok(Arc::clone(partition));
    }
    let replicas = &cx.broker.replicas;
    let topic = if want.topic_id.is_zero() {
        replicas.topic(&want.topic).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?
    } else {
        replicas.topic_by_id(want.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?
    };
    let partition = Arc::clone(topic.partition(want.index)?);
    want.resolved = Some(Arc::clone(&partition));
    Ok(partition)
}

fn plan_partition(
    cx: &Context,
    partition: &Arc<Partition>,
    want: &Wanted,
    limits: Limits<'_>,
    left: usize,
    first: bool,
) -> Result<Step, ErrorCode> {
    let leader_epoch = match partition.check_leader(want.current_leader_epoch) {
        Err(ErrorCode::NOT_LEADER_OR_FOLLOWER) if limits.from_followers => None,
        checked => Some(checked?),
    };
    if let Some(leader_epoch) = leader_epoch.filter(|_| limits.replica_id != CONSUMER) {
        follower_came(cx, partition, want, limits, leader_epoch);
    }
    let high_watermark = partition.high_watermark();
    let last_stable = partition.last_stable_offset();
    let upper_bound = match (limits.replica_id == CONSUMER, limits.read_committed) {
        (true, true) => last_stable,
        (true, false) => high_watermark,
        (false, _) => partition.log_end_offset(),
    };
    let mut found = Found {
        data: PartitionData {
            partition_index: want.index,
            high_watermark,
            last_stable_offset: last_stable,
            log_start_offset: partition.log_start_offset(),
            aborted_transactions: None,
            ..PartitionData::default()
        },
        parts: Vec::new(),
        size_bytes: 0,
        partition: Some(Arc::clone(partition)),
        is_throttled: limits.replica_id != CONSUMER && partition.throttles(limits.replica_id),
        is_behind: false,
    };
    if let Some(rack) = limits.rack.filter(|_| leader_epoch.is_some()) {
        let reader = Reader { rack, listener: &cx.connection.listener, offset: want.offset };
        if let Some(replica) = partition.preferred_read_replica(&cx.broker.image(), reader) {
            found.data.preferred_read_replica = replica;
            return Ok(Step::Done(found));
        }
    }
    if want.last_fetched_epoch >= 0
        && let Some(diverging) = diverging_epoch(partition, want)
    {
        found.data.diverging_epoch = diverging;
        return Ok(Step::Done(found));
    }
    if want.offset < found.data.log_start_offset || want.offset > partition.log_end_offset() {
        found.data.error_code = ErrorCode::OFFSET_OUT_OF_RANGE;
        return Ok(Step::Done(found));
    }
    if leader_epoch.is_none() && want.offset > high_watermark {
        found.is_behind = true;
        return Ok(Step::Done(found));
    }
    if found.is_throttled
        && cx.broker.replicas.throttles.leader.wait_ms(cx.broker.clock.monotonic_ms()).is_some()
    {
        return Ok(Step::Done(found));
    }
    let max_bytes = want.max_bytes.min(left);
    if want.offset >= upper_bound || (max_bytes == 0 && !first) {
        return Ok(Step::Done(found));
    }
    let plan = match partition.plan_read(want.offset, max_bytes, upper_bound, first) {
        Ok(plan) => plan,
        Err(code) => {
            found.data.error_code = code;
            return Ok(Step::Done(found));
        }
    };
    if limits.read_committed {
        found.data.aborted_transactions = Some(aborted(partition, want.offset, upper_bound)?);
    }
    match plan {
        ReadPlan::Hot(result) => {
            give(&mut found, result);
            Ok(Step::Done(found))
        }
        ReadPlan::Cold(cold) => Ok(Step::Disk { found, cold }),
    }
}

/// Notes how far a follower has come, if its history is this log's.
fn follower_came(
    cx: &Context,
    partition: &Arc<Partition>,
    want: &Wanted,
    limits: Limits<'_>,
    leader_epoch: i32,
) {
    let in_range = want.offset >= partition.log_start_offset() && want.offset <= partition.log_end_offset();
    let agrees = want.last_fetched_epoch < 0 || diverging_epoch(partition, want).is_none();
    if in_range && agrees {
        let (id, broker_epoch) = (limits.replica_id, limits.replica_epoch);
        let log_start = want.log_start_offset;
        let fetch = FollowerFetch { leader_epoch, id, broker_epoch, log_start, log_end: want.offset };
        partition.follower_fetched(&cx.broker, fetch);
    }
}

/// Where the client's history parts from the log's, if it does (KIP-595).
fn diverging_epoch(partition: &Partition, want: &Wanted) -> Option<EpochEndOffset> {
    if sabotage::is_on(Sabotage::IgnoreEpochs) || partition.ends_alike(want.offset, want.last_fetched_epoch) {
        return None;
    }
    let end = partition.log().end_offset_for_epoch(want.last_fetched_epoch);
    let parted = end.epoch >= 0 && (end.epoch < want.last_fetched_epoch || end.end_offset < want.offset);
    parted.then_some(EpochEndOffset { epoch: end.epoch, end_offset: end.end_offset })
}

fn aborted(partition: &Partition, from: i64, upper_bound: i64) -> Result<Vec<AbortedTransaction>, ErrorCode> {
    let found = partition
        .log()
        .aborted_transactions(from, upper_bound)
        .map_err(|error| ErrorCode(error.kafka_code()))?;
    Ok(found
        .into_iter()
        .map(|txn| AbortedTransaction { producer_id: txn.producer_id, first_offset: txn.first_offset })
        .collect())
}
