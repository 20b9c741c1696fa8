//! One replica of one partition on this broker: its log, its role and its positions.
//!
//! The order of positions is log end ≥ flushed, log end ≥ high watermark ≥ last stable offset. All of them change under the log's lock and
//! are mirrored in atomics, so that a fetch that finds nothing new takes no lock. The role changes under that lock too: who holds it
//! sees one leader epoch.

mod role;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use headrace_log::{
    AppendError, AppendInfo, CheckedRecords, Log, LogConfig, LogError, Origin, ReadPlan, ReadResult,
    TopicPartition,
};
use headrace_metadata::Blocking;
use headrace_metadata::sabotage::{self, Sabotage};
use headrace_protocol::{ErrorCode, Str, Uuid};
use headrace_records::BatchRef;
use headrace_state::metadata::{self as image, Image};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

pub(super) use role::RoleChange;

use super::followers::{Followers, Position, Proposal, Verdict};
use super::isr::IsrQueue;
use super::throttle::ThrottledReplicas;
use super::uncommitted::Uncommitted;
use super::waiters::FetchWaiters;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::metrics::PartitionCounters;

/// The epoch that stands for "not the leader".
const NOT_LEADING: i32 = -1;

/// How long after a consumer was sent to a follower it is taken to read there, in milliseconds: clients ask again after
/// `metadata.max.age.ms`, which is 5 minutes by default.
const READ_ELSEWHERE_MS: u64 = 10 * 60 * 1_000;

/// What a topic's configuration says of its partitions.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) log: Arc<LogConfig>,
    pub(crate) min_insync_replicas: usize,
    /// Leaders whose followers are throttled, and followers that are.
    pub(super) throttled_leaders: ThrottledReplicas,
    pub(super) throttled_followers: ThrottledReplicas,
}

/// Where records went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    /// One past the last record.
    pub(crate) end_offset: i64,
}

/// The lock-free view of a partition's positions.
#[derive(Debug)]
struct Positions {
    log_start: AtomicI64,
    log_end: AtomicI64,
    high_watermark: AtomicI64,
    last_stable: AtomicI64,
    /// The epoch of the last record, −1 if there is none.
    last_epoch: AtomicI32,
    /// Up to where the log is on disk; the log end where nothing waits for that.
    flushed: AtomicI64,
}

pub(crate) struct Partition {
    topic: Str,
    topic_id: Uuid,
    index: i32,
    node_id: i32,
    clock: Arc<dyn Clock>,
    log: Arc<Mutex<Log>>,
    settings: ArcSwap<Settings>,
    meta: ArcSwap<image::Partition>,
    /// The leader epoch while this broker leads, else [`NOT_LEADING`].
    leading: AtomicI32,
    positions: Positions,
    /// Where the log ended when this broker became leader.
    epoch_start: AtomicI64,
    /// While it leads. Where both are needed, the log is locked first.
    followers: Mutex<Followers>,
    /// What was appended above the high watermark. Locked under the log's lock only.
    uncommitted: Mutex<Uncommitted>,
    isr_queue: Arc<IsrQueue>,
    /// When a consumer was last sent to a follower, on the monotonic clock; 0 for never.
    sent_away_ms: AtomicU64,
    retired: AtomicBool,
    /// What the leader sent could not be appended, which is said once. Changed under the log's lock only.
    pub(super) append_failed: AtomicBool,
    /// Consumers, who wait for the high watermark.
    pub(super) fetch_waiters: FetchWaiters,
    /// Followers, who wait for the log end.
    pub(super) follower_waiters: FetchWaiters,
    commit: Notify,
    pub(crate) counters: PartitionCounters,
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

/// What a follower's fetch says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FollowerFetch {
    /// The epoch of leadership in which it was checked.
    pub(crate) leader_epoch: i32,
    pub(crate) id: i32,
    pub(crate) broker_epoch: i64,
    pub(crate) log_start: i64,
    pub(crate) log_end: i64,
}

/// A consumer that says where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) rack: &'a str,
    /// By which it would reach another broker too.
    pub(crate) listener: &'a str,
    pub(crate) offset: i64,
}

/// What a new [`Partition`] is made of.
pub(super) struct PartitionParts {
    pub(super) topic: Str,
    pub(super) topic_id: Uuid,
    pub(super) isr_queue: Arc<IsrQueue>,
    pub(super) node_id: i32,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: Arc<Mutex<Log>>,
    pub(super) settings: Settings,
    pub(super) meta: Arc<image::Partition>,
    /// The high watermark as it was written down before the last stop.
    pub(super) checkpointed_high_watermark: i64,
}

impl Partition {
    pub(super) fn new(parts: PartitionParts) -> Self {
        let (start, end, flushed) = {
            let log = parts.log.lock();
            (log.log_start_offset(), log.log_end_offset(), log.flushed_offset())
        };
        let high_watermark = parts.checkpointed_high_watermark.clamp(start, end);
        Self {
            topic: parts.topic.detached(),
            topic_id: parts.topic_id,
            index: parts.meta.index,
            node_id: parts.node_id,
            clock: parts.clock,
            log: parts.log,
            settings: ArcSwap::from_pointee(parts.settings),
            meta: ArcSwap::new(parts.meta),
            leading: AtomicI32::new(NOT_LEADING),
            positions: Positions {
                log_start: AtomicI64::new(start),
                log_end: AtomicI64::new(end),
                high_watermark: AtomicI64::new(high_watermark),
                last_stable: AtomicI64::new(high_watermark),
                last_epoch: AtomicI32::new(-1),
                flushed: AtomicI64::new(flushed),
            },
            epoch_start: AtomicI64::new(0),
            followers: Mutex::default(),
            uncommitted: Mutex::default(),
            isr_queue: parts.isr_queue,
            sent_away_ms: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            append_failed: AtomicBool::new(false),
            fetch_waiters: FetchWaiters::default(),
            follower_waiters: FetchWaiters::default(),
            commit: Notify::new(),
            counters: PartitionCounters::default(),
        }
    }

    pub(crate) fn id(&self) -> TopicPartition {
        TopicPartition::new(self.topic.as_str(), self.index)
    }

    pub(crate) fn topic(&self) -> &Str {
        &self.topic
    }

    pub(crate) fn index(&self) -> i32 {
        self.index
    }

    pub(crate) fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    pub(crate) fn is_leader(&self) -> bool {
        self.leading.load(Ordering::Acquire) != NOT_LEADING
    }

    /// The newest leader epoch known, whoever leads.
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.meta.load().leader_epoch
    }

    pub(crate) fn log_start_offset(&self) -> i64 {
        self.positions.log_start.load(Ordering::Acquire)
    }

    pub(crate) fn log_end_offset(&self) -> i64 {
        self.positions.log_end.load(Ordering::Acquire)
    }

    pub(crate) fn high_watermark(&self) -> i64 {
        self.positions.high_watermark.load(Ordering::Acquire)
    }

    /// False while the former leader may have known more to be committed than this one does.
    pub(crate) fn high_watermark_is_current(&self) -> bool {
        self.high_watermark() >= self.epoch_start.load(Ordering::Acquire)
    }

    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.positions.last_stable.load(Ordering::Acquire)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.log.lock().size_bytes()
    }

    /// Whether it was deleted, or its log directory failed; who holds on to it must look it up again.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    pub(crate) fn is_under_replicated(&self) -> bool {
        let meta = self.meta.load();
        self.is_leader() && meta.isr.len() < meta.replicas.len()
    }

    pub(crate) fn is_under_min_isr(&self) -> bool {
        self.is_leader() && self.meta.load().isr.len() < self.min_isr()
    }

    /// `min.insync.replicas`, or all replicas where there are fewer.
    fn min_isr(&self) -> usize {
        self.settings.load().min_insync_replicas.min(self.meta.load().replicas.len())
    }

    pub(crate) fn log_config(&self) -> Arc<LogConfig> {
        Arc::clone(&self.settings.load().log)
    }

    /// Whether this leader is not to send to a follower as fast as it can: those in sync are not held up, for clients wait for them.
    pub(crate) fn throttles(&self, follower: i32) -> bool {
        self.settings.load().throttled_leaders.contains(self.index, self.node_id)
            && !self.meta.load().isr.contains(&follower)
    }

    /// Whether this follower is not to fetch as fast as it can, while it has less than what the leader says is committed.
    pub(super) fn is_throttled(&self, leaders_high_watermark: i64) -> bool {
        self.settings.load().throttled_followers.contains(self.index, self.node_id)
            && self.log_end_offset() < leaders_high_watermark
    }

    /// The log under its lock. Never hold it across an await (it is not `Send`, so the compiler agrees).
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    /// Checks what a client believes of the leadership (KIP-320) and that this broker leads; answers in which epoch. Who believes in
    /// another epoch is told so, whoever leads.
    pub(crate) fn check_leader(&self, current_leader_epoch: i32) -> Result<i32, ErrorCode> {
        match self.leading.load(Ordering::Acquire) {
            NOT_LEADING => check_epoch(current_leader_epoch, self.leader_epoch())
                .and(Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
            leading => check_epoch(current_leader_epoch, leading),
        }
    }

    /// The in-sync replica in this rack that a consumer had better read from (KIP-392): none if this leader is there itself, or if none
    /// has that offset.
    pub(crate) fn preferred_read_replica(&self, image: &Image, reader: Reader<'_>) -> Option<i32> {
        let is_near = |id: i32| {
            image.broker(id).is_some_and(|known| {
                known.rack.as_deref() == Some(reader.rack)
                    && known.is_live()
                    && known.endpoint(reader.listener).is_some()
            })
        };
        if is_near(self.node_id) {
            return None;
        }
        let meta = self.meta.load();
        let is_near = |id: i32| meta.isr.contains(&id) && is_near(id);
        let found = self.followers.lock().best_to_read(reader.offset, is_near)?;
        let is_first = !self.is_read_elsewhere();
        // At 0 nobody has been sent away yet.
        self.sent_away_ms.store(self.clock.monotonic_ms().max(1), Ordering::Relaxed);
        if is_first {
            // Followers may wait, and not know yet how far this leader is.
            self.follower_waiters.wake_all();
        }
        Some(found)
    }

    /// Whether consumers read from this leader's followers, who then need the high watermark as soon as it moves.
    pub(crate) fn is_read_elsewhere(&self) -> bool {
        match self.sent_away_ms.load(Ordering::Relaxed) {
            0 => false,
            sent_ms => self.clock.monotonic_ms().saturating_sub(sent_ms) < READ_ELSEWHERE_MS,
        }
    }

    /// Refuses a write that wants all replicas while too few are in sync.
    pub(crate) fn check_min_isr(&self) -> Result<(), ErrorCode> {
        if self.meta.load().isr.len() < self.min_isr() { Err(ErrorCode::NOT_ENOUGH_REPLICAS) } else { Ok(()) }
    }

    /// A client's records were refused before they were looked at.
    pub(crate) fn note_refused(&self, records: &[u8]) {
        if let Ok(batch) = BatchRef::parse(records)
            && batch.has_producer_id()
        {
            self.log.lock().note_refused(&batch);
        }
    }

    /// Appends checked batches as leader, all with one write; says in which epoch. `None` for the epoch takes the one in force.
    pub(crate) fn append(
        &self,
        batches: &[CheckedRecords],
        leader_epoch: Option<i32>,
        now_ms: i64,
    ) -> Result<(i32, Vec<Result<AppendInfo, AppendError>>), ErrorCode> {
        let (epoch, results) = {
            let mut log = self.log.lock();
            let leading = self.leading.load(Ordering::Acquire);
            if leading == NOT_LEADING || leader_epoch.is_some_and(|epoch| epoch != leading) {
                return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
            }
            let results = log.append(batches, leading, now_ms);
            let fresh = results.iter().flatten().filter(|info| !info.duplicate);
            let bytes: usize = fresh.map(|info| info.size_bytes).sum();
            self.uncommitted.lock().push(log.log_end_offset(), bytes);
            self.publish(&mut log);
            self.follower_waiters.grow(bytes);
            (leading, results)
        };
        if self.settings.load().log.flush_messages != i64::MAX {
            // Who sets flush.messages wants acknowledged to mean on disk, and accepts what that costs.
            self.flush(now_ms, true)?;
        }
        Ok((epoch, results))
    }

    /// Appends batches that the broker built itself.
    pub(crate) fn append_internal(&self, batches: Bytes, leader_epoch: i32) -> Result<Appended, ErrorCode> {
        self.check_min_isr()?;
        let now_ms = self.clock.now_ms();
        let refused = |error: &AppendError| {
            tracing::warn!(partition = ?self, %error, "an internal append was refused");
            ErrorCode(error.kafka_code())
        };
        let checked = CheckedRecords::check(batches, &self.log_config(), Origin::Coordinator, now_ms)
            .map_err(|error| refused(&error))?;
        let (_, results) = self.append(&[checked], Some(leader_epoch), now_ms)?;
        match results.into_iter().next() {
            Some(Ok(info)) => Ok(Appended { end_offset: info.last_offset + 1 }),
            Some(Err(error)) => Err(refused(&error)),
            None => Err(ErrorCode::UNKNOWN_SERVER_ERROR),
        }
    }

    /// Whether the high watermark has reached `end_offset`, in the epoch in which it was appended: an error once that epoch is over.
    pub(crate) fn is_committed(&self, end_offset: i64, leader_epoch: i32) -> Result<bool, ErrorCode> {
        let high_watermark = self.high_watermark_in(leader_epoch).ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
        Ok(high_watermark >= end_offset)
    }

    /// The high watermark, if this broker still leads in that epoch.
    pub(crate) fn high_watermark_in(&self, leader_epoch: i32) -> Option<i64> {
        // In this order: if the epoch still lasts afterwards, the high watermark was that of its leader. The other way round it could be
        // another leader's, of other records at the same offsets.
        let high_watermark = self.high_watermark();
        (self.leading.load(Ordering::Acquire) == leader_epoch).then_some(high_watermark)
    }

    /// Waits until the high watermark has reached `end_offset`.
    pub(crate) async fn committed(&self, end_offset: i64, leader_epoch: i32) -> Result<(), ErrorCode> {
        loop {
            let changed = self.commit.notified();
            if self.is_committed(end_offset, leader_epoch)? {
                return Ok(());
            }
            changed.await;
        }
    }

    /// Publishes the log's positions, and wakes who waited for them. Called under the log's lock.
    fn publish(&self, log: &mut Log) {
        let end = log.log_end_offset();
        self.publish_with(log, self.next_high_watermark(end));
    }

    fn publish_with(&self, log: &mut Log, high_watermark: i64) {
        let end = log.log_end_offset();
        let before = self.high_watermark();
        let high_watermark = high_watermark.max(log.log_start_offset());
        log.on_high_watermark(high_watermark);
        self.positions.log_start.store(log.log_start_offset(), Ordering::Release);
        self.positions.last_epoch.store(log.last_epoch_before(end), Ordering::Release);
        self.positions.flushed.store(log.flushed_offset(), Ordering::Release);
        self.positions.log_end.store(end, Ordering::Release);
        self.positions.last_stable.store(log.last_stable_offset(high_watermark), Ordering::Release);
        self.positions.high_watermark.store(high_watermark, Ordering::Release);
        if high_watermark != before {
            self.fetch_waiters.grow(self.uncommitted.lock().committed(high_watermark));
            self.commit.notify_waiters();
            if self.is_read_elsewhere() {
                self.follower_waiters.wake_all();
            }
        }
    }

    /// What every in-sync replica has. It stays where it is while fewer are in sync than `min.insync.replicas` (KIP-966), and never
    /// goes back while the log does not.
    fn next_high_watermark(&self, log_end: i64) -> i64 {
        let before = self.high_watermark().min(log_end);
        let meta = self.meta.load();
        if !self.is_leader() || meta.isr.len() < self.min_isr() {
            return before;
        }
        let followers = self.followers.lock();
        if followers.is_empty() {
            return log_end;
        }
        followers.high_watermark(&meta, log_end, self.clock.monotonic_ms()).max(before)
    }

    /// Reads for a client or a follower; no further than `upper_bound`.
    pub(crate) fn plan_read(
        &self,
        offset: i64,
        max_bytes: usize,
        upper_bound: i64,
        min_one_batch: bool,
    ) -> Result<ReadPlan, ErrorCode> {
        self.log.lock().plan_read(offset, max_bytes, upper_bound, min_one_batch).map_err(|error| {
            let code = ErrorCode(error.kafka_code());
            if code != ErrorCode::OFFSET_OUT_OF_RANGE {
                tracing::error!(partition = ?self, offset, %error, "a read failed");
            }
            code
        })
    }

    /// Whole batches from the one that contains `offset`, at least one, up to the log end. May read the disk.
    pub(crate) fn read_local(&self, offset: i64, max_bytes: usize) -> Result<Vec<Bytes>, ErrorCode> {
        match self.plan_read(offset, max_bytes, self.log_end_offset(), true)? {
            ReadPlan::Hot(result) => Ok(vec![result.into_bytes()]),
            ReadPlan::Cold(cold) => {
                let result: ReadResult = cold.run().map_err(|error| ErrorCode(error.kafka_code()))?;
                Ok(vec![result.into_bytes()])
            }
        }
        .map(|parts| parts.into_iter().filter(|part| !part.is_empty()).collect())
    }

    /// The same off the reactor.
    pub(crate) async fn read_for_load(
        self: &Arc<Self>,
        blocking: &Blocking,
        offset: i64,
        max_bytes: usize,
    ) -> Result<Vec<Bytes>, ErrorCode> {
        let partition = Arc::clone(self);
        blocking
            .run(move || partition.read_local(offset, max_bytes))
            .await
            .unwrap_or(Err(ErrorCode::UNKNOWN_SERVER_ERROR))
    }

    /// Removes records before `offset` (or the high watermark, for -1), as DeleteRecords asks.
    pub(crate) fn delete_records_before(&self, offset: i64) -> Result<i64, ErrorCode> {
        let mut log = self.log.lock();
        let high_watermark = self.high_watermark();
        let offset = if offset == -1 { high_watermark } else { offset };
        if offset < 0 || offset > high_watermark {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let start = log.delete_records_before(offset, high_watermark).map_err(|error| {
            tracing::error!(partition = ?self, %error, "records could not be deleted");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
        self.publish(&mut log);
        Ok(start)
    }

    /// Retention and small upkeep. On the maintenance thread.
    pub(crate) fn maintain(&self, now_ms: i64, retention: bool) {
        let mut log = self.log.lock();
        if let Err(error) = log.maintain(now_ms) {
            tracing::error!(partition = ?self, %error, "the log's upkeep failed");
        }
        if retention {
            match log.apply_retention(now_ms, self.high_watermark()) {
                Ok(report) if report.segments_deleted > 0 => {
                    tracing::info!(partition = ?self, segments = report.segments_deleted, "retention deleted segments");
                }
                Ok(_) => {}
                Err(error) => tracing::error!(partition = ?self, %error, "retention failed"),
            }
        }
        self.publish(&mut log);
    }

    /// Forces the log to disk; the sync itself runs without the lock. Says whether there was anything to do.
    pub(crate) fn flush(&self, now_ms: i64, only_if_due: bool) -> Result<bool, ErrorCode> {
        let failed = |error: LogError| {
            tracing::error!(partition = ?self, %error, "the log could not be forced to disk");
            ErrorCode::KAFKA_STORAGE_ERROR
        };
        // Of thousands of partitions hardly any has something to flush, and each lock would be another line of memory.
        if only_if_due && self.positions.flushed.load(Ordering::Acquire) >= self.log_end_offset() {
            return Ok(false);
        }
        let job = {
            let mut log = self.log.lock();
            if only_if_due && !log.needs_flush(now_ms) {
                return Ok(false);
            }
            log.begin_flush()
        };
        let Some(job) = job.map_err(failed)? else { return Ok(false) };
        let outcome = job.run();
        let mut log = self.log.lock();
        log.finish_flush(&job, outcome, now_ms).map_err(failed)?;
        self.positions.flushed.store(log.flushed_offset(), Ordering::Release);
        Ok(true)
    }

    pub(super) fn meta(&self) -> Arc<image::Partition> {
        self.meta.load_full()
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A follower's log has changed. Called under the log's lock.
    pub(super) fn grown_as_follower(&self, log: &mut Log, bytes: usize, high_watermark: i64) {
        self.uncommitted.lock().push(log.log_end_offset(), bytes);
        self.publish_with(log, high_watermark);
    }

    /// Whether a history that ends at the log end with a record of this epoch is this log's. Costs no lock.
    pub(crate) fn ends_alike(&self, offset: i64, last_epoch: i32) -> bool {
        offset == self.log_end_offset() && last_epoch == self.positions.last_epoch.load(Ordering::Acquire)
    }

    /// A follower asks for what comes after `fetch.log_end`, up to which it agrees with this log: that is how far it has come.
    pub(crate) fn follower_fetched(self: &Arc<Self>, broker: &Broker, fetch: FollowerFetch) {
        let FollowerFetch { leader_epoch, id, .. } = fetch;
        let FollowerFetch { broker_epoch, log_start, log_end, .. } = fetch;
        let position = Position { broker_epoch, log_start, log_end };
        let now_ms = self.clock.monotonic_ms();
        let end = self.log_end_offset();
        if log_end == end && self.high_watermark() == end && self.meta.load().isr.contains(&id) {
            // It has all there is, and so has everybody else: only the time is noted. Who is idle in thousands of partitions costs
            // little so.
            let mut followers = self.followers.lock();
            if self.leading.load(Ordering::Acquire) == leader_epoch {
                followers.fetched(id, position, end, now_ms);
            }
            return;
        }
        let mut log = self.log.lock();
        if self.leading.load(Ordering::Acquire) != leader_epoch {
            return;
        }
        let known = self.followers.lock().fetched(id, position, log.log_end_offset(), now_ms);
        if !known {
            return;
        }
        self.publish(&mut log);
        let meta = self.meta.load();
        if meta.isr.contains(&id) {
            return;
        }
        let image = broker.image();
        let may_join = image.broker(id).is_some_and(|known| known.is_live() && known.epoch == broker_epoch);
        let leader = (self.node_id, broker.epoch());
        let proposed = may_join
            && self.followers.lock().propose_joining(&meta, leader, id, self.high_watermark(), now_ms);
        drop(log);
        if proposed {
            self.isr_queue.push(Arc::clone(self));
        }
    }

    /// Proposes to go on without followers that are late, if this broker leads.
    pub(super) fn propose_leaving(self: &Arc<Self>, broker: &Broker, lag_ms_max: u64) {
        if !self.is_leader() {
            return;
        }
        let log = self.log.lock();
        let (now_ms, leader) = (self.clock.monotonic_ms(), (self.node_id, broker.epoch()));
        let proposed = self.is_leader()
            && self.followers.lock().propose_leaving(
                &self.meta.load(),
                leader,
                log.log_end_offset(),
                now_ms,
                lag_ms_max,
            );
        drop(log);
        if proposed {
            self.isr_queue.push(Arc::clone(self));
        }
    }

    pub(super) fn proposal(&self) -> Option<Proposal> {
        let _log = self.log.lock();
        self.followers.lock().proposal().cloned()
    }

    /// What the controller said to a proposal; true if it must be asked again.
    pub(super) fn judge(&self, broker: &Broker, proposal: &Proposal, verdict: Verdict) -> bool {
        let mut log = self.log.lock();
        let (now_ms, leader) = (self.clock.monotonic_ms(), (self.node_id, broker.epoch()));
        let again = self.followers.lock().judge(&self.meta.load(), leader, proposal, verdict, now_ms);
        // Who is no longer proposed is no longer waited for.
        self.publish(&mut log);
        again
    }
}

/// The epoch in force, unless a client believes in another; it may say none (−1).
fn check_epoch(believed: i32, in_force: i32) -> Result<i32, ErrorCode> {
    match believed {
        _ if sabotage::is_on(Sabotage::IgnoreEpochs) => Ok(in_force),
        epoch if epoch == -1 || epoch == in_force => Ok(in_force),
        epoch if epoch < in_force => Err(ErrorCode::FENCED_LEADER_EPOCH),
        _ => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
    }
}
