//! The coordinator over a log in memory, whose high watermark the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::messages::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use headrace_protocol::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use headrace_protocol::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use headrace_protocol::{ErrorCode, Str};
use headrace_records::{BatchBuilder, BatchRef, Compression, EndTxnMarker, stamp};
use headrace_state::group::{self, Caller, CommittedOffset, Record, Response};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::log::{BoxFuture, GroupLog};
use super::{LedShard, Settings, batch};
use crate::clock::Clock;

/// Batches by their base offset, and how far they are committed.
#[derive(Default)]
struct MemoryLog {
    batches: Mutex<Vec<(i64, Bytes)>>,
    end: AtomicI64,
    high_watermark: AtomicI64,
    /// The high watermark stays behind until the test moves it.
    lagging: AtomicBool,
    refuses: AtomicBool,
    resigned: AtomicBool,
    moved: Notify,
}

impl MemoryLog {
    fn commit_all(&self) {
        self.high_watermark.store(self.end.load(Ordering::SeqCst), Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    fn resign(&self) {
        self.resigned.store(true, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

impl GroupLog for MemoryLog {
    fn append(&self, batch: Bytes) -> Result<i64, ErrorCode> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(ErrorCode::NOT_ENOUGH_REPLICAS);
        }
        let base = self.end.load(Ordering::SeqCst);
        let mut stamped = batch.to_vec();
        stamp::assign_offset_and_epoch(&mut stamped, base, 0).unwrap();
        let next = BatchRef::parse(&stamped).unwrap().next_offset();
        self.batches.lock().push((base, stamped.into()));
        self.end.store(next, Ordering::SeqCst);
        if !self.lagging.load(Ordering::SeqCst) {
            self.commit_all();
        }
        Ok(next)
    }

    fn high_watermark(&self) -> i64 {
        self.high_watermark.load(Ordering::SeqCst)
    }

    fn committed(&self, end_offset: i64) -> BoxFuture<'_, Result<(), ErrorCode>> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if self.resigned.load(Ordering::SeqCst) {
                    return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
                }
                if self.high_watermark() >= end_offset {
                    return Ok(());
                }
                moved.await;
            }
        })
    }

    fn start_offset(&self) -> i64 {
        0
    }

    fn end_offset(&self) -> i64 {
        self.end.load(Ordering::SeqCst)
    }

    fn read(&self, offset: i64, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Bytes>, ErrorCode>> {
        let batches = self.batches.lock();
        let mut left = max_bytes;
        let mut pieces = Vec::new();
        let from = batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        for (_, batch) in &batches[from..] {
            if !pieces.is_empty() && batch.len() > left {
                break;
            }
            left = left.saturating_sub(batch.len());
            pieces.push(batch.clone());
        }
        Box::pin(std::future::ready(Ok(pieces)))
    }
}

/// Tokio's paused clock.
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000 + self.monotonic_ms() as i64
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

fn settings() -> Settings {
    Settings {
        group: group::Config::default(),
        compression: Compression::None,
        load_buffer_bytes: 64 * 1024,
        commit_timeout_ms: 5_000,
    }
}

/// A shard in its leader epoch 0, loading or loaded.
fn lead(log: &Arc<MemoryLog>) -> Arc<LedShard> {
    let clock = Arc::new(PausedClock(tokio::time::Instant::now()));
    let shard = Arc::new(LedShard::new(7, 0, Arc::clone(log) as Arc<dyn GroupLog>, settings(), clock));
    shard.start();
    shard
}

fn caller(shard: &LedShard) -> Caller<'static> {
    Caller { now: shard.now(), api_version: 3, client_id: "app", client_host: "/127.0.0.1", fresh_id: 1 }
}

async fn commit(shard: &LedShard, offset: i64) -> ErrorCode {
    let partition =
        OffsetCommitRequestPartition { partition_index: 0, committed_offset: offset, ..Default::default() };
    let topic =
        OffsetCommitRequestTopic { name: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = OffsetCommitRequest { group_id: "g".into(), topics: vec![topic], ..Default::default() };
    match shard.call(|machine, token| machine.offset_commit(&caller(shard), &request, token)).await {
        Ok(Response::OffsetCommit(response)) => response.topics[0].partitions[0].error_code,
        Ok(other) => panic!("a commit was answered with {other:?}"),
        Err(error) => error,
    }
}

async fn fetch(shard: &LedShard) -> Result<i64, ErrorCode> {
    let topic =
        OffsetFetchRequestTopics { name: "t".into(), partition_indexes: vec![0], ..Default::default() };
    let request =
        OffsetFetchRequestGroup { group_id: "g".into(), topics: Some(vec![topic]), ..Default::default() };
    shard
        .read_settled(|machine| machine.offset_fetch(&request).topics[0].partitions[0].committed_offset)
        .await
}

async fn join(shard: &LedShard) -> Result<Response, ErrorCode> {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::new() };
    let request = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    shard.call(|machine, token| machine.join_group(&caller(shard), &request, token)).await
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_answered_when_the_high_watermark_has_passed_it() {
    let log = Arc::new(MemoryLog::default());
    let shard = lead(&log);
    assert_eq!(commit(&shard, 1).await, ErrorCode::NONE);
    log.lagging.store(true, Ordering::SeqCst);
    let mut waiting = Box::pin(commit(&shard, 2));
    let mut fetching = Box::pin(fetch(&shard));
    let soon = Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, &mut waiting).await.is_err());
    assert!(tokio::time::timeout(soon, &mut fetching).await.is_err(), "what is not committed is not told");
    log.commit_all();
    assert_eq!(waiting.await, ErrorCode::NONE);
    assert_eq!(fetching.await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_its_followers_do_not_take_is_given_up_after_the_timeout() {
    let log = Arc::new(MemoryLog::default());
    let shard = lead(&log);
    log.lagging.store(true, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    let (first, second) = tokio::join!(commit(&shard, 1), async {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        let answer = fetch(&shard).await;
        (began.elapsed(), answer)
    });
    assert_eq!(first, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(second.1, Err(ErrorCode::COORDINATOR_NOT_AVAILABLE));
    assert!((6_000..6_100).contains(&second.0.as_millis()), "{:?}", second.0);
    let soon = Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, fetch(&shard)).await.is_err(), "given up, and still not committed");
    log.commit_all();
    assert_eq!(fetch(&shard).await, Ok(1), "it was in the log all the same");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_answered_when_leadership_is_lost() {
    let log = Arc::new(MemoryLog::default());
    let shard = lead(&log);
    log.lagging.store(true, Ordering::SeqCst);
    let committing = commit(&shard, 1);
    let joining = join(&shard);
    let resigning = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        log.resign();
    };
    let (committed, joined, ()) = tokio::join!(committing, joining, resigning);
    assert_eq!(committed, ErrorCode::NOT_COORDINATOR);
    let Ok(Response::Join(joined)) = joined else { panic!("a JoinGroup was answered with {joined:?}") };
    assert_eq!(joined.error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(commit(&shard, 2).await, ErrorCode::NOT_COORDINATOR);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_refuses_is_told_to_the_client_at_once() {
    let log = Arc::new(MemoryLog::default());
    let shard = lead(&log);
    log.refuses.store(true, Ordering::SeqCst);
    assert_eq!(commit(&shard, 1).await, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    log.refuses.store(false, Ordering::SeqCst);
    assert_eq!(fetch(&shard).await, Ok(-1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_fires_without_a_request() {
    let shard = lead(&Arc::new(MemoryLog::default()));
    // The driver is long waiting for other things.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let began = tokio::time::Instant::now();
    let joined = join(&shard).await;
    assert!(matches!(joined, Ok(Response::Join(response)) if response.generation_id == 1));
    assert!((3_000..3_050).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn while_the_log_is_read_clients_are_told_to_wait_and_deleted_topics_are_remembered() {
    let log = Arc::new(MemoryLog::default());
    assert_eq!(commit(&lead(&log), 5).await, ErrorCode::NONE);
    let shard = lead(&log);
    assert_eq!(commit(&shard, 6).await, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    shard.topics_deleted(&[Str::from("t")]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(fetch(&shard).await, Ok(-1));
    assert_eq!(log.batches.lock().len(), 2, "the tombstone is written");
}

#[tokio::test(start_paused = true)]
async fn a_closed_shard_answers_with_its_reason() {
    let log = Arc::new(MemoryLog::default());
    let shard = lead(&log);
    let joining = join(&shard);
    let closing = async { shard.close(ErrorCode::COORDINATOR_NOT_AVAILABLE) };
    let (joined, ()) = tokio::join!(joining, closing);
    let Ok(Response::Join(joined)) = joined else { panic!("a JoinGroup was answered with {joined:?}") };
    assert_eq!(joined.error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(commit(&shard, 1).await, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(log.end_offset(), 0);
}

#[tokio::test]
async fn offsets_of_a_transaction_count_from_its_commit_on_and_not_after_an_abort() {
    let log = MemoryLog::default();
    let table = [(1_i64, Some(true)), (2, Some(false)), (3, None)];
    for (producer_id, _) in table {
        let (key, value) = record(producer_id as i32).encode().unwrap();
        let mut builder = BatchBuilder::new(Compression::None).producer(producer_id, 0, 0).transactional();
        builder.append(0, Some(&key), value.as_deref(), &[]).unwrap();
        log.append(builder.build().unwrap()).unwrap();
    }
    for (producer_id, outcome) in table {
        let Some(committed) = outcome else { continue };
        let marker = EndTxnMarker { committed, coordinator_epoch: 0 };
        log.append(BatchBuilder::end_txn(marker, 0, producer_id, 0).unwrap().build().unwrap()).unwrap();
    }
    let mut machine = group::Shard::new(group::Config::default());
    super::load::load(&log, &mut machine, 1024).await.unwrap();
    let loaded: Vec<_> =
        (1..=3).filter(|at| machine.group_state(&format!("group-{at}").into()).is_some()).collect();
    assert_eq!(loaded, [1]);
}

#[tokio::test]
async fn a_hundred_thousand_offsets_are_loaded_fast() {
    const OFFSETS: i32 = 100_000;
    const PER_BATCH: i32 = 100;
    let log = Arc::new(MemoryLog::default());
    for first in (0..OFFSETS).step_by(PER_BATCH as usize) {
        let records: Vec<_> = (first..first + PER_BATCH).map(record).collect();
        log.append(batch::encode(&records, Compression::Lz4, 0).unwrap()).unwrap();
    }
    let mut machine = group::Shard::new(group::Config::default());
    let began = tokio::time::Instant::now();
    let loaded = super::load::load(&*log, &mut machine, 1024 * 1024).await.unwrap();
    assert_eq!(
        (loaded.records, loaded.skipped, machine.offset_count()),
        (OFFSETS as u64, 0, OFFSETS as usize)
    );
    // Unoptimised code on a machine that is busy with other tests says little.
    let limit = if cfg!(debug_assertions) { Duration::from_secs(60) } else { Duration::from_millis(500) };
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
}

fn record(at: i32) -> Record {
    let value = CommittedOffset {
        offset: i64::from(at),
        leader_epoch: 0,
        metadata: Str::default(),
        commit_timestamp_ms: 0,
        expire_timestamp_ms: None,
    };
    let group = Str::from(format!("group-{}", at % 100));
    Record::OffsetCommit { group, topic: "orders".into(), partition: at / 100, value: Some(value) }
}
