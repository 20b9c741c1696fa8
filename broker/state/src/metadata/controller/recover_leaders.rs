//! Finds a leader where nobody is known to have everything: all replicas that had it have come back without being sure of it. Once every
//! replica has said where its log ends, the one with the most leads (KIP-966's unclean recovery): by leader epoch first, as with Raft,
//! so that it has all that was acknowledged if one of them still has.

use std::sync::Arc;

use headrace_protocol::Uuid;

use super::partition_change::{Change, has_directory};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId, NO_LEADER, Partition};
use crate::metadata::record::MetadataRecord;

/// Where the log of a replica ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    pub broker: BrokerId,
    /// The broker's process that says so.
    pub broker_epoch: BrokerEpoch,
    /// Of the last record; -1 if there is none.
    pub last_epoch: i32,
    pub end_offset: i64,
}

/// What all replicas of a partition say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnds {
    pub topic_id: Uuid,
    pub index: i32,
    /// The partition as it was when they were asked.
    pub partition_epoch: i32,
    pub ends: Vec<LogEnd>,
}

/// Partitions that nobody leads, and of whose replicas none is known to have everything; with their topics' ids.
pub fn partitions_without_a_sure_leader(image: &Image) -> impl Iterator<Item = (Uuid, &Arc<Partition>)> {
    let all = image.topics().flat_map(|topic| topic.partitions.iter().map(|partition| (topic.id, partition)));
    all.filter(|(_, partition)| has_no_sure_leader(partition))
}

fn has_no_sure_leader(partition: &Partition) -> bool {
    partition.leader == NO_LEADER && partition.isr.is_empty() && partition.elr.is_empty()
}

/// Whether a partition waits for all its replicas to say where their logs end, and all that are registered could be asked now.
pub fn awaits_log_ends(image: &Image, partition: &Partition) -> bool {
    has_no_sure_leader(partition) && registered(image, partition).all(|id| image.is_live(id))
}

fn registered<'a>(image: &'a Image, partition: &'a Partition) -> impl Iterator<Item = BrokerId> + 'a {
    partition.replicas.iter().copied().filter(|id| image.broker(*id).is_some())
}

/// Elects leaders of the partitions whose replicas have all answered, unless something has changed since. A replica on an empty disk is none:
/// that has to be asked for.
pub fn recover_leaders(image: &Image, defaults: &BrokerDefaults, found: &[LogEnds]) -> Vec<MetadataRecord> {
    let elected = found.iter().filter_map(|said| {
        let topic = image.topic_by_id(said.topic_id)?;
        let partition = topic.partition(said.index)?;
        if partition.partition_epoch != said.partition_epoch || !awaits_log_ends(image, partition) {
            return None;
        }
        let leader = most_of(image, partition, &said.ends)?;
        let mut change = Change::of(image, defaults, topic, partition);
        change.recovers_with = Some(leader);
        change.record()
    });
    elected.map(MetadataRecord::from).collect()
}

fn most_of(image: &Image, partition: &Partition, ends: &[LogEnd]) -> Option<BrokerId> {
    let mut most: Option<LogEnd> = None;
    for id in registered(image, partition) {
        let epoch = image.broker(id)?.epoch;
        let end = *ends.iter().find(|end| end.broker == id && end.broker_epoch == epoch)?;
        // An empty log is believed of who led last. Another may have been made anew, on a disk that was exchanged.
        let may_be_new = end.end_offset == 0 && !partition.last_known_elr.contains(&id);
        let counts = has_directory(image, partition, id) && !may_be_new;
        if counts && most.is_none_or(|most| has_more(end, most)) {
            most = Some(end);
        }
    }
    most.map(|end| end.broker)
}

/// A log without records, all of which were deleted, has had everything up to its end.
fn has_more(one: LogEnd, other: LogEnd) -> bool {
    if one.last_epoch < 0 || other.last_epoch < 0 {
        return one.end_offset > other.end_offset;
    }
    (one.last_epoch, one.end_offset) > (other.last_epoch, other.end_offset)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, create_with, in_directory};
    use headrace_protocol::messages::assign_replicas_to_dirs::{
        AssignReplicasToDirsRequest, AssignReplicasToDirsRequestDirectoryData,
        AssignReplicasToDirsRequestPartitionData, AssignReplicasToDirsRequestTopicData,
    };

    use super::super::{
        RegisterBroker, assign_replicas_to_dirs, register_broker, set_fenced, unregister_broker,
    };
    use super::*;
    use crate::metadata::record::PartitionChangeRecord;

    const REPLICAS: [BrokerId; 3] = [1, 2, 3];

    fn register(image: &Image, request: &RegisterBroker) -> Image {
        apply(image, &register_broker(image, &BrokerDefaults::default(), request).0)
    }

    fn fence(image: &Image, id: BrokerId, fenced: bool) -> Image {
        let epoch = image.broker(id).unwrap().epoch;
        apply(image, &set_fenced(image, &BrokerDefaults::default(), id, epoch, fenced).0)
    }

    /// A topic on three brokers, each of which has started anew and may have lost something.
    fn lost() -> Image {
        let image = REPLICAS.iter().fold(Image::empty(), |i, &id| register(&i, &in_directory(id, id as u8)));
        let image = create_with(&image, "t", &[&REPLICAS]);
        let lost = PartitionChangeRecord {
            leader: NO_LEADER,
            isr: Some(vec![]),
            elr: Some(vec![]),
            last_known_elr: Some(vec![2]),
            ..PartitionChangeRecord::of(image.topic("t").unwrap().id, 0)
        };
        apply(&image, &[lost.into()])
    }

    fn said<const N: usize>(image: &Image, ends: [(i32, i64); N]) -> LogEnds {
        let end = |(&broker, (last_epoch, end_offset)): (&BrokerId, (i32, i64))| LogEnd {
            broker,
            broker_epoch: image.broker(broker).unwrap().epoch,
            last_epoch,
            end_offset,
        };
        LogEnds {
            topic_id: image.topic("t").unwrap().id,
            index: 0,
            partition_epoch: image.partition("t", 0).unwrap().partition_epoch,
            ends: REPLICAS.iter().zip(ends).map(end).collect(),
        }
    }

    /// The broker has made its replica anew in this directory, and says so.
    fn made_anew(image: &Image, id: BrokerId, directory: u8) -> Image {
        let partitions = vec![AssignReplicasToDirsRequestPartitionData { partition_index: 0 }];
        let topic_id = image.topic("t").unwrap().id;
        let topics = vec![AssignReplicasToDirsRequestTopicData { topic_id, partitions }];
        let id_of_dir = Uuid([directory; 16]);
        let request = AssignReplicasToDirsRequest {
            broker_id: id,
            broker_epoch: image.broker(id).unwrap().epoch,
            directories: vec![AssignReplicasToDirsRequestDirectoryData { id: id_of_dir, topics }],
        };
        apply(image, &assign_replicas_to_dirs(image, &BrokerDefaults::default(), &request).0)
    }

    fn recover(image: &Image, said: &LogEnds) -> Image {
        apply(image, &recover_leaders(image, &BrokerDefaults::default(), std::slice::from_ref(said)))
    }

    #[test]
    fn the_log_with_most_leads() {
        for (ends, leader) in [
            ([(4, 10), (4, 12), (4, 11)], 2),
            ([(5, 3), (4, 12), (4, 11)], 1),
            ([(4, 10), (4, 10), (4, 10)], 1),
            ([(-1, 0), (-1, 0), (0, 1)], 3),
            ([(-1, 20), (4, 12), (4, 21)], 3),
            ([(4, 12), (-1, 20), (4, 11)], 2),
            ([(-1, 0), (-1, 0), (-1, 0)], 2),
        ] {
            let image = lost();
            let image = recover(&image, &said(&image, ends));
            let p = image.partition("t", 0).unwrap();
            assert_eq!((p.leader, &*p.isr, p.recovering), (leader, &[leader][..], true), "{ends:?}");
            assert_eq!((p.leader_epoch, &*p.last_known_elr), (2, &[][..]));
        }
    }

    #[test]
    fn nothing_happens_while_one_may_have_more_or_after_a_change() {
        let image = lost();
        let ends = [(4, 10), (4, 12), (4, 11)];
        let all = said(&image, ends);
        let is_stuck =
            |image: &Image, said: &LogEnds| recover(image, said).partition("t", 0).unwrap().leader < 0;
        assert!(!is_stuck(&image, &all));
        assert!(
            is_stuck(&image, &LogEnds { ends: all.ends[..2].to_vec(), ..all.clone() }),
            "one did not answer"
        );
        let away = fence(&image, 3, true);
        assert!(is_stuck(&away, &said(&away, ends)), "one is away");
        assert!(!awaits_log_ends(&away, away.partition("t", 0).unwrap()));
        let restarted = RegisterBroker { incarnation: Uuid([33; 16]), ..in_directory(3, 3) };
        let restarted = register(&image, &restarted);
        assert!(is_stuck(&restarted, &all), "another process than the one that answered");
        let changed = recover(&image, &all);
        assert_eq!(recover(&changed, &all).partition("t", 0), changed.partition("t", 0), "it has a leader");
    }

    #[test]
    fn an_empty_disk_does_not_lead_unasked() {
        let image = lost();
        let image = register(&image, &in_directory(2, 72));
        let after = recover(&image, &said(&image, [(0, 1), (4, 12), (-1, 0)]));
        assert_eq!(after.partition("t", 0).unwrap().leader, 1, "whatever it says");
        // Once it has said that it is in the new directory, nothing but its emptiness tells.
        let image = made_anew(&image, 2, 72);
        let after = recover(&image, &said(&image, [(-1, 0), (-1, 0), (0, 1)]));
        assert_eq!(after.partition("t", 0).unwrap().leader, 3);
        let image = REPLICAS.iter().fold(image, |image, &id| {
            made_anew(&register(&image, &in_directory(id, 80 + id as u8)), id, 80 + id as u8)
        });
        let after = recover(&image, &said(&image, [(-1, 0), (-1, 0), (-1, 0)]));
        assert_eq!(after.partition("t", 0).unwrap().leader, NO_LEADER, "all disks are new");
    }

    #[test]
    fn an_only_replica_leads_at_once_unless_its_disk_is_new() {
        let image = create_with(&register(&Image::empty(), &in_directory(1, 1)), "t", &[&[1]]);
        let restart = |image: &Image, directory| {
            let incarnation = Uuid([99; 16]);
            let request = RegisterBroker { incarnation, fenced: true, ..in_directory(1, directory) };
            register(image, &request)
        };
        let leader = |image: &Image| image.partition("t", 0).unwrap().leader;
        assert_eq!(leader(&fence(&restart(&image, 1), 1, false)), 1);
        let empty = made_anew(&restart(&image, 72), 1, 72);
        let empty = fence(&empty, 1, false);
        assert_eq!(leader(&empty), NO_LEADER);
        assert_eq!(leader(&recover(&empty, &said(&empty, [(-1, 0)]))), NO_LEADER);
    }

    #[test]
    fn nobody_waits_for_a_broker_that_was_unregistered() {
        let image = lost();
        let eligible = PartitionChangeRecord {
            elr: Some(vec![3]),
            ..PartitionChangeRecord::of(image.topic("t").unwrap().id, 0)
        };
        let image = fence(&apply(&image, &[eligible.into()]), 3, true);
        assert_eq!(partitions_without_a_sure_leader(&image).count(), 0, "the third has everything");
        let image = apply(&image, &unregister_broker(&image, &BrokerDefaults::default(), 3).0);
        let all = said(&lost(), [(4, 10), (4, 12), (4, 99)]);
        let partition_epoch = image.partition("t", 0).unwrap().partition_epoch;
        assert_eq!(recover(&image, &LogEnds { partition_epoch, ..all }).partition("t", 0).unwrap().leader, 2);
    }
}
