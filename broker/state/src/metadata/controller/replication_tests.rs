//! What brokers, leaders and operators do to one partition, in an order that a seed decides. The records it was given are modelled beside
//! it: a write is acknowledged when all in-sync replicas have it and they are enough. Whatever happens, as long as one replica that had an
//! acknowledged write keeps its disk whole, no election makes a leader that lacks it, but for two:
//!
//! - an unclean one that an operator asked for;
//! - the last resort (`recover_leaders`), once all that were in sync or eligible have lost the ends of their logs.
//!
//! Each broker has two log directories, and tells the controller in which its replica is before that is taken into the in-sync ones.

use std::collections::{BTreeMap, BTreeSet};

use headrace_protocol::Uuid;
use headrace_protocol::messages::assign_replicas_to_dirs::{
    AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
    AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
};
use headrace_protocol::messages::elect_leaders::ElectLeadersRequest;

use super::testing::{apply, create_with, epoch, proposal, reassignment, registration, t0};
use super::{
    LogEnd, LogEnds, RegisterBroker, alter_partition, alter_partition_reassignments, assign_replicas_to_dirs,
    awaits_log_ends, begin_controlled_shutdown, elect_leaders, elect_preferred, elect_unclean_where_allowed,
    offline_log_dirs, recover_leaders, register_broker, set_fenced, unregister_broker,
};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerId, NO_LEADER, Partition};
use crate::metadata::record::MetadataRecord;

const BROKERS: i32 = 4;
const MIN_ISR: usize = 2;
const UNCLEAN: i8 = 1;

/// xorshift64*: enough randomness for a test, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }

    fn broker(&mut self) -> BrokerId {
        1 + self.below(BROKERS as u64) as i32
    }
}

/// A broker's disks, and the replica on one of them.
#[derive(Default)]
struct Disks {
    working: Vec<Uuid>,
    /// Where the replica is.
    place: usize,
    /// The writes in it.
    held: BTreeSet<u64>,
}

/// How a broker's process came to be a new one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Restart {
    Clean,
    /// The end of the log is gone.
    Unclean,
    /// Both disks are new, though the process may claim that nothing is lost.
    NewDisks,
}

struct World {
    image: Image,
    defaults: BrokerDefaults,
    random: Random,
    /// For incarnations and directories.
    ids: u64,
    next_write: u64,
    /// The leader epoch in which each write was taken.
    epochs: BTreeMap<u64, i32>,
    disks: BTreeMap<BrokerId, Disks>,
    /// Acknowledged writes, and the replicas that had them in sync and have lost nothing since.
    acked: BTreeMap<u64, BTreeSet<BrokerId>>,
    /// Who has lost something, or is not known to have what it had, since it was last in sync.
    damaged: BTreeSet<BrokerId>,
    asked_for_loss: bool,
    acknowledged: usize,
    last_resorts: usize,
    recoveries: usize,
    history: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let min_isr = ("min.insync.replicas".into(), MIN_ISR.to_string().into());
        let mut world = Self {
            image: Image::empty(),
            defaults: BrokerDefaults::new(1, [min_isr]).unwrap(),
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            ids: 0,
            next_write: 0,
            epochs: BTreeMap::new(),
            disks: BTreeMap::new(),
            acked: BTreeMap::new(),
            damaged: BTreeSet::new(),
            asked_for_loss: false,
            acknowledged: 0,
            last_resorts: 0,
            recoveries: 0,
            history: Vec::new(),
        };
        for id in 1..=BROKERS {
            let working = vec![world.fresh_id(), world.fresh_id()];
            let request = RegisterBroker { log_dirs: working.clone(), ..registration(id) };
            let (records, _) = register_broker(&world.image, &world.defaults, &request);
            world.image = apply(&world.image, &records);
            world.disks.insert(id, Disks { working, ..Disks::default() });
        }
        world.image = create_with(&world.image, "t", &[&[1, 2, 3]]);
        (1..=3).for_each(|id| world.assign(id));
        world
    }

    fn fresh_id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid(u128::from(1000 + self.ids).to_be_bytes())
    }

    fn story(&self) -> String {
        self.history.join("\n")
    }

    fn held(&self, id: BrokerId) -> BTreeSet<u64> {
        self.disks.get(&id).map(|disks| disks.held.clone()).unwrap_or_default()
    }

    fn disks(&mut self, id: BrokerId) -> &mut Disks {
        self.disks.entry(id).or_default()
    }

    /// What a replica had is gone from `kept` on.
    fn lose(&mut self, id: BrokerId, kept: u64) {
        self.damaged.insert(id);
        self.disks(id).held.retain(|write| *write < kept);
        for witnesses in self.acked.values_mut() {
            witnesses.remove(&id);
        }
    }

    fn change(&mut self, what: &str, records: &[MetadataRecord]) {
        let before = t0(&self.image).clone();
        let changes = records.iter().filter(|r| matches!(r, MetadataRecord::PartitionChange(_))).count();
        self.history.push(format!("{what}: {records:?}"));
        assert!(changes <= 1, "more than one change: {}", self.story());
        self.image = apply(&self.image, records);
        let after = t0(&self.image).clone();
        self.history.push(format!("   {after:?}"));
        let is_last_resort = records
            .iter()
            .any(|r| matches!(r, MetadataRecord::PartitionChange(change) if change.recovering == 1));
        if is_last_resort {
            self.last_resorts += 1;
            let had = before.isr.iter().chain(&before.elr);
            let nobody_has_all = had.clone().all(|id| self.damaged.contains(id));
            assert!(nobody_has_all || self.asked_for_loss, "not the last resort: {}", self.story());
            let has = self.held(after.leader);
            self.acked.retain(|write, _| has.contains(write));
        }
        self.damaged.retain(|id| !after.isr.contains(id));
        self.asked_for_loss = false;
        self.check(&before, &after);
        self.acknowledge();
    }

    fn check(&self, before: &Partition, after: &Partition) {
        let story = || self.story();
        let subset = |of: &[BrokerId]| of.iter().all(|id| after.replicas.contains(id));
        assert!(subset(&after.isr) && subset(&after.elr), "not replicas: {}", story());
        assert!(subset(&after.adding), "added, but no replica: {}", story());
        assert!(after.elr.iter().all(|id| !after.isr.contains(id)), "in sync and eligible: {}", story());
        assert!(
            after.leader == NO_LEADER || after.isr.contains(&after.leader),
            "who leads is in sync: {}",
            story()
        );
        let fenced = |id: &BrokerId| self.image.broker(*id).is_none_or(|broker| broker.fenced);
        assert!(!after.isr.iter().any(fenced), "a fenced broker is in sync: {}", story());
        assert!(after.isr.len() < MIN_ISR || after.elr.is_empty(), "eligible though enough: {}", story());
        assert!(after.last_known_elr.len() <= 1, "{}", story());
        assert_eq!(after.directories.len(), after.replicas.len(), "{}", story());
        assert!(after.leader_epoch >= before.leader_epoch, "{}", story());
        assert!(after.partition_epoch >= before.partition_epoch, "{}", story());
        if after.leader != before.leader {
            assert!(after.leader_epoch > before.leader_epoch, "{}", story());
        }
        if after.leader == NO_LEADER {
            return;
        }
        let has = self.held(after.leader);
        for (write, witnesses) in &self.acked {
            let lost = !has.contains(write) && !witnesses.is_empty();
            assert!(!lost, "write {write} is lost though {witnesses:?} have it: {}", story());
        }
    }

    /// What all that are in sync have is acknowledged, if they are enough.
    fn acknowledge(&mut self) {
        let partition = t0(&self.image).clone();
        if partition.leader == NO_LEADER || partition.isr.len() < MIN_ISR.min(partition.replicas.len()) {
            return;
        }
        for write in self.held(partition.leader) {
            if partition.isr.iter().all(|id| self.disks[id].held.contains(&write)) {
                let witnesses = self.acked.entry(write).or_insert_with(|| {
                    self.acknowledged += 1;
                    BTreeSet::new()
                });
                witnesses.extend(&partition.isr);
            }
        }
    }

    /// The leader takes a write, and some of the others fetch what it has.
    fn write(&mut self) {
        let partition = t0(&self.image).clone();
        if partition.leader == NO_LEADER {
            return;
        }
        let write = self.next_write;
        self.next_write += 1;
        self.epochs.insert(write, partition.leader_epoch);
        self.disks(partition.leader).held.insert(write);
        let leaders = self.held(partition.leader);
        let all = self.random.below(2) == 0;
        for &id in partition.isr.iter().filter(|id| **id != partition.leader) {
            if all || self.random.below(2) == 0 {
                self.disks(id).held.clone_from(&leaders);
            }
        }
        self.history.push(format!("{write} is written, fetched by all: {all}"));
        self.acknowledge();
    }

    fn restart(&mut self, id: BrokerId, how: Restart) {
        match how {
            Restart::Clean => {}
            Restart::Unclean => {
                let kept = self.random.below(self.next_write + 1);
                self.lose(id, kept);
            }
            Restart::NewDisks => {
                self.lose(id, 0);
                let working = vec![self.fresh_id(), self.fresh_id()];
                *self.disks(id) = Disks { working, ..Disks::default() };
            }
        }
        // One that was unregistered meanwhile is not known to have anything.
        let is_known = self.image.broker(id).is_some();
        let request = RegisterBroker {
            incarnation: self.fresh_id(),
            fenced: self.random.below(4) != 0,
            previous_epoch: if how == Restart::Unclean { -1 } else { epoch(&self.image, id) },
            log_dirs: self.disks[&id].working.clone(),
            ..registration(id)
        };
        let (records, result) = register_broker(&self.image, &self.defaults, &request);
        result.unwrap();
        if !is_known {
            self.damaged.insert(id);
        }
        self.change(&format!("{id} restarts: {how:?}"), &records);
    }

    fn fence(&mut self, id: BrokerId, fenced: bool) {
        let (records, _) = set_fenced(&self.image, &self.defaults, id, epoch(&self.image, id), fenced);
        self.change(&format!("{id} fenced: {fenced}"), &records);
    }

    fn stop(&mut self, id: BrokerId) {
        let at = epoch(&self.image, id);
        let (records, _) = begin_controlled_shutdown(&self.image, &self.defaults, id, at);
        self.change(&format!("{id} stops"), &records);
    }

    fn unregister(&mut self, id: BrokerId) {
        let (records, _) = unregister_broker(&self.image, &self.defaults, id);
        self.change(&format!("{id} is unregistered"), &records);
    }

    /// The broker says where its replica is.
    fn assign(&mut self, id: BrokerId) {
        let disks = &self.disks[&id];
        let partitions = vec![AssignReplicasToDirsRequestPartitionData { partition_index: 0 }];
        let topic_id = self.image.topic("t").unwrap().id;
        let request = AssignReplicasToDirsRequest {
            broker_id: id,
            broker_epoch: epoch(&self.image, id),
            directories: vec![AssignReplicasToDirsRequestDirectoryData {
                id: disks.working[disks.place],
                topics: vec![AssignReplicasToDirsRequestTopicData { topic_id, partitions }],
            }],
        };
        let (records, _) = assign_replicas_to_dirs(&self.image, &self.defaults, &request);
        self.change(&format!("{id} assigns"), &records);
    }

    /// One of two disks fails. If the replica was on it, it is made anew on the other one.
    fn lose_a_disk(&mut self, id: BrokerId) {
        if self.disks[&id].working.len() < 2 || self.image.broker(id).is_none() {
            return;
        }
        self.assign(id);
        let at = self.random.below(2) as usize;
        let failed = self.disks(id).working.remove(at);
        if self.disks[&id].place == at {
            self.lose(id, 0);
        }
        self.disks(id).place = 0;
        let now = epoch(&self.image, id);
        let (records, _) = offline_log_dirs(&self.image, &self.defaults, id, now, &[failed]);
        self.change(&format!("{id} loses a disk"), &records);
    }

    /// The leader takes in a live replica that has caught up, or leaves one out.
    fn alter(&mut self, id: BrokerId) {
        let partition = t0(&self.image).clone();
        if partition.leader == NO_LEADER || id == partition.leader || !partition.replicas.contains(&id) {
            return;
        }
        let mut members = partition.isr.clone();
        if members.contains(&id) {
            members.retain(|member| *member != id);
        } else {
            self.assign(id);
            members.push(id);
            let leaders = self.held(t0(&self.image).leader);
            // It has followed the leader: what it had besides is gone.
            let lost = self.acked.iter_mut().filter(|(write, _)| !leaders.contains(write));
            for (_, witnesses) in lost {
                witnesses.remove(&id);
            }
            self.disks(id).held = leaders;
        }
        let request = proposal(&self.image, &members);
        let (records, _) = alter_partition(&self.image, &self.defaults, &request, 3);
        self.change(&format!("{} proposes {members:?}", partition.leader), &records);
    }

    fn reassign(&mut self) {
        let (first, count) = (self.random.broker(), 1 + self.random.below(3) as i32);
        let target: Vec<BrokerId> = (0..count).map(|n| (first + n - 1) % BROKERS + 1).collect();
        let target = (self.random.below(3) != 0).then_some(target);
        let request = reassignment(target.as_deref());
        let (records, _) = alter_partition_reassignments(&self.image, &self.defaults, &request);
        self.change(&format!("move to {target:?}"), &records);
    }

    /// Whoever is no replica any more deletes what it has.
    fn clean_up(&mut self) {
        let replicas = t0(&self.image).replicas.clone();
        for id in (1..=BROKERS).filter(|id| !replicas.contains(id)) {
            self.lose(id, 0);
        }
    }

    fn elect(&mut self) {
        if self.random.below(3) == 0 {
            let request =
                ElectLeadersRequest { election_type: UNCLEAN, topic_partitions: None, timeout_ms: 1 };
            let (records, _) = elect_leaders(&self.image, &self.defaults, &request);
            self.asked_for_loss = true;
            return self.change("an unclean election is asked for", &records);
        }
        let records = elect_preferred(&self.image, &self.defaults, 10);
        self.change("preferred", &records);
        let records = elect_unclean_where_allowed(&self.image, &self.defaults);
        self.change("unclean where allowed", &records);
    }

    /// Where nobody is sure to have everything, whoever has most leads, once all that are registered have said where their logs end. It has
    /// every acknowledged write that any of them has.
    fn recover(&mut self) {
        let partition = t0(&self.image).clone();
        if !awaits_log_ends(&self.image, &partition) {
            return;
        }
        let is_registered = |id: &&BrokerId| self.image.broker(**id).is_some();
        let ends = partition.replicas.iter().filter(is_registered).map(|&broker| {
            let held = self.held(broker);
            let last_epoch = held.last().map_or(-1, |write| self.epochs[write]);
            let end_offset = i64::try_from(held.len()).unwrap();
            LogEnd { broker, broker_epoch: epoch(&self.image, broker), last_epoch, end_offset }
        });
        let (topic_id, partition_epoch) = (self.image.topic("t").unwrap().id, partition.partition_epoch);
        let said = LogEnds { topic_id, index: 0, partition_epoch, ends: ends.collect() };
        let records = recover_leaders(&self.image, &self.defaults, std::slice::from_ref(&said));
        if records.is_empty() {
            return;
        }
        let acked: Vec<u64> = self.acked.keys().copied().collect();
        self.change(&format!("who has most of {:?} leads", said.ends), &records);
        self.recoveries += 1;
        let leader = t0(&self.image).leader;
        for end in said.ends {
            let (has, leads) = (self.held(end.broker), self.held(leader));
            let lost: Vec<_> = acked.iter().filter(|w| has.contains(w) && !leads.contains(w)).collect();
            assert!(lost.is_empty(), "{} has {lost:?} and {leader} leads: {}", end.broker, self.story());
        }
    }

    fn step(&mut self) {
        let id = self.random.broker();
        match self.random.below(63) {
            0..=2 => self.restart(id, Restart::Clean),
            3 | 4 => self.restart(id, Restart::Unclean),
            5 => self.restart(id, Restart::NewDisks),
            6..=9 => self.fence(id, true),
            10..=24 => self.fence(id, false),
            25 => self.stop(id),
            26..=39 => self.alter(id),
            40 | 41 => self.reassign(),
            42 | 43 => self.elect(),
            44 => self.lose_a_disk(id),
            45 if self.random.below(3) == 0 => self.unregister(id),
            60.. => self.recover(),
            46 if self.image.broker(id).is_some() => self.assign(id),
            _ => self.write(),
        }
        self.clean_up();
    }
}

#[test]
fn no_acknowledged_write_is_lost_while_a_replica_that_had_it_is_whole() {
    let (mut acknowledged, mut last_resorts, mut recoveries) = (0, 0, 0);
    for seed in 0..600 {
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.step();
        }
        acknowledged += world.acknowledged;
        last_resorts += world.last_resorts;
        recoveries += world.recoveries;
    }
    assert!(acknowledged > 10_000, "the model has to acknowledge something: {acknowledged}");
    assert!(last_resorts > 100, "the model has to come to its last resort: {last_resorts}");
    assert!(recoveries > 100, "somebody has to lead who was not sure to have everything: {recoveries}");
}
