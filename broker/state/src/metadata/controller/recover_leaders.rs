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
        if has_directory(image, partition, id) && most.is_none_or(|most| has_more(end, most)) {
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
    use super::super::{RegisterBroker, register_broker, set_fenced};
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

    fn said(image: &Image, ends: [(i32, i64); 3]) -> LogEnds {
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
            ([(-1, 0), (-1, 0), (-1, 0)], 1),
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
        let after = recover(&image, &said(&image, [(-1, 0), (4, 12), (-1, 0)]));
        assert_eq!(after.partition("t", 0).unwrap().leader, 1, "whatever it says");
        let image =
            REPLICAS.iter().fold(image, |image, &id| register(&image, &in_directory(id, 80 + id as u8)));
        let after = recover(&image, &said(&image, [(-1, 0), (-1, 0), (-1, 0)]));
        assert_eq!(after.partition("t", 0).unwrap().leader, NO_LEADER, "all disks are new");
    }
}
