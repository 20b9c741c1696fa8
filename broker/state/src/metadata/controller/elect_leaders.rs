//! ElectLeaders: preferred leaders back in their place, or a leader at the price of lost records (KIP-460); and the elections that the
//! controller holds by itself.

use std::collections::{BTreeMap, BTreeSet};

use headrace_protocol::messages::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use headrace_protocol::{ErrorCode, Str};

use super::Outcome;
use super::partition_change::{Change, Election};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{NO_LEADER, Partition, Topic};
use crate::metadata::record::{LEADER_UNCHANGED, MetadataRecord, PartitionChangeRecord};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// Elects the leaders asked for. Asked for all partitions, only those are answered in which something happened, or should have.
pub fn elect_leaders(
    image: &Image,
    defaults: &BrokerDefaults,
    request: &ElectLeadersRequest,
) -> Outcome<ElectLeadersResponse> {
    let election = match request.election_type {
        PREFERRED => Election::Preferred,
        UNCLEAN => Election::Unclean,
        _ => {
            let error_code = ErrorCode::INVALID_REQUEST;
            return (Vec::new(), ElectLeadersResponse { error_code, ..Default::default() });
        }
    };
    let mut records = Vec::new();
    let mut results: BTreeMap<Str, Vec<PartitionResult>> = BTreeMap::new();
    let mut answer = |topic: &Str, partition_id: i32, code: ErrorCode| {
        let error_message = code.is_err().then(|| Str::from(code.message()));
        let result = PartitionResult { partition_id, error_code: code, error_message };
        results.entry(topic.clone()).or_default().push(result);
    };
    match &request.topic_partitions {
        Some(asked) => {
            let mut seen = BTreeSet::new();
            for topic in asked {
                for &index in topic.partitions.iter().filter(|index| seen.insert((&topic.topic, **index))) {
                    let known = image.topic(&topic.topic).and_then(|t| Some((t, t.partition(index)?)));
                    let elected = match known {
                        Some((known, partition)) => elect(image, defaults, known, partition, election),
                        None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                    };
                    answer(&topic.topic, index, elected.as_ref().err().copied().unwrap_or(ErrorCode::NONE));
                    records.extend(elected.ok().map(MetadataRecord::from));
                }
            }
        }
        None => {
            for (topic, partition) in partitions(image) {
                match elect(image, defaults, topic, partition, election) {
                    Err(ErrorCode::ELECTION_NOT_NEEDED) => {}
                    Err(code) => answer(&topic.name, partition.index, code),
                    Ok(record) => {
                        answer(&topic.name, partition.index, ErrorCode::NONE);
                        records.push(record.into());
                    }
                }
            }
        }
    }
    let result = |(topic, partition_result)| ReplicaElectionResult { topic, partition_result };
    let replica_election_results = results.into_iter().map(result).collect();
    (records, ElectLeadersResponse { replica_election_results, ..Default::default() })
}

fn partitions(image: &Image) -> impl Iterator<Item = (&Topic, &Partition)> {
    image.topics().flat_map(|topic| topic.partitions.iter().map(move |partition| (&**topic, &**partition)))
}

fn elect(
    image: &Image,
    defaults: &BrokerDefaults,
    topic: &Topic,
    partition: &Partition,
    election: Election,
) -> Result<PartitionChangeRecord, ErrorCode> {
    let preferred = partition.replicas.first().copied().unwrap_or(NO_LEADER);
    let needed = match election {
        Election::Preferred => partition.leader != preferred,
        Election::Online | Election::Unclean => partition.leader == NO_LEADER,
    };
    if !needed {
        return Err(ErrorCode::ELECTION_NOT_NEEDED);
    }
    let mut change = Change::of(image, defaults, topic, partition);
    change.election = election;
    change.accepts_empty = election == Election::Unclean;
    let refusal = if election == Election::Preferred {
        ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE
    } else {
        ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE
    };
    let record = change.record().ok_or(refusal)?;
    let is_elected = match election {
        Election::Preferred => record.leader == preferred,
        Election::Online | Election::Unclean => record.leader != LEADER_UNCHANGED,
    };
    if is_elected { Ok(record) } else { Err(refusal) }
}

/// Gives at most `max` leaderships back to the preferred replicas.
pub fn elect_preferred(image: &Image, defaults: &BrokerDefaults, max: usize) -> Vec<MetadataRecord> {
    partitions(image)
        .filter(|(_, partition)| partition.leader != NO_LEADER)
        .filter_map(|(topic, partition)| elect(image, defaults, topic, partition, Election::Preferred).ok())
        .take(max)
        .map(MetadataRecord::from)
        .collect()
}

/// Elects leaders of leaderless partitions whose topics allow unclean elections.
pub fn elect_unclean_where_allowed(image: &Image, defaults: &BrokerDefaults) -> Vec<MetadataRecord> {
    partitions(image)
        .filter(|(_, partition)| partition.leader == NO_LEADER)
        // `Change` itself reads whether the topic allows it.
        .filter_map(|(topic, partition)| Change::of(image, defaults, topic, partition).record())
        .filter(|record| record.leader != LEADER_UNCHANGED)
        .map(MetadataRecord::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use headrace_protocol::Uuid;
    use headrace_protocol::messages::elect_leaders::TopicPartitions;

    use super::super::register_broker;
    use super::super::testing::{apply, brokers, create_with, fence, in_directory, proposal, t0, t0_change};
    use super::*;

    fn elect_all(image: &Image, election_type: i8) -> (Vec<MetadataRecord>, Vec<(String, i32, ErrorCode)>) {
        ask(image, election_type, None)
    }

    fn ask(
        image: &Image,
        election_type: i8,
        asked: Option<&[(&str, &[i32])]>,
    ) -> (Vec<MetadataRecord>, Vec<(String, i32, ErrorCode)>) {
        let topic = |&(topic, partitions): &(&str, &[i32])| TopicPartitions {
            topic: topic.into(),
            partitions: partitions.to_vec(),
        };
        let topic_partitions = asked.map(|asked| asked.iter().map(topic).collect());
        let request = ElectLeadersRequest { election_type, topic_partitions, timeout_ms: 1 };
        let (records, response) = elect_leaders(image, &BrokerDefaults::default(), &request);
        let results = response.replica_election_results.iter().flat_map(|topic| {
            let name = topic.topic.to_string();
            topic.partition_result.iter().map(move |p| (name.clone(), p.partition_id, p.error_code))
        });
        (records, results.collect())
    }

    #[test]
    fn a_preferred_election_says_why_not() {
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let code = |image: &Image| ask(image, PREFERRED, Some(&[("t", &[0])])).1[0].2;
        assert_eq!(code(&image), ErrorCode::ELECTION_NOT_NEEDED);
        let unknown = ask(&image, PREFERRED, Some(&[("t", &[1]), ("none", &[0])])).1;
        assert!(unknown.iter().all(|(.., code)| *code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        let moved = fence(&image, 1, true);
        assert_eq!(code(&moved), ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
        let behind = fence(&moved, 1, false);
        assert_eq!(code(&behind), ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE);
        let caught_up = super::super::alter_partition(
            &behind,
            &BrokerDefaults::default(),
            &proposal(&behind, &[2, 1]),
            3,
        );
        let image = apply(&behind, &caught_up.0);
        let elected = PartitionChangeRecord { leader: 1, ..t0_change(&image) };
        // Named twice, elected and answered once.
        let expected = (vec![elected.clone().into()], vec![("t".to_owned(), 0, ErrorCode::NONE)]);
        assert_eq!(ask(&image, PREFERRED, Some(&[("t", &[0, 0]), ("t", &[0])])), expected);
        let balanced = elect_preferred(&image, &BrokerDefaults::default(), 5);
        assert_eq!(balanced, [elected.into()]);
        assert_eq!(elect_preferred(&image, &BrokerDefaults::default(), 0), []);
    }

    #[test]
    fn asked_for_all_only_what_happened_or_should_have_is_answered() {
        let image = create_with(&create_with(&brokers(3), "t", &[&[1, 2]]), "u", &[&[3], &[2]]);
        let image = fence(&fence(&image, 1, true), 3, true);
        let missing = ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE;
        let all = vec![("t".to_owned(), 0, missing), ("u".to_owned(), 0, missing)];
        assert_eq!(elect_all(&image, PREFERRED), (vec![], all));
        let none = vec![("u".to_owned(), 0, ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE)];
        assert_eq!(elect_all(&image, UNCLEAN), (vec![], none));
        let request = ElectLeadersRequest { election_type: 9, ..Default::default() };
        let (_, response) = elect_leaders(&image, &BrokerDefaults::default(), &request);
        assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST);
    }

    #[test]
    fn an_unclean_election_makes_a_leader_that_recovers_where_it_is_asked_for_or_allowed() {
        // The second fails after the first; that comes back without the second's records.
        let image = fence(&fence(&create_with(&brokers(2), "t", &[&[1, 2]]), 1, true), 2, true);
        let image = fence(&image, 1, false);
        assert_eq!((t0(&image).leader, &t0(&image).elr[..]), (NO_LEADER, &[2][..]));
        let elected = PartitionChangeRecord {
            isr: Some(vec![1]),
            leader: 1,
            elr: Some(vec![]),
            last_known_elr: Some(vec![]),
            recovering: 1,
            ..t0_change(&image)
        };
        assert_eq!(elect_all(&image, UNCLEAN).0, [elected.clone().into()]);
        assert_eq!(elect_unclean_where_allowed(&image, &BrokerDefaults::default()), []);
        let allowed =
            BrokerDefaults::new(1, [("unclean.leader.election.enable".into(), "true".into())]).unwrap();
        assert_eq!(elect_unclean_where_allowed(&image, &allowed), [elected.into()]);
    }

    #[test]
    fn a_replica_that_lost_its_disk_leads_only_if_that_is_asked_for() {
        let register = |image: &Image, directory| {
            let request = in_directory(1, directory);
            apply(image, &register_broker(image, &BrokerDefaults::default(), &request).0)
        };
        let image = register(&create_with(&register(&Image::empty(), 1), "t", &[&[1]]), 9);
        assert_eq!(t0(&image).leader, NO_LEADER);
        assert_eq!(elect_unclean_where_allowed(&image, &BrokerDefaults::default()), []);
        let after = apply(&image, &elect_all(&image, UNCLEAN).0);
        assert_eq!((t0(&after).leader, &t0(&after).directories[..]), (1, &[Uuid([9; 16])][..]));
    }
}
