//! The administrator: makes the topics, and moves replicas, leaderships and votes while others work.

use std::sync::Arc;

use headrace_protocol::messages::add_raft_voter::AddRaftVoterRequest;
use headrace_protocol::messages::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use headrace_protocol::messages::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use headrace_protocol::messages::elect_leaders::ElectLeadersRequest;
use headrace_protocol::messages::find_coordinator::FindCoordinatorRequest;
use headrace_protocol::messages::remove_raft_voter::RemoveRaftVoterRequest;
use headrace_protocol::{ErrorCode, Str};
use rand::Rng as _;
use rand::seq::SliceRandom as _;

use super::{Client, PARTITIONS, Shared, TOPICS};

const CREATE_VERSION: i16 = 7;
const REASSIGN_VERSION: i16 = 0;
const ELECT_VERSION: i16 = 2;
const ADD_VOTER_VERSION: i16 = 0;
const REMOVE_VOTER_VERSION: i16 = 0;
const FIND_VERSION: i16 = 4;

/// Makes the topics, and the internal one by asking for a group.
pub(crate) async fn prepare(shared: Arc<Shared>, replicas: i16) {
    let mut client = Client::new(&shared);
    loop {
        let config = |name: &'static str, value: &'static str| CreatableTopicConfig {
            name: Str::from_static(name),
            value: Some(Str::from_static(value)),
        };
        let topic = |name: &'static str| CreatableTopic {
            name: Str::from_static(name),
            num_partitions: PARTITIONS,
            replication_factor: replicas,
            configs: vec![config("segment.ms", "4000")],
            ..Default::default()
        };
        let topics = TOPICS.map(topic).to_vec();
        let request = CreateTopicsRequest { topics, timeout_ms: 5_000, ..Default::default() };
        let broker = client.any_broker();
        let made = client.call(broker, CREATE_VERSION, &request).await.is_some_and(|response| {
            let is_there = |code| code == ErrorCode::NONE || code == ErrorCode::TOPIC_ALREADY_EXISTS;
            response.topics.iter().all(|topic| is_there(topic.error_code))
        });
        if made {
            break;
        }
        client.pause(200).await;
    }
    loop {
        let group = Str::from_static("group-0");
        let request = FindCoordinatorRequest { coordinator_keys: vec![group], ..Default::default() };
        let broker = client.any_broker();
        let found = client.call(broker, FIND_VERSION, &request).await;
        if found.is_some_and(|r| r.coordinators.first().is_some_and(|c| c.error_code.is_ok())) {
            return;
        }
        client.pause(200).await;
    }
}

/// Changes something every now and then until the faults are over.
pub(crate) async fn run(shared: Arc<Shared>, every_ms: u64) {
    let mut client = Client::new(&shared);
    while !client.is_winding_up() {
        client.pause(every_ms).await;
        match client.rng.random_range(0..10) {
            0..5 => reassign(&mut client).await,
            5..8 => elect(&mut client).await,
            _ => change_voters(&mut client).await,
        }
    }
}

async fn reassign(client: &mut Client) {
    let mut brokers = client.shared.brokers.clone();
    brokers.shuffle(&mut client.rng);
    brokers.truncate(3);
    // Now and then, what is under way is taken back.
    let replicas = client.rng.random_bool(0.8).then_some(brokers);
    let partition =
        ReassignablePartition { partition_index: client.rng.random_range(0..PARTITIONS), replicas };
    let name = match client.rng.random_range(0..3) {
        2 => "__consumer_offsets",
        topic => TOPICS[topic],
    };
    let topic = ReassignableTopic { name: Str::from_static(name), partitions: vec![partition] };
    let request =
        AlterPartitionReassignmentsRequest { timeout_ms: 3_000, topics: vec![topic], ..Default::default() };
    let broker = client.any_broker();
    drop(client.call(broker, REASSIGN_VERSION, &request).await);
}

async fn elect(client: &mut Client) {
    let request = ElectLeadersRequest { election_type: 0, topic_partitions: None, timeout_ms: 3_000 };
    let broker = client.any_broker();
    drop(client.call(broker, ELECT_VERSION, &request).await);
}

/// Gives a vote to one of the brokers, for a lost disk costs it, or takes it from one beyond the third.
async fn change_voters(client: &mut Client) {
    let voter_id = client.any_broker();
    let broker = client.any_broker();
    if voter_id <= 3 || client.rng.random_bool(0.6) {
        let request = AddRaftVoterRequest { timeout_ms: 3_000, voter_id, ..Default::default() };
        drop(client.call(broker, ADD_VOTER_VERSION, &request).await);
    } else {
        let request = RemoveRaftVoterRequest { voter_id, ..Default::default() };
        drop(client.call(broker, REMOVE_VOTER_VERSION, &request).await);
    }
}
