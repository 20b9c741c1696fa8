//! What the leader of a partition knows of its followers, and what follows from it: how far the high watermark may go, who joins the
//! in-sync replicas and who leaves them.
//!
//! No clock and no lock: the time comes in as milliseconds of a monotonic clock, the owner holds the log's lock.
//!
//! A change of the in-sync replicas is proposed to the controller and takes effect when the metadata says so. Until then the high
//! watermark waits for whoever may be in them: the ones in force and the ones proposed (KIP-497's "maximal ISR").

use headrace_state::metadata as image;

/// A replica that is not in sync but was level with the leader so recently is waited for, in milliseconds: otherwise a partition under
/// constant load would always be a little ahead of a follower that wants to join.
const JOIN_WAIT_MS: u64 = 1_000;
/// How long a refused proposal is not made again, in milliseconds.
const REFUSED_PAUSE_MS: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Follower {
    id: i32,
    /// Where its log begins and ends, as its last fetch said; −1 before the first one in this epoch.
    log_start: i64,
    log_end: i64,
    /// When it last had everything that the leader had.
    caught_up_ms: u64,
    last_fetch_ms: u64,
    /// The leader's log end at that fetch.
    leader_end_at_fetch: i64,
    /// The epoch of its registration.
    broker_epoch: i64,
}

/// What a follower's fetch says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) broker_epoch: i64,
    pub(super) log_start: i64,
    pub(super) log_end: i64,
}

/// A change of the in-sync replicas that the controller was or will be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proposal {
    /// With the epoch of each member's registration, or −1.
    pub(super) isr: Vec<(i32, i64)>,
    /// The partition's epochs that it builds on.
    pub(super) partition_epoch: i32,
    pub(super) leader_epoch: i32,
    /// Members of earlier attempts of which it is not known whether they took effect.
    uncertain: Vec<i32>,
}

/// What became of a proposal, as far as the controller's answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Taken, or overtaken by another change: the metadata will say.
    Settled,
    /// Not taken.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// The followers of a partition that this broker leads.
#[derive(Debug, Default)]
pub(super) struct Followers {
    by_id: Vec<Follower>,
    proposal: Option<Proposal>,
    paused_until_ms: u64,
    /// The log end when this broker was elected.
    epoch_start: i64,
}

impl Followers {
    /// Begins an epoch of leadership: of nobody is it known what they have.
    pub(super) fn elected(meta: &image::Partition, leader: i32, log_end: i64, now_ms: u64) -> Self {
        let mut followers = Self { epoch_start: log_end, ..Self::default() };
        followers.update(meta, leader, now_ms);
        followers
    }

    /// The metadata changed within the epoch.
    pub(super) fn update(&mut self, meta: &image::Partition, leader: i32, now_ms: u64) {
        self.by_id.retain(|follower| meta.replicas.contains(&follower.id));
        for &id in meta.replicas.iter().filter(|id| **id != leader) {
            if self.by_id.iter().all(|follower| follower.id != id) {
                // Whoever is in sync has all the time of a lag before it counts as late.
                let caught_up_ms = if meta.isr.contains(&id) { now_ms } else { 0 };
                self.by_id.push(Follower {
                    id,
                    log_start: -1,
                    log_end: -1,
                    caught_up_ms,
                    last_fetch_ms: 0,
                    leader_end_at_fetch: -1,
                    broker_epoch: -1,
                });
            }
        }
        if self.proposal.as_ref().is_some_and(|proposal| meta.partition_epoch > proposal.partition_epoch) {
            self.proposal = None;
        }
    }

    /// Whether there is anybody to wait for.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// A follower has asked for what comes after its log end, which it agrees with the leader up to. False if it is no replica.
    pub(super) fn fetched(&mut self, id: i32, position: Position, leader_end: i64, now_ms: u64) -> bool {
        let Position { broker_epoch, log_start, log_end } = position;
        let Some(follower) = self.by_id.iter_mut().find(|follower| follower.id == id) else { return false };
        if log_end >= leader_end {
            follower.caught_up_ms = follower.caught_up_ms.max(now_ms);
        } else if log_end >= follower.leader_end_at_fetch && follower.leader_end_at_fetch >= 0 {
            follower.caught_up_ms = follower.caught_up_ms.max(follower.last_fetch_ms);
        }
        follower.log_start = log_start;
        follower.log_end = log_end;
        follower.last_fetch_ms = now_ms;
        follower.leader_end_at_fetch = leader_end;
        follower.broker_epoch = broker_epoch;
        true
    }

    /// Which of these followers has this offset and is furthest, as Kafka's RackAwareReplicaSelector chooses.
    pub(super) fn best_to_read(&self, offset: i64, may: impl Fn(i32) -> bool) -> Option<i32> {
        self.by_id
            .iter()
            .filter(|follower| (follower.log_start..=follower.log_end).contains(&offset) && may(follower.id))
            .max_by_key(|follower| (follower.log_end, follower.caught_up_ms))
            .map(|follower| follower.id)
    }

    fn may_be_in_sync(&self, meta: &image::Partition, id: i32) -> bool {
        meta.isr.contains(&id)
            || self.proposal.as_ref().is_some_and(|proposal| {
                proposal.isr.iter().any(|(member, _)| *member == id) || proposal.uncertain.contains(&id)
            })
    }

    /// How far all replicas have come that are, or may be, in sync.
    pub(super) fn high_watermark(&self, meta: &image::Partition, leader_end: i64, now_ms: u64) -> i64 {
        let counts = |follower: &&Follower| {
            self.may_be_in_sync(meta, follower.id)
                || (follower.log_end >= 0 && now_ms.saturating_sub(follower.caught_up_ms) < JOIN_WAIT_MS)
        };
        self.by_id
            .iter()
            .filter(counts)
            .map(|follower| follower.log_end)
            .min()
            .unwrap_or(leader_end)
            .min(leader_end)
    }

    /// Proposes that a follower joins, if it has what it takes: everything below the high watermark and of the leader's own epoch.
    pub(super) fn propose_joining(
        &mut self,
        meta: &image::Partition,
        leader: (i32, i64),
        id: i32,
        high_watermark: i64,
        now_ms: u64,
    ) -> bool {
        if self.proposal.is_some() || now_ms < self.paused_until_ms || meta.isr.contains(&id) {
            return false;
        }
        let Some(follower) = self.by_id.iter().find(|follower| follower.id == id) else { return false };
        if follower.log_end < high_watermark.max(self.epoch_start) {
            return false;
        }
        let members = meta.isr.iter().copied().chain([id]).collect::<Vec<_>>();
        self.propose(meta, leader, &members);
        true
    }

    /// Proposes to go on without those that have been late for longer than `lag_ms_max`.
    pub(super) fn propose_leaving(
        &mut self,
        meta: &image::Partition,
        leader: (i32, i64),
        leader_end: i64,
        now_ms: u64,
        lag_ms_max: u64,
    ) -> bool {
        if self.proposal.is_some() || now_ms < self.paused_until_ms {
            return false;
        }
        let late = |id: i32| {
            self.by_id.iter().any(|follower| {
                follower.id == id
                    && follower.log_end < leader_end
                    && now_ms.saturating_sub(follower.caught_up_ms) > lag_ms_max
            })
        };
        let members: Vec<i32> = meta.isr.iter().copied().filter(|id| !late(*id)).collect();
        if members.len() == meta.isr.len() {
            return false;
        }
        self.propose(meta, leader, &members);
        true
    }

    fn propose(&mut self, meta: &image::Partition, leader: (i32, i64), members: &[i32]) {
        let epoch = |id: i32| {
            if id == leader.0 {
                return leader.1;
            }
            self.by_id.iter().find(|follower| follower.id == id).map_or(-1, |follower| follower.broker_epoch)
        };
        self.proposal = Some(Proposal {
            isr: members.iter().map(|&id| (id, epoch(id))).collect(),
            partition_epoch: meta.partition_epoch,
            leader_epoch: meta.leader_epoch,
            uncertain: self.proposal.take().map_or_else(Vec::new, |before| before.uncertain),
        });
    }

    pub(super) fn proposal(&self) -> Option<&Proposal> {
        self.proposal.as_ref()
    }

    /// Takes in what is known of a proposal. True if the controller must be asked (again).
    pub(super) fn judge(
        &mut self,
        meta: &image::Partition,
        leader: (i32, i64),
        judged: &Proposal,
        verdict: Verdict,
        now_ms: u64,
    ) -> bool {
        let Some(proposal) = self.proposal.as_mut() else { return false };
        if proposal.partition_epoch != judged.partition_epoch || proposal.leader_epoch != judged.leader_epoch
        {
            return false;
        }
        match verdict {
            Verdict::Settled => false,
            Verdict::Unknown => {
                for (id, _) in &proposal.isr {
                    if !proposal.uncertain.contains(id) {
                        proposal.uncertain.push(*id);
                    }
                }
                true
            }
            Verdict::Refused if proposal.uncertain.is_empty() => {
                self.proposal = None;
                self.paused_until_ms = now_ms + REFUSED_PAUSE_MS;
                false
            }
            // An attempt before it may still be under way. The set in force, proposed anew, makes an end of that.
            Verdict::Refused => {
                self.propose(meta, leader, &meta.isr);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(isr: &[i32], partition_epoch: i32) -> image::Partition {
        image::Partition {
            replicas: vec![1, 2, 3],
            isr: isr.to_vec(),
            leader: 1,
            leader_epoch: 5,
            partition_epoch,
            ..image::Partition::default()
        }
    }

    const LEADER: (i32, i64) = (1, 10);

    fn at(broker_epoch: i64, log_end: i64) -> Position {
        Position { broker_epoch, log_start: 0, log_end }
    }

    #[test]
    fn a_consumer_reads_from_the_follower_that_is_furthest_and_has_its_offset() {
        let meta = meta(&[1, 2, 3], 0);
        let mut followers = Followers::elected(&meta, 1, 100, 0);
        assert_eq!(followers.best_to_read(0, |_| true), None, "nothing is known of them yet");
        followers.fetched(2, at(20, 90), 100, 1);
        followers.fetched(3, Position { log_start: 50, ..at(30, 95) }, 100, 2);
        assert_eq!(followers.best_to_read(90, |_| true), Some(3));
        assert_eq!(followers.best_to_read(96, |_| true), None, "nobody has it yet");
        assert_eq!(followers.best_to_read(49, |_| true), Some(2), "the other has it no longer");
        assert_eq!(followers.best_to_read(90, |id| id == 2), Some(2));
        followers.fetched(2, at(20, 95), 95, 3);
        assert_eq!(followers.best_to_read(90, |_| true), Some(2), "as far, and level with the leader since");
    }

    #[test]
    fn the_high_watermark_waits_for_all_that_are_in_sync_and_no_others() {
        let meta = meta(&[1, 2], 0);
        let mut followers = Followers::elected(&meta, 1, 100, 0);
        assert_eq!(followers.high_watermark(&meta, 120, 0), -1, "nothing is known of broker 2 yet");
        assert!(followers.fetched(2, at(20, 110), 120, 5_000));
        assert_eq!(followers.high_watermark(&meta, 120, 5_000), 110);
        assert!(followers.fetched(2, at(20, 120), 120, 5_000));
        assert_eq!(followers.high_watermark(&meta, 120, 5_000), 120, "broker 3 never fetched");
        assert!(!followers.fetched(9, at(1, 120), 120, 5_000), "no replica");
    }

    #[test]
    fn a_follower_joins_once_it_has_what_was_committed_and_counts_from_the_proposal_on() {
        let before = meta(&[1, 2], 7);
        let mut followers = Followers::elected(&before, 1, 100, 0);
        followers.fetched(2, at(20, 120), 120, 1);
        followers.fetched(3, at(30, 119), 120, 1);
        assert!(!followers.propose_joining(&before, LEADER, 3, 120, 1), "it lacks a committed record");
        followers.fetched(3, at(30, 120), 120, 2);
        assert!(followers.propose_joining(&before, LEADER, 3, 120, 2));
        assert_eq!(followers.proposal().unwrap().isr, [(1, 10), (2, 20), (3, 30)]);
        // It stops fetching: what comes now waits for it, for it may be in sync.
        followers.fetched(2, at(20, 130), 130, 60_000);
        assert_eq!(followers.high_watermark(&before, 130, 60_000), 120);
        followers.update(&meta(&[1, 2], 8), 1, 60_000);
        assert_eq!(followers.high_watermark(&meta(&[1, 2], 8), 130, 60_000), 130);
    }

    #[test]
    fn a_replica_that_lacks_records_of_the_leaders_epoch_does_not_join() {
        let meta = meta(&[1], 0);
        let mut followers = Followers::elected(&meta, 1, 100, 0);
        followers.fetched(2, at(20, 90), 100, 1);
        assert!(!followers.propose_joining(&meta, LEADER, 2, 80, 1));
    }

    #[test]
    fn who_is_late_leaves_and_who_fetches_steadily_stays() {
        let meta = meta(&[1, 2, 3], 0);
        let mut followers = Followers::elected(&meta, 1, 0, 0);
        for step in 1..=10_i64 {
            // Broker 2 is always one fetch behind, broker 3 stands still.
            let now_ms = step.unsigned_abs() * 1_000;
            followers.fetched(2, at(20, (step - 1) * 10), step * 10, now_ms);
            followers.fetched(3, at(30, 5), step * 10, now_ms);
        }
        assert!(!followers.propose_leaving(&meta, LEADER, 100, 10_000, 30_000));
        assert!(followers.propose_leaving(&meta, LEADER, 100, 10_000, 5_000));
        assert_eq!(followers.proposal().unwrap().isr, [(1, 10), (2, 20)]);
    }

    #[test]
    fn an_uncertain_proposal_is_waited_for_until_the_metadata_moves() {
        let before = meta(&[1, 2], 7);
        let mut followers = Followers::elected(&before, 1, 0, 0);
        followers.fetched(2, at(20, 10), 10, 1);
        followers.fetched(3, at(30, 10), 10, 1);
        assert!(followers.propose_joining(&before, LEADER, 3, 10, 1));
        let first = followers.proposal().unwrap().clone();
        assert!(followers.judge(&before, LEADER, &first, Verdict::Unknown, 2));
        // Refused now, but the first attempt may yet arrive: broker 3 still counts, and the set in force is proposed.
        assert!(followers.judge(&before, LEADER, &first, Verdict::Refused, 3));
        assert_eq!(followers.proposal().unwrap().isr, [(1, 10), (2, 20)]);
        followers.fetched(2, at(20, 20), 20, 90_000);
        assert_eq!(followers.high_watermark(&before, 20, 90_000), 10);
        followers.update(&meta(&[1, 2], 8), 1, 90_000);
        assert_eq!(followers.high_watermark(&meta(&[1, 2], 8), 20, 90_000), 20);
    }

    #[test]
    fn a_refusal_is_final_if_no_attempt_was_uncertain() {
        let before = meta(&[1, 2], 7);
        let mut followers = Followers::elected(&before, 1, 0, 0);
        followers.fetched(3, at(30, 10), 10, 1);
        assert!(followers.propose_joining(&before, LEADER, 3, 10, 1));
        let first = followers.proposal().unwrap().clone();
        assert!(!followers.judge(&before, LEADER, &first, Verdict::Refused, 2));
        assert_eq!(followers.proposal(), None);
        assert!(!followers.propose_joining(&before, LEADER, 3, 10, 3), "not at once");
        assert!(followers.propose_joining(&before, LEADER, 3, 10, 2 + REFUSED_PAUSE_MS));
    }
}
