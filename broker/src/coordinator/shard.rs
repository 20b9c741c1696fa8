//! One shard with its log: requests go in under a lock, their records are appended at once, their answers go out when they may.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use headrace_protocol::{ErrorCode, Str};
use headrace_state::group::{Effects, Now, Reply, Response, Shard, Token, Write};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::log::GroupLog;
use super::{Settings, batch, driver};
use crate::clock::Clock;

/// A shard that this broker leads, from its election to its resignation.
pub(crate) struct LedShard {
    index: i32,
    leader_epoch: i32,
    pub(super) log: Arc<dyn GroupLog>,
    pub(super) settings: Settings,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    /// The driver has something new to wait for.
    pub(super) changed: Notify,
}

enum Phase {
    Loading,
    Open,
    /// What is answered from now on.
    Closed(ErrorCode),
}

struct Inner {
    phase: Phase,
    machine: Shard,
    /// Requests whose answer is not there yet. Bounded by the connections: each has one request under way.
    waiting: HashMap<Token, oneshot::Sender<Response>>,
    next_token: u64,
    /// What was appended and is not committed yet, in the log's order.
    in_flight: VecDeque<InFlight>,
    /// Where the machine's last record ends in the log: one that was loaded, or appended, even if nobody waits for it any more.
    end_offset: i64,
    /// What the driver waits for, as it was told last.
    told: Outlook,
    /// Topics that were deleted while the log was being read.
    deleted_while_loading: Vec<Str>,
}

struct InFlight {
    end_offset: i64,
    appended_ms: u64,
    then: Committed,
}

enum Committed {
    Write(Write),
    /// Someone wants to know when all before this is committed.
    Barrier(oneshot::Sender<()>),
}

/// What the driver is to wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlook {
    /// Monotonic milliseconds.
    pub(super) deadline_ms: Option<u64>,
    /// The first write in flight: the offset to be reached, and the monotonic time until which it is waited for.
    pub(super) commit: Option<(i64, u64)>,
}

impl LedShard {
    pub(super) fn new(
        index: i32,
        leader_epoch: i32,
        log: Arc<dyn GroupLog>,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let inner = Inner {
            phase: Phase::Loading,
            machine: Shard::new(settings.group.clone()),
            waiting: HashMap::new(),
            next_token: 0,
            in_flight: VecDeque::new(),
            end_offset: 0,
            told: Outlook::default(),
            deleted_while_loading: Vec::new(),
        };
        Self { index, leader_epoch, log, settings, clock, inner: Mutex::new(inner), changed: Notify::new() }
    }

    /// Loads the shard, if there is anything to load, and drives it from then on.
    pub(super) fn start(self: &Arc<Self>) {
        if self.log.start_offset() >= self.log.end_offset() {
            let machine = Shard::new(self.settings.group.clone());
            self.open(machine, 0);
        }
        tokio::spawn(driver::drive(Arc::clone(self)));
    }

    pub(crate) fn index(&self) -> i32 {
        self.index
    }

    pub(super) fn leader_epoch(&self) -> i32 {
        self.leader_epoch
    }

    pub(super) fn is_loading(&self) -> bool {
        matches!(self.inner.lock().phase, Phase::Loading)
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall_ms: self.clock.now_ms(), monotonic_ms: self.clock.monotonic_ms() }
    }

    /// The machine as it was loaded takes requests from now on.
    pub(super) fn open(&self, machine: Shard, end_offset: i64) {
        let mut inner = self.inner.lock();
        if !matches!(inner.phase, Phase::Loading) {
            return;
        }
        inner.end_offset = end_offset;
        inner.machine = machine;
        inner.phase = Phase::Open;
        let effects = inner.machine.loaded(self.now());
        self.run(&mut inner, effects);
        let deleted = std::mem::take(&mut inner.deleted_while_loading);
        let effects = inner.machine.topics_deleted(&deleted);
        self.run(&mut inner, effects);
    }

    /// Something that is answered at once and writes nothing.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&mut Shard) -> T) -> Result<T, ErrorCode> {
        let mut inner = self.inner.lock();
        inner.check_open()?;
        Ok(f(&mut inner.machine))
    }

    /// Something whose answer may have to wait: for a commit, or for the other members of a group.
    pub(crate) async fn call(
        &self,
        f: impl FnOnce(&mut Shard, Token) -> Effects,
    ) -> Result<Response, ErrorCode> {
        let answer = {
            let mut inner = self.inner.lock();
            inner.check_open()?;
            let (sender, answer) = oneshot::channel();
            inner.next_token += 1;
            let token = Token(inner.next_token);
            inner.waiting.insert(token, sender);
            let effects = f(&mut inner.machine, token);
            self.run(&mut inner, effects);
            answer
        };
        answer.await.map_err(|_| ErrorCode::NOT_COORDINATOR)
    }

    /// Reads, and answers when all that was in the machine then is committed.
    pub(crate) async fn read_settled<T>(&self, f: impl FnOnce(&mut Shard) -> T) -> Result<T, ErrorCode> {
        let (read, settled) = {
            let mut inner = self.inner.lock();
            inner.check_open()?;
            let read = f(&mut inner.machine);
            // Also what was given up, or was there at the election, may yet be lost with this leader.
            let end_offset = inner.end_offset;
            if self.log.high_watermark() >= end_offset {
                return Ok(read);
            }
            let (sender, settled) = oneshot::channel();
            let appended_ms = self.now().monotonic_ms;
            inner.in_flight.push_back(InFlight { end_offset, appended_ms, then: Committed::Barrier(sender) });
            self.run(&mut inner, Effects::default());
            (read, settled)
        };
        settled.await.map_err(|_| ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
        Ok(read)
    }

    pub(super) fn topics_deleted(&self, topics: &[Str]) {
        let mut inner = self.inner.lock();
        match inner.phase {
            Phase::Loading => inner.deleted_while_loading.extend(topics.iter().map(Str::detached)),
            Phase::Open => {
                let effects = inner.machine.topics_deleted(topics);
                self.run(&mut inner, effects);
            }
            Phase::Closed(_) => {}
        }
    }

    pub(super) fn group_counts(&self) -> BTreeMap<&'static str, usize> {
        self.inner.lock().machine.group_counts()
    }

    /// Ends the shard: whoever waits is answered with `error`, as are all who come later.
    pub(super) fn close(&self, error: ErrorCode) {
        let mut inner = self.inner.lock();
        if matches!(inner.phase, Phase::Closed(_)) {
            return;
        }
        inner.phase = Phase::Closed(error);
        let now = self.now();
        for in_flight in std::mem::take(&mut inner.in_flight) {
            if let Committed::Write(write) = in_flight.then {
                // What the machine would write next is of no use any more; only its answers are given.
                let effects = inner.machine.failed(write, error, now);
                inner.answer(effects.replies);
            }
        }
        let effects = inner.machine.unload(error);
        inner.answer(effects.replies);
        // Whoever is left learns it from the sender that is dropped.
        inner.waiting.clear();
        self.changed.notify_one();
    }

    /// `None` when the shard is closed.
    pub(super) fn outlook(&self) -> Option<Outlook> {
        let mut inner = self.inner.lock();
        if matches!(inner.phase, Phase::Closed(_)) {
            return None;
        }
        inner.told = self.look(&inner);
        Some(inner.told)
    }

    fn look(&self, inner: &Inner) -> Outlook {
        let commit = inner.in_flight.front();
        let commit =
            commit.map(|first| (first.end_offset, first.appended_ms + self.settings.commit_timeout_ms));
        Outlook { deadline_ms: inner.machine.next_deadline_ms(), commit }
    }

    /// Deadlines have passed.
    pub(super) fn tick(&self) {
        let mut inner = self.inner.lock();
        if matches!(inner.phase, Phase::Open) {
            let effects = inner.machine.tick(self.now());
            self.run(&mut inner, effects);
        }
    }

    /// The high watermark has moved.
    pub(super) fn advance(&self) {
        let mut inner = self.inner.lock();
        self.run(&mut inner, Effects::default());
    }

    /// Writes that have waited too long for their followers: their clients are told to try again. They stay in the log, and may be
    /// committed yet.
    pub(super) fn give_up_late(&self) {
        let mut inner = self.inner.lock();
        let now = self.now();
        let is_late = |w: &InFlight| w.appended_ms + self.settings.commit_timeout_ms <= now.monotonic_ms;
        while inner.in_flight.front().is_some_and(is_late) {
            let Some(InFlight { then: Committed::Write(write), .. }) = inner.in_flight.pop_front() else {
                continue;
            };
            let effects = inner.machine.failed(write, ErrorCode::REQUEST_TIMED_OUT, now);
            self.run(&mut inner, effects);
        }
    }

    /// Gives the answers, appends the records, and does so again for what follows from either.
    fn run(&self, inner: &mut Inner, effects: Effects) {
        let mut todo = VecDeque::from([effects]);
        loop {
            while let Some(effects) = todo.pop_front() {
                inner.answer(effects.replies);
                for write in effects.writes {
                    todo.push_back(self.append(inner, write));
                }
            }
            match self.take_committed(inner) {
                Some(write) => todo.push_back(inner.machine.committed(write, self.now())),
                None => break,
            }
        }
        // The driver is woken only for what it would miss: a deadline that moved away, as with every heartbeat, is looked at when due.
        let outlook = self.look(inner);
        let sooner = match (inner.told.deadline_ms, outlook.deadline_ms) {
            (Some(told), Some(now)) => now < told,
            (told, now) => told.is_none() && now.is_some(),
        };
        if sooner || (inner.told.commit.is_none() && outlook.commit.is_some()) {
            inner.told = outlook;
            self.changed.notify_one();
        }
    }

    /// Puts the records into the log; what follows at once, if the log refuses them.
    fn append(&self, inner: &mut Inner, write: Write) -> Effects {
        let now = self.now();
        let appended = batch::encode(&write.records, self.settings.compression, now.wall_ms)
            .and_then(|batch| self.log.append(batch));
        match appended {
            Ok(end_offset) => {
                inner.machine.appended(&write);
                inner.end_offset = end_offset;
                let then = Committed::Write(write);
                inner.in_flight.push_back(InFlight { end_offset, appended_ms: now.monotonic_ms, then });
                Effects::default()
            }
            Err(error) => {
                tracing::debug!(partition = self.index, %error, "the log refused records of a group");
                inner.machine.failed(write, error, now)
            }
        }
    }

    /// The next write that the high watermark has passed.
    fn take_committed(&self, inner: &mut Inner) -> Option<Write> {
        let high_watermark = if inner.in_flight.is_empty() { return None } else { self.log.high_watermark() };
        while inner.in_flight.front().is_some_and(|first| first.end_offset <= high_watermark) {
            match inner.in_flight.pop_front()?.then {
                Committed::Write(write) => return Some(write),
                // Whoever asked may be gone.
                Committed::Barrier(sender) => drop(sender.send(())),
            }
        }
        None
    }
}

impl Inner {
    fn check_open(&self) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::Loading => Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS),
            Phase::Closed(error) => Err(error),
        }
    }

    fn answer(&mut self, replies: Vec<Reply>) {
        for Reply { token, response } in replies {
            // The client may have gone; the group goes on without it.
            if let Some(sender) = self.waiting.remove(&token) {
                drop(sender.send(response));
            }
        }
    }
}
