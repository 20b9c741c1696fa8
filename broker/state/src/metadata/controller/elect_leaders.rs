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
