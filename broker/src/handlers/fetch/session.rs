//! Fetch sessions (KIP-227): the broker remembers what a client fetches, so that later requests and answers carry only what changed.
//!
//! Bounded by max.incremental.fetch.session.cache.slots. A full cache gives up a session that nobody has used for a while, or refuses a new
//! one: the client then fetches without.

use std::collections::HashMap;
use std::sync::Arc;

use headrace_protocol::messages::fetch::{EpochEndOffset, FetchRequest};
use headrace_protocol::{ErrorCode, Str, Uuid};
use parking_lot::Mutex;

use super::{Found, Wanted};

/// A session unused for so long may be given up for another.
const EVICTABLE_AFTER_MS: u64 = 120_000;
/// "No session" on the wire.
const NO_SESSION: i32 = 0;
/// Unlike anything a partition can answer, so that its next answer counts as a change.
const NEVER_TOLD: i64 = i64::MIN;
/// The epoch that asks for a new session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch that asks for none, or ends one.
const FINAL_EPOCH: i32 = -1;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    topic: Str,
    topic_id: Uuid,
    index: i32,
}

impl Key {
    fn of(wanted: &Wanted) -> Self {
        Self { topic: wanted.topic.clone(), topic_id: wanted.topic_id, index: wanted.index }
    }
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    by_id: bool,
    used_ms: u64,
    partitions: Vec<Remembered>,
    places: HashMap<Key, usize>,
    /// Where the next fetch begins, so that one busy partition does not starve the others.
    start: usize,
}

#[derive(Debug)]
struct Remembered {
    wanted: Wanted,
    high_watermark: i64,
    log_start_offset: i64,
    failed: bool,
}

/// All sessions of this broker.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    open: HashMap<i32, Arc<Mutex<Session>>>,
    last_id: i32,
}

/// What one fetch is to read, and how it is to be answered.
pub(super) struct Planned {
    pub(super) wanted: Vec<Wanted>,
    /// The client goes on nowhere, for it was given nothing last time.
    pub(super) is_idle: bool,
    kind: Kind,
}

enum Kind {
    /// Everything is answered and nothing remembered.
    Sessionless,
    /// Everything is answered and a session begun.
    New { by_id: bool },
    /// What changed is answered. `last` is what the client knows of each.
    Incremental { id: i32, session: Arc<Mutex<Session>>, last: Vec<(i64, i64, bool)> },
}

impl FetchSessions {
    pub(crate) fn new(slots: i32) -> Self {
        Self { slots: usize::try_from(slots).unwrap_or(0), sessions: Mutex::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.lock().open.len()
    }

    /// Takes a request's list of partitions into its session, if it has one.
    pub(super) fn begin(
        &self,
        request: &mut FetchRequest,
        by_id: bool,
        now_ms: u64,
    ) -> Result<Planned, ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        let listed = take_listed(request);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            if id != NO_SESSION {
                self.sessions.lock().open.remove(&id);
            }
            let begin = epoch == INITIAL_EPOCH && !listed.is_empty();
            let kind = if begin { Kind::New { by_id } } else { Kind::Sessionless };
            return Ok(Planned { wanted: listed, is_idle: false, kind });
        }
        let session =
            self.sessions.lock().open.get(&id).cloned().ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        let is_idle = listed.is_empty();
        let (wanted, last) = {
            let mut open = session.lock();
            if open.by_id != by_id {
                return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
            }
            if open.epoch != epoch {
                return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
            }
            open.epoch = next_epoch(epoch);
            open.used_ms = now_ms;
            for topic in &request.forgotten_topics_data {
                for index in &topic.partitions {
                    open.forget(&Key { topic: topic.topic.clone(), topic_id: topic.topic_id, index: *index });
                }
            }
            listed.into_iter().for_each(|wanted| open.remember(wanted));
            open.plan()
        };
        Ok(Planned { wanted, is_idle, kind: Kind::Incremental { id, session, last } })
    }

    /// Notes what was answered; says the session's id for the answer.
    pub(super) fn finish(&self, planned: &Planned, found: &[Found], now_ms: u64) -> i32 {
        match &planned.kind {
            Kind::Sessionless => NO_SESSION,
            Kind::New { by_id } => {
                let mut session = Session {
                    epoch: next_epoch(INITIAL_EPOCH),
                    by_id: *by_id,
                    used_ms: now_ms,
                    partitions: Vec::new(),
                    places: HashMap::new(),
                    start: 0,
                };
                planned.wanted.iter().for_each(|wanted| session.remember(wanted.clone()));
                session.note(&planned.wanted, found);
                self.open(session, now_ms)
            }
            Kind::Incremental { id, session, .. } => {
                session.lock().note(&planned.wanted, found);
                *id
            }
        }
    }

    fn open(&self, session: Session, now_ms: u64) -> i32 {
        let mut sessions = self.sessions.lock();
        if sessions.open.len() >= self.slots {
            let oldest = sessions
                .open
                .iter()
                .map(|(id, session)| (session.lock().used_ms, *id))
                .min()
                .filter(|(used_ms, _)| used_ms.saturating_add(EVICTABLE_AFTER_MS) <= now_ms);
            let Some((_, id)) = oldest else { return NO_SESSION };
            sessions.open.remove(&id);
        }
        let mut id = sessions.last_id;
        loop {
            id = id.checked_add(1).unwrap_or(1);
            if !sessions.open.contains_key(&id) {
                break;
            }
        }
        sessions.last_id = id;
        sessions.open.insert(id, Arc::new(Mutex::new(session)));
        id
    }
}

impl Planned {
    /// Which partitions the answer carries: all, or those that changed.
    pub(super) fn keep(&self, found: &[Found]) -> Vec<bool> {
        match &self.kind {
            Kind::Sessionless | Kind::New { .. } => vec![true; found.len()],
            Kind::Incremental { last, .. } => found
                .iter()
                .zip(last)
                .map(|(found, (high_watermark, log_start, failed))| {
                    let data = &found.data;
                    found.size_bytes > 0
                        || data.error_code.is_err()
                        || *failed
                        || data.high_watermark != *high_watermark
                        || data.log_start_offset != *log_start
                        || data.diverging_epoch != EpochEndOffset::default()
                        || data.preferred_read_replica >= 0
                })
                .collect(),
        }
    }
}

impl Session {
    fn remember(&mut self, mut wanted: Wanted) {
        wanted.topic = wanted.topic.detached();
        let key = Key::of(&wanted);
        match self.places.get(&key) {
            Some(place) => {
                let known = &mut self.partitions[*place];
                let before = &known.wanted;
                if before.current_leader_epoch != wanted.current_leader_epoch || before.offset > wanted.offset
                {
                    // What it was told before it began again it may have passed over.
                    known.high_watermark = NEVER_TOLD;
                }
                wanted.resolved = known.wanted.resolved.take();
                known.wanted = wanted;
            }
            None => {
                self.places.insert(key, self.partitions.len());
                let unknown = Remembered {
                    wanted,
                    high_watermark: NEVER_TOLD,
                    log_start_offset: NEVER_TOLD,
                    failed: false,
                };
                self.partitions.push(unknown);
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        let Some(place) = self.places.remove(key) else { return };
        self.partitions.swap_remove(place);
        if let Some(moved) = self.partitions.get(place) {
            self.places.insert(Key::of(&moved.wanted), place);
        }
    }

    fn plan(&self) -> (Vec<Wanted>, Vec<(i64, i64, bool)>) {
        let start = self.start.checked_rem(self.partitions.len()).unwrap_or(0);
        let (late, early) = self.partitions.split_at(start);
        early
            .iter()
            .chain(late)
            .map(|known| {
                let wanted = Wanted { told_high_watermark: known.high_watermark, ..known.wanted.clone() };
                (wanted, (known.high_watermark, known.log_start_offset, known.failed))
            })
            .unzip()
    }

    /// Where a partition is; most likely where it was when the fetch was planned.
    fn place(&self, planned: usize, wanted: &Wanted) -> Option<usize> {
        let planned = planned.checked_rem(self.partitions.len())?;
        if self.partitions[planned].wanted.is_of_same_partition(wanted) {
            return Some(planned);
        }
        self.places.get(&Key::of(wanted)).copied()
    }

    fn note(&mut self, wanted: &[Wanted], found: &[Found]) {
        let start = self.start;
        for (n, (wanted, found)) in wanted.iter().zip(found).enumerate() {
            let Some(place) = self.place(start + n, wanted) else { continue };
            let known = &mut self.partitions[place];
            // Who takes back its log's end does not look at the rest of the answer.
            let parts = found.data.diverging_epoch != EpochEndOffset::default();
            known.high_watermark = if parts { NEVER_TOLD } else { found.data.high_watermark };
            known.log_start_offset = found.data.log_start_offset;
            known.failed = found.data.error_code.is_err();
            known.wanted.resolved.clone_from(&wanted.resolved);
            if found.size_bytes > 0 {
                self.start = place + 1;
            }
        }
    }
}

/// 1, 2, …, i32::MAX, 1, …
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

fn take_listed(request: &mut FetchRequest) -> Vec<Wanted> {
    let mut listed = Vec::new();
    for topic in std::mem::take(&mut request.topics) {
        for partition in topic.partitions {
            listed.push(Wanted {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                index: partition.partition,
                offset: partition.fetch_offset,
                max_bytes: usize::try_from(partition.partition_max_bytes).unwrap_or(0),
                current_leader_epoch: partition.current_leader_epoch,
                last_fetched_epoch: partition.last_fetched_epoch,
                log_start_offset: partition.log_start_offset,
                told_high_watermark: i64::MAX,
                resolved: None,
            });
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use headrace_protocol::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};

    use super::*;

    fn request(session_id: i32, session_epoch: i32, partitions: &[i32]) -> FetchRequest {
        let partitions: Vec<_> = partitions
            .iter()
            .map(|p| FetchPartition { partition: *p, ..FetchPartition::default() })
            .collect();
        let topics = if partitions.is_empty() {
            Vec::new()
        } else {
            vec![FetchTopic { topic: "t".into(), partitions, ..FetchTopic::default() }]
        };
        FetchRequest { session_id, session_epoch, topics, ..FetchRequest::default() }
    }

    fn empty(planned: &Planned) -> Vec<Found> {
        planned
            .wanted
            .iter()
            .map(|wanted| {
                let mut found = Found::failed(wanted.index, ErrorCode::NONE);
                found.data.high_watermark = 5;
                found
            })
            .collect()
    }

    fn run(
        sessions: &FetchSessions,
        mut request: FetchRequest,
        now_ms: u64,
    ) -> Result<(i32, Vec<bool>), ErrorCode> {
        let planned = sessions.begin(&mut request, false, now_ms)?;
        let found = empty(&planned);
        let id = sessions.finish(&planned, &found, now_ms);
        Ok((id, planned.keep(&found)))
    }

    #[test]
    fn an_incremental_fetch_answers_only_what_changed() {
        let sessions = FetchSessions::new(10);
        let (id, keep) = run(&sessions, request(0, 0, &[0, 1]), 0).unwrap();
        assert_ne!(id, NO_SESSION);
        assert_eq!(keep, [true, true]);
        assert_eq!(run(&sessions, request(id, 1, &[]), 0), Ok((id, vec![false, false])));
        assert_eq!(run(&sessions, request(id, 2, &[2]), 0), Ok((id, vec![false, false, true])));
        let mut forgetting = request(id, 3, &[]);
        forgetting.forgotten_topics_data =
            vec![ForgottenTopic { topic: "t".into(), partitions: vec![0, 1], ..ForgottenTopic::default() }];
        assert_eq!(run(&sessions, forgetting, 0), Ok((id, vec![false])));
    }

    #[test]
    fn who_takes_back_its_logs_end_or_begins_again_is_told_the_high_watermark_once_more() {
        let sessions = FetchSessions::new(10);
        let (id, _) = run(&sessions, request(0, 0, &[0]), 0).unwrap();
        let listed = |session_epoch, fetch_offset, current_leader_epoch| {
            let mut request = request(id, session_epoch, &[0]);
            let partition = &mut request.topics[0].partitions[0];
            (partition.fetch_offset, partition.current_leader_epoch) = (fetch_offset, current_leader_epoch);
            request
        };
        assert_eq!(run(&sessions, listed(1, 9, -1), 0), Ok((id, vec![false])), "it goes on");
        let mut parted = request(id, 2, &[]);
        let planned = sessions.begin(&mut parted, false, 0).unwrap();
        let mut found = empty(&planned);
        found[0].data.diverging_epoch = EpochEndOffset { epoch: 0, end_offset: 7 };
        sessions.finish(&planned, &found, 0);
        assert_eq!(run(&sessions, request(id, 3, &[]), 0), Ok((id, vec![true])), "after it parted");
        assert_eq!(run(&sessions, request(id, 4, &[]), 0), Ok((id, vec![false])));
        assert_eq!(run(&sessions, listed(5, 7, -1), 0), Ok((id, vec![true])), "it went back");
        assert_eq!(run(&sessions, listed(6, 7, 1), 0), Ok((id, vec![true])), "another leader epoch");
        assert_eq!(run(&sessions, listed(7, 8, 1), 0), Ok((id, vec![false])));
    }

    #[test]
    fn wrong_ids_and_epochs_are_refused() {
        let sessions = FetchSessions::new(10);
        let (id, _) = run(&sessions, request(0, 0, &[0]), 0).unwrap();
        assert_eq!(run(&sessions, request(id, 7, &[]), 0), Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
        assert_eq!(run(&sessions, request(id + 1, 1, &[]), 0), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
        assert_eq!(run(&sessions, request(id, -1, &[]), 0), Ok((NO_SESSION, vec![])));
        assert_eq!(run(&sessions, request(id, 1, &[]), 0), Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    }

    #[test]
    fn a_full_cache_gives_up_only_what_is_old() {
        let sessions = FetchSessions::new(1);
        let (first, _) = run(&sessions, request(0, 0, &[0]), 0).unwrap();
        assert_eq!(run(&sessions, request(0, 0, &[0]), 10).unwrap().0, NO_SESSION);
        let (second, _) = run(&sessions, request(0, 0, &[0]), EVICTABLE_AFTER_MS).unwrap();
        assert!(second != NO_SESSION && second != first);
        assert_eq!(sessions.len(), 1);
    }
}
