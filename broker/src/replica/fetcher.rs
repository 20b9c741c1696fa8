//! Following: one fetcher for each broker that leads something this one has a replica of. It keeps one fetch under way for all of
//! those partitions together, never one for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::fetch::{FetchRequest, FetchResponse, PartitionData, ReplicaState};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Partition;
use super::fetch_session::{Key, Session};
use super::follow::{FetchPosition, LeaderPositions};
use crate::broker::Broker;
use crate::peers::{CallError, Lane};

const FETCH_VERSION: i16 = 17;
/// How much longer than the fetch may wait its answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A change of what is followed waits so long for the fetch under way before it is given up.
const CHANGE_WAIT: Duration = Duration::from_millis(5);
/// The first wait after an error, doubled up to `replica.fetch.backoff.ms`. Most errors mean that the leader has not heard of its
/// election yet.
const RETRY_MIN: Duration = Duration::from_millis(10);

/// All fetchers of this broker, by leader.
#[derive(Default)]
pub(crate) struct Fetchers {
    by_leader: Mutex<HashMap<i32, Arc<Inbox>>>,
    following: Mutex<HashMap<Key, i32>>,
}

/// What a fetcher is to follow, or no longer.
#[derive(Default)]
struct Inbox {
    changes: Mutex<HashMap<Key, Option<Arc<Partition>>>>,
    changed: Notify,
}

impl Inbox {
    fn put(&self, key: Key, partition: Option<Arc<Partition>>) {
        self.changes.lock().insert(key, partition);
    }
}

impl Fetchers {
    /// The roles of these partitions may have changed. Starts fetchers as they are needed; must be called within a runtime.
    pub(crate) fn update(&self, broker: &Arc<Broker>, partitions: &[Arc<Partition>]) {
        let mut touched: HashMap<i32, Arc<Inbox>> = HashMap::new();
        {
            let mut following = self.following.lock();
            let mut by_leader = self.by_leader.lock();
            for partition in partitions {
                let key = (partition.topic_id(), partition.index());
                let leader = partition.fetch_position().map(|_| partition.meta().leader);
                let before = following.get(&key).copied();
                if let Some(before) = before.filter(|before| Some(*before) != leader)
                    && let Some(inbox) = by_leader.get(&before)
                {
                    inbox.put(key, None);
                    touched.insert(before, Arc::clone(inbox));
                }
                match leader {
                    Some(leader) => {
                        following.insert(key, leader);
                        let inbox = by_leader.entry(leader).or_insert_with(|| {
                            let inbox = Arc::new(Inbox::default());
                            tokio::spawn(Fetcher::new(Arc::clone(broker), leader, Arc::clone(&inbox)).run());
                            inbox
                        });
                        inbox.put(key, Some(Arc::clone(partition)));
                        touched.insert(leader, Arc::clone(inbox));
                    }
                    None => drop(following.remove(&key)),
                }
            }
        }
        touched.values().for_each(|inbox| inbox.changed.notify_one());
    }
}

/// One followed partition.
struct Followed {
    partition: Arc<Partition>,
    /// After an error: not before then, and how long the next wait is.
    delayed_until: Option<Instant>,
    retry: Duration,
}

struct Fetcher {
    broker: Arc<Broker>,
    leader: i32,
    inbox: Arc<Inbox>,
    followed: HashMap<Key, Followed>,
    /// Those whose position may differ from what the leader was told.
    dirty: HashSet<Key>,
    delayed: HashSet<Key>,
    session: Session,
    retry: Duration,
}

impl Fetcher {
    fn new(broker: Arc<Broker>, leader: i32, inbox: Arc<Inbox>) -> Self {
        Self {
            broker,
            leader,
            inbox,
            followed: HashMap::new(),
            dirty: HashSet::new(),
            delayed: HashSet::new(),
            session: Session::default(),
            retry: RETRY_MIN,
        }
    }

    async fn run(mut self) {
        let mut stopping = self.broker.stopping();
        loop {
            tokio::select! {
                () = self.round() => {}
                () = stopping.stopped() => return,
            }
        }
    }

    /// One fetch, or one wait.
    async fn round(&mut self) {
        self.take_changes();
        self.end_delays();
        self.say_positions();
        if self.session.is_empty() {
            let earliest = self.delayed.iter().filter_map(|key| self.followed.get(key)?.delayed_until).min();
            tokio::select! {
                () = self.inbox.changed.notified() => {}
                () = tokio::time::sleep_until(earliest.unwrap_or_else(Instant::now)), if earliest.is_some() => {}
            }
            return;
        }
        let Some(address) = self.address() else {
            return self.pause("its address is not known").await;
        };
        match self.fetch(&address).await {
            Some(Ok(response)) => self.take_response(response),
            Some(Err(error)) => {
                self.session.reset();
                self.dirty.extend(self.followed.keys());
                self.pause(&error.to_string()).await;
            }
            None => {
                self.broker.peers.disconnect(&address, Lane::Fetch);
                // What the answer would have said, the leader takes for said: a high watermark would never be heard of.
                self.session.reset();
                self.dirty.extend(self.followed.keys());
            }
        }
    }

    /// Sends one fetch. `None` if it was given up because what is followed has changed.
    async fn fetch(&mut self, address: &str) -> Option<Result<FetchResponse, CallError>> {
        let config = &self.broker.config;
        let ask = self.session.ask(config.replica_fetch_max_bytes);
        let request = FetchRequest {
            replica_state: ReplicaState {
                replica_id: self.broker.node_id(),
                replica_epoch: self.broker.epoch(),
            },
            max_wait_ms: config.replica_fetch_wait_max_ms,
            min_bytes: config.replica_fetch_min_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            session_id: ask.session_id,
            session_epoch: ask.session_epoch,
            topics: ask.topics,
            forgotten_topics_data: ask.forgotten,
            ..Default::default()
        };
        let wait = Duration::from_millis(u64::from(config.replica_fetch_wait_max_ms.unsigned_abs()));
        let call =
            self.broker.peers.call(address, Lane::Fetch, FETCH_VERSION, &request, wait + ANSWER_TIMEOUT);
        tokio::pin!(call);
        tokio::select! {
            answer = &mut call => Some(answer),
            () = self.inbox.changed.notified() => {
                // A leader that is about to answer does so first; one that waits for records would hold up what is new.
                tokio::time::timeout(CHANGE_WAIT, &mut call).await.ok()
            }
        }
    }

    fn address(&self) -> Option<String> {
        let image = self.broker.image();
        self.broker.inter_broker_endpoint(&image.broker(self.leader)?.endpoints)
    }

    async fn pause(&mut self, reason: &str) {
        tracing::debug!(leader = self.leader, reason, "cannot follow for the moment");
        tokio::time::sleep(self.retry).await;
        self.retry = (self.retry * 2).min(self.retry_max());
    }

    fn retry_max(&self) -> Duration {
        let backoff_ms = self.broker.config.replica_fetch_backoff_ms;
        Duration::from_millis(u64::from(backoff_ms.unsigned_abs())).max(RETRY_MIN)
    }

    fn take_changes(&mut self) {
        let changes = std::mem::take(&mut *self.inbox.changes.lock());
        for (key, change) in changes {
            self.delayed.remove(&key);
            match change {
                Some(partition) => {
                    let followed = Followed { partition, delayed_until: None, retry: RETRY_MIN };
                    self.followed.insert(key, followed);
                    self.dirty.insert(key);
                }
                None => {
                    self.followed.remove(&key);
                    self.dirty.remove(&key);
                    self.session.forget(key);
                }
            }
        }
    }

    fn end_delays(&mut self) {
        let now = Instant::now();
        let followed = &mut self.followed;
        let dirty = &mut self.dirty;
        self.delayed.retain(|key| {
            let Some(followed) = followed.get_mut(key) else { return false };
            if followed.delayed_until.is_some_and(|until| until > now) {
                return true;
            }
            followed.delayed_until = None;
            dirty.insert(*key);
            false
        });
    }

    /// Brings the session's view of the positions up to date.
    fn say_positions(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(followed) = self.followed.get(&key) else { continue };
            if followed.delayed_until.is_some() {
                continue;
            }
            match followed.partition.fetch_position() {
                Some(position) => self.session.set(key, position),
                // Its role has changed; what that means for this fetcher is on its way.
                None => self.session.forget(key),
            }
        }
    }

    fn take_response(&mut self, response: FetchResponse) {
        if response.error_code.is_err() {
            tracing::debug!(leader = self.leader, error = %response.error_code, "the fetch session begins anew");
            self.session.reset();
            return;
        }
        self.retry = RETRY_MIN;
        self.session.answered(response.session_id);
        for topic in response.responses {
            for data in topic.partitions {
                let key = (topic.topic_id, data.partition_index);
                let Some(asked) = self.session.told(key) else { continue };
                let Some(partition) = self.followed.get(&key).map(|followed| Arc::clone(&followed.partition))
                else {
                    continue;
                };
                let (bytes, high_watermark) =
                    (data.records.as_ref().map_or(0, Bytes::len), data.high_watermark);
                match take_partition(&partition, asked, data) {
                    Ok(changed) => {
                        if let Some(followed) = self.followed.get_mut(&key) {
                            followed.retry = RETRY_MIN;
                        }
                        if changed {
                            self.dirty.insert(key);
                        }
                        if bytes > 0 && partition.is_throttled(high_watermark) {
                            self.throttle(key, bytes);
                        }
                    }
                    Err(code) => self.delay(key, code),
                }
            }
        }
    }

    /// Leaves a throttled partition alone if the rate says so.
    fn throttle(&mut self, key: Key, bytes: usize) {
        let (throttle, now_ms) = (&self.broker.replicas.throttles.follower, self.broker.clock.monotonic_ms());
        throttle.took(bytes, now_ms);
        let Some(wait_ms) = throttle.wait_ms(now_ms) else { return };
        self.session.forget(key);
        if let Some(followed) = self.followed.get_mut(&key) {
            followed.delayed_until = Some(Instant::now() + Duration::from_millis(wait_ms));
            self.delayed.insert(key);
        }
    }

    /// Leaves a partition alone for a while.
    fn delay(&mut self, key: Key, code: ErrorCode) {
        let max = self.retry_max();
        self.session.forget(key);
        if let Some(followed) = self.followed.get_mut(&key) {
            tracing::debug!(leader = self.leader, partition = ?followed.partition, error = %code, "cannot follow for the moment");
            followed.delayed_until = Some(Instant::now() + followed.retry);
            followed.retry = (followed.retry * 2).min(max);
            self.delayed.insert(key);
        }
    }
}

/// Takes one partition's part of an answer. True if its position has changed.
fn take_partition(
    partition: &Arc<Partition>,
    asked: FetchPosition,
    data: PartitionData,
) -> Result<bool, ErrorCode> {
    match data.error_code {
        ErrorCode::NONE => {}
        ErrorCode::OFFSET_OUT_OF_RANGE if data.log_start_offset >= 0 => {
            partition.start_over(asked, data.log_start_offset)?;
            return Ok(true);
        }
        code => return Err(code),
    }
    if data.diverging_epoch.end_offset >= 0 {
        partition.take_back(asked, data.diverging_epoch.epoch, data.diverging_epoch.end_offset)?;
        return Ok(true);
    }
    let leader =
        LeaderPositions { high_watermark: data.high_watermark, log_start_offset: data.log_start_offset };
    let records: Bytes = data.records.unwrap_or_default();
    partition.take_fetched(asked, &records, leader)
}
