//! What brokers, leaders and operators do to one partition, in an order that a seed decides. The records it was given are modelled beside
//! it: a write is acknowledged when all in-sync replicas have it and they are enough. Whatever happens, as long as one replica
//! that had an acknowledged write keeps its disk whole, no other than unclean elections make a leader that lacks it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use headrace_protocol::messages::alter_partition::{
    AlterPartitionRequest, AlterPartitionRequestPartitionData, AlterPartitionRequestTopicData, BrokerState,
};
use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use headrace_protocol::messages::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use headrace_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use headrace_protocol::{ErrorCode, Uuid};

use super::testing::{apply, brokers, context, create_with, registration};
use super::{
    Context, RegisterBroker, alter_partition, alter_partition_reassignments, begin_controlled_shutdown,
    elect_leaders, elect_preferred, incremental_alter_configs, offline_log_dirs, register_broker, set_fenced,
};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerId, NO_LEADER, Partition};
use crate::metadata::record::MetadataRecord;

const BROKERS: i32 = 4;

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

#[derive(Default)]
struct Acked {
    /// Replicas that had it when it was acknowledged, or got it since, and have lost nothing since.
    witnesses: BTreeSet<BrokerId>,
}

struct World {
    image: Image,
    defaults: BrokerDefaults,
    random: Random,
    incarnations: u8,
    next_write: u64,
    /// What each broker's replica holds.
    held: BTreeMap<BrokerId, BTreeSet<u64>>,
    acked: BTreeMap<u64, Acked>,
    /// Who has just lost the end of its log.
    damaged: Option<BrokerId>,
    history: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
        Self {
            image: create_with(&brokers(BROKERS), "t", &[&[1, 2, 3]]),
            defaults,
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            incarnations: 100,
            next_write: 0,
            held: BTreeMap::new(),
            acked: BTreeMap::new(),
            damaged: None,
            history: Vec::new(),
        }
    }

    fn partition(&self) -> &Partition {
        self.image.partition("t", 0).unwrap()
    }

    fn epoch(&self, id: BrokerId) -> i64 {
        self.image.broker(id).map_or(-1, |broker| broker.epoch)
    }

    fn change(&mut self, what: &str, records: &[MetadataRecord]) {
        let before = self.partition().clone();
        let changes = records.iter().filter(|r| matches!(r, MetadataRecord::PartitionChange(_))).count();
        self.history.push(format!("{what}: {records:?}"));
        assert!(changes <= 1, "more than one change: {}", self.story());
        self.image = apply(&self.image, records);
        let after = self.partition().clone();
        self.history.push(format!("   {after:?}"));
        let is_last_resort = records
            .iter()
            .any(|r| matches!(r, MetadataRecord::PartitionChange(change) if change.recovering == 1));
        if is_last_resort {
            // All that were in sync, or eligible, have lost what they had: the last leader goes on with what is left (KIP-966). That is
            // the only way in which acknowledged writes may be lost.
            let had = before.isr.iter().chain(&before.elr);
            assert!(had.clone().all(|id| self.damaged == Some(*id)), "not the last resort: {}", self.story());
            let has = self.held.get(&after.leader).cloned().unwrap_or_default();
            self.acked.retain(|write, _| has.contains(write));
        }
        self.check(&before, &after);
    }

    fn story(&self) -> String {
        self.history.join("\n")
    }

    fn check(&self, before: &Partition, after: &Partition) {
        let story = || self.story();
        let subset = |of: &[BrokerId]| of.iter().all(|id| after.replicas.contains(id));
        assert!(subset(&after.isr) && subset(&after.elr), "not replicas: {}", story());
        assert!(after.elr.iter().all(|id| !after.isr.contains(id)), "in sync and eligible: {}", story());
        assert!(
            after.leader == NO_LEADER || after.isr.contains(&after.leader),
            "who leads is in sync: {}",
            story()
        );
        let fenced = |id: &BrokerId| self.image.broker(*id).is_none_or(|broker| broker.fenced);
        assert!(!after.isr.iter().any(fenced), "a fenced broker is in sync: {}", story());
        assert_eq!(after.directories.len(), after.replicas.len(), "{}", story());
        assert!(after.leader_epoch >= before.leader_epoch, "{}", story());
        assert!(after.partition_epoch >= before.partition_epoch, "{}", story());
        if after.leader != before.leader {
            assert!(after.leader_epoch > before.leader_epoch, "{}", story());
        }
        if after.leader == NO_LEADER {
            return;
        }
        let has = self.held.get(&after.leader).cloned().unwrap_or_default();
        for (write, acked) in &self.acked {
            let lost = !has.contains(write) && !acked.witnesses.is_empty();
            assert!(!lost, "write {write} is lost though {:?} have it: {}", acked.witnesses, story());
        }
    }

    /// The leader takes a write and replicates it to whom it likes; it is acknowledged if that suffices.
    fn write(&mut self) {
        let partition = self.partition().clone();
        if partition.leader == NO_LEADER {
            return;
        }
        let write = self.next_write;
        self.next_write += 1;
        self.held.entry(partition.leader).or_default().insert(write);
        let all = self.random.below(4) != 0;
        let followers = partition.isr.iter().filter(|id| **id != partition.leader);
        for id in followers {
            if all {
                let leaders = self.held[&partition.leader].clone();
                self.held.insert(*id, leaders);
            }
        }
        if (all || partition.isr.len() == 1) && partition.isr.len() >= 2.min(partition.replicas.len()) {
            // With this one, all before it are committed too.
            for held in self.held[&partition.leader].clone() {
                let witnesses = partition.isr.iter().copied().collect::<BTreeSet<_>>();
                self.acked.entry(held).or_default().witnesses.extend(witnesses);
            }
            self.history.push(format!("{write} is acknowledged"));
        }
    }

    fn restart(&mut self, id: BrokerId, clean: bool) {
        if !clean {
            // The end of its log is gone.
            let kept = self.random.below(self.next_write + 1);
            self.held.entry(id).or_default().retain(|write| *write < kept);
            for acked in self.acked.values_mut() {
                acked.witnesses.remove(&id);
            }
        }
        self.incarnations = self.incarnations.wrapping_add(1);
        let request = RegisterBroker {
            incarnation: Uuid([self.incarnations; 16]),
            fenced: true,
            previous_epoch: if clean { self.epoch(id) } else { -1 },
            ..registration(id)
        };
        let (records, result) = register_broker(&self.image, &self.defaults, &request);
        result.unwrap();
        self.damaged = (!clean).then_some(id);
        self.change(&format!("{id} restarts, clean: {clean}"), &records);
        self.damaged = None;
    }

    fn fence(&mut self, id: BrokerId, fenced: bool) {
        let (records, _) = set_fenced(&self.image, &self.defaults, id, self.epoch(id), fenced);
        self.change(&format!("{id} fenced: {fenced}"), &records);
    }

    fn stop(&mut self, id: BrokerId) {
        let (records, _) = begin_controlled_shutdown(&self.image, &self.defaults, id, self.epoch(id));
        self.change(&format!("{id} stops"), &records);
    }

    /// The leader takes in a live replica that has caught up, or leaves one out.
    fn alter(&mut self, id: BrokerId) {
        let partition = self.partition().clone();
        if partition.leader == NO_LEADER || id == partition.leader || !partition.replicas.contains(&id) {
            return;
        }
        let mut members = partition.isr.clone();
        if members.contains(&id) {
            members.retain(|member| *member != id);
        } else {
            members.push(id);
            let leaders = self.held.get(&partition.leader).cloned().unwrap_or_default();
            self.held.insert(id, leaders);
        }
        let request = AlterPartitionRequest {
            broker_id: partition.leader,
            broker_epoch: self.epoch(partition.leader),
            topics: vec![AlterPartitionRequestTopicData {
                topic_id: self.image.topic("t").unwrap().id,
                partitions: vec![AlterPartitionRequestPartitionData {
                    partition_index: 0,
                    leader_epoch: partition.leader_epoch,
                    partition_epoch: partition.partition_epoch,
                    new_isr_with_epochs: members
                        .iter()
                        .map(|id| BrokerState { broker_id: *id, broker_epoch: self.epoch(*id) })
                        .collect(),
                    ..Default::default()
                }],
            }],
        };
        let (records, _) = alter_partition(&self.image, &self.defaults, &request, 3);
        self.change(&format!("{} proposes {members:?}", partition.leader), &records);
    }

    fn reassign(&mut self) {
        let first = self.random.broker();
        let target: Vec<BrokerId> = (0..3).map(|n| (first + n - 1) % BROKERS + 1).collect();
        let replicas = (self.random.below(3) != 0).then_some(target);
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic {
                name: "t".into(),
                partitions: vec![ReassignablePartition { partition_index: 0, replicas: replicas.clone() }],
            }],
            ..Default::default()
        };
        let (records, _) = alter_partition_reassignments(&self.image, &self.defaults, &request);
        self.change(&format!("move to {replicas:?}"), &records);
        // Whoever is no replica any more deletes what it has.
        let replicas = self.partition().replicas.clone();
        self.held.retain(|id, _| replicas.contains(id));
        self.acked.values_mut().for_each(|acked| acked.witnesses.retain(|id| replicas.contains(id)));
    }

    fn step(&mut self) {
        let id = self.random.broker();
        match self.random.below(16) {
            0 => self.restart(id, true),
            1 => self.restart(id, false),
            2 | 3 => self.fence(id, true),
            4..=6 => self.fence(id, false),
            7 => self.stop(id),
            8 | 9 => self.alter(id),
            10 => self.reassign(),
            11 => {
                let records = elect_preferred(&self.image, &self.defaults, 10);
                self.change("preferred", &records);
            }
            _ => self.write(),
        }
    }
}

#[test]
fn no_acknowledged_write_is_lost_while_a_replica_that_had_it_is_whole() {
    let mut acked = 0;
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..150 {
            world.step();
        }
        acked += world.acked.len();
    }
    assert!(acked > 1_000, "the model has to acknowledge something: {acked}");
}

fn propose(
    image: &Image,
    isr: &[i32],
    with: impl Fn(&mut AlterPartitionRequestPartitionData),
) -> (ErrorCode, usize) {
    let partition = image.partition("t", 0).unwrap();
    let member = |id: &i32| BrokerState { broker_id: *id, broker_epoch: -1 };
    let mut data = AlterPartitionRequestPartitionData {
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: isr.iter().map(member).collect(),
        ..Default::default()
    };
    with(&mut data);
    let topic_id = image.topic("t").unwrap().id;
    let request = AlterPartitionRequest {
        broker_id: 1,
        broker_epoch: image.broker(1).unwrap().epoch,
        topics: vec![AlterPartitionRequestTopicData { topic_id, partitions: vec![data] }],
    };
    let (records, response) = alter_partition(image, &BrokerDefaults::default(), &request, 3);
    (response.topics[0].partitions[0].error_code, records.len())
}

#[test]
fn a_proposal_is_checked_against_what_the_controller_knows() {
    let image = create_with(&brokers(3), "t", &[&[1, 2, 3]]);
    let epoch = image.broker(3).unwrap().epoch;
    let image = apply(&image, &set_fenced(&image, &BrokerDefaults::default(), 3, epoch, true).0);
    assert_eq!(propose(&image, &[1], |_| {}), (ErrorCode::NONE, 1));
    // The set in force, too, moves the partition's epoch.
    assert_eq!(propose(&image, &[1, 2], |_| {}), (ErrorCode::NONE, 1));
    for (isr, code) in [
        (&[1, 2, 3][..], ErrorCode::INELIGIBLE_REPLICA),
        (&[2], ErrorCode::INVALID_REQUEST),
        (&[], ErrorCode::INVALID_REQUEST),
        (&[1, 4], ErrorCode::INVALID_REQUEST),
        (&[1, 2, 2], ErrorCode::INVALID_REQUEST),
    ] {
        assert_eq!(propose(&image, isr, |_| {}), (code, 0), "{isr:?}");
    }
    let stale = |data: &mut AlterPartitionRequestPartitionData| data.partition_epoch -= 1;
    assert_eq!(propose(&image, &[1], stale).0, ErrorCode::INVALID_UPDATE_VERSION);
    assert_eq!(propose(&image, &[1], |data| data.partition_epoch += 1).0, ErrorCode::NOT_CONTROLLER);
    assert_eq!(propose(&image, &[1], |data| data.leader_epoch += 1).0, ErrorCode::NOT_CONTROLLER);
    let restarted = |data: &mut AlterPartitionRequestPartitionData| {
        data.new_isr_with_epochs[1].broker_epoch = 0;
    };
    assert_eq!(propose(&image, &[1, 2], restarted).0, ErrorCode::INELIGIBLE_REPLICA);
}

#[test]
fn a_move_ends_when_all_new_replicas_are_in_sync_and_can_be_cancelled_before() {
    let defaults = BrokerDefaults::default();
    let image = create_with(&brokers(4), "t", &[&[1, 2]]);
    let ask = |replicas: Option<Vec<i32>>| AlterPartitionReassignmentsRequest {
        topics: vec![ReassignableTopic {
            name: "t".into(),
            partitions: vec![ReassignablePartition { partition_index: 0, replicas }],
        }],
        ..Default::default()
    };
    let code = |image: &Image, replicas| {
        let (records, response) = alter_partition_reassignments(image, &defaults, &ask(replicas));
        (response.responses[0].partitions[0].error_code, apply(image, &records))
    };
    assert_eq!(code(&image, None).0, ErrorCode::NO_REASSIGNMENT_IN_PROGRESS);
    for bad in [vec![], vec![1, 1], vec![1, 9]] {
        assert_eq!(code(&image, Some(bad)).0, ErrorCode::INVALID_REPLICA_ASSIGNMENT);
    }
    let (_, moving) = code(&image, Some(vec![1, 4]));
    let state = |image: &Image| {
        let p = image.partition("t", 0).unwrap();
        (p.replicas.clone(), p.isr.clone(), p.adding.clone(), p.removing.clone(), p.leader)
    };
    assert_eq!(state(&moving), (vec![1, 4, 2], vec![1, 2], vec![4], vec![2], 1));
    assert_eq!(state(&code(&moving, None).1), (vec![1, 2], vec![1, 2], vec![], vec![], 1));
    let topic_id = moving.topic("t").unwrap().id;
    let joined = AlterPartitionRequest {
        broker_id: 1,
        broker_epoch: moving.broker(1).unwrap().epoch,
        topics: vec![AlterPartitionRequestTopicData {
            topic_id,
            partitions: vec![AlterPartitionRequestPartitionData {
                leader_epoch: 0,
                partition_epoch: 1,
                new_isr_with_epochs: [1, 2, 4]
                    .map(|id| BrokerState { broker_id: id, broker_epoch: -1 })
                    .to_vec(),
                ..Default::default()
            }],
        }],
    };
    let (records, _) = alter_partition(&moving, &defaults, &joined, 3);
    assert_eq!(state(&apply(&moving, &records)), (vec![1, 4], vec![1, 4], vec![], vec![], 1));
    // Away from its leader altogether: another leads once the move is done.
    let (_, away) = code(&image, Some(vec![2]));
    assert_eq!(state(&away), (vec![2], vec![2], vec![], vec![], 2));
}

#[test]
fn preferred_and_unclean_elections_say_why_not() {
    let defaults = BrokerDefaults::default();
    let image = create_with(&brokers(2), "t", &[&[1, 2]]);
    let elect = |image: &Image, election_type| {
        let topics = vec![TopicPartitions { topic: "t".into(), partitions: vec![0] }];
        let request = ElectLeadersRequest { election_type, topic_partitions: Some(topics), timeout_ms: 1 };
        let (records, response) = elect_leaders(image, &defaults, &request);
        (response.replica_election_results[0].partition_result[0].error_code, apply(image, &records))
    };
    let fence = |image: &Image, id, fenced| {
        apply(image, &set_fenced(image, &defaults, id, image.broker(id).unwrap().epoch, fenced).0)
    };
    assert_eq!(elect(&image, 0).0, ErrorCode::ELECTION_NOT_NEEDED);
    let moved = fence(&image, 1, true);
    assert_eq!(moved.partition("t", 0).unwrap().leader, 2);
    assert_eq!(elect(&moved, 0).0, ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
    // The other one fails too; the first comes back without the last one's records.
    let gone = fence(&fence(&moved, 2, true), 1, false);
    assert_eq!(gone.partition("t", 0).unwrap().leader, NO_LEADER);
    let (code, after) = elect(&gone, 1);
    let partition = after.partition("t", 0).unwrap();
    assert_eq!((code, partition.leader, partition.recovering), (ErrorCode::NONE, 1, true));
}

#[test]
fn a_lower_min_isr_makes_an_end_of_eligible_replicas() {
    let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
    let image = create_with(&brokers(2), "t", &[&[1, 2]]);
    let fenced = set_fenced(&image, &defaults, 2, image.broker(2).unwrap().epoch, true).0;
    let image = apply(&image, &fenced);
    assert_eq!(image.partition("t", 0).unwrap().elr, [2]);
    let set =
        AlterableConfig { name: "min.insync.replicas".into(), config_operation: 0, value: Some("1".into()) };
    let resource = AlterConfigsResource { resource_type: 2, resource_name: "t".into(), configs: vec![set] };
    let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let cx = Context { defaults: Arc::new(defaults), ..context() };
    let (records, _) = incremental_alter_configs(&image, &request, &cx);
    assert_eq!(apply(&image, &records).partition("t", 0).unwrap().elr, []);
}

fn fence(image: &Image, id: BrokerId, fenced: bool) -> Image {
    let epoch = image.broker(id).unwrap().epoch;
    apply(image, &set_fenced(image, &BrokerDefaults::default(), id, epoch, fenced).0)
}

#[test]
fn a_leader_that_stops_leads_on_while_nobody_else_is_in_sync() {
    let defaults = BrokerDefaults::default();
    let image = fence(&create_with(&brokers(2), "t", &[&[1, 2]]), 2, true);
    let epoch = image.broker(1).unwrap().epoch;
    let (records, may_go) = begin_controlled_shutdown(&image, &defaults, 1, epoch);
    let stopping = apply(&image, &records);
    assert_eq!((may_go, stopping.partition("t", 0).unwrap().leader), (Ok(true), 1));
    let back = RegisterBroker { incarnation: Uuid([50; 16]), fenced: true, ..registration(2) };
    let after = apply(&stopping, &register_broker(&stopping, &defaults, &back).0);
    assert_eq!(after.partition("t", 0).unwrap().leader, 1);
}

#[test]
fn a_broker_whose_only_log_directory_failed_leads_nothing() {
    let defaults = BrokerDefaults::default();
    let with_dir = |id| RegisterBroker { log_dirs: vec![Uuid([id as u8; 16])], ..registration(id) };
    let image = [1, 2].into_iter().fold(Image::empty(), |image, id| {
        apply(&image, &register_broker(&image, &defaults, &with_dir(id)).0)
    });
    let image = create_with(&image, "t", &[&[1, 2]]);
    let epoch = image.broker(1).unwrap().epoch;
    let after = apply(&image, &offline_log_dirs(&image, &defaults, 1, epoch, &[Uuid([1; 16])]).0);
    let partition = after.partition("t", 0).unwrap();
    assert_eq!((partition.leader, partition.isr.as_slice()), (2, &[2][..]));
}

#[test]
fn a_replica_that_lost_its_disk_leads_only_if_that_is_asked_for() {
    let defaults = BrokerDefaults::default();
    let with_dir = |n: u8| RegisterBroker {
        incarnation: Uuid([n; 16]),
        log_dirs: vec![Uuid([n; 16])],
        ..registration(1)
    };
    let image = apply(&Image::empty(), &register_broker(&Image::empty(), &defaults, &with_dir(1)).0);
    let image = create_with(&image, "t", &[&[1]]);
    let image = apply(&image, &register_broker(&image, &defaults, &with_dir(9)).0);
    assert_eq!(image.partition("t", 0).unwrap().leader, NO_LEADER);
    let topics = vec![TopicPartitions { topic: "t".into(), partitions: vec![0, 0] }];
    let request = ElectLeadersRequest { election_type: 1, topic_partitions: Some(topics), timeout_ms: 1 };
    let (records, _) = elect_leaders(&image, &defaults, &request);
    assert_eq!(records.len(), 1, "named twice, elected once");
    let after = apply(&image, &records);
    let partition = after.partition("t", 0).unwrap();
    assert_eq!((partition.leader, partition.directories.as_slice()), (1, &[Uuid([9; 16])][..]));
}
