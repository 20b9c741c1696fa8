//! Brokers come, are fenced and unfenced, and go; leaders follow.

use headrace_protocol::{ErrorCode, Str, Uuid};

use super::Outcome;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId, Endpoint, NO_LEADER, Partition};
use crate::metadata::record::{
    BrokerChangeRecord, EndpointRecord, MetadataRecord, PartitionChangeRecord, RegisterBrokerRecord,
    UnregisterBrokerRecord,
};

/// A broker's process that announces itself.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterBroker {
    pub id: BrokerId,
    /// Fresh and random for every start of the process.
    pub incarnation: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub rack: Option<Str>,
    pub log_dirs: Vec<Uuid>,
    /// Whether it stays fenced until its first heartbeat that asks for more.
    pub fenced: bool,
    /// Whether the process that registered under this id before was heard of within its session.
    pub previous_alive: bool,
}

/// Registers a broker, or a new incarnation of one. Registering the same incarnation again changes nothing.
pub fn register_broker(image: &Image, request: &RegisterBroker) -> Outcome<Result<BrokerEpoch, ErrorCode>> {
    if request.id < 0 {
        return (Vec::new(), Err(ErrorCode::INVALID_REGISTRATION));
    }
    if let Some(known) = image.broker(request.id) {
        if known.incarnation == request.incarnation {
            return (Vec::new(), Ok(known.epoch));
        }
        if request.previous_alive && !known.fenced {
            return (Vec::new(), Err(ErrorCode::DUPLICATE_BROKER_REGISTRATION));
        }
    }
    // The image's offset grows with every batch; within one batch the epoch before counts.
    let before = image.broker(request.id).map_or(-1, |known| known.epoch);
    let broker_epoch = i64::try_from(image.offset()).unwrap_or(i64::MAX - 1).max(before) + 1;
    let endpoint = |e: &Endpoint| EndpointRecord {
        listener: e.listener.clone(),
        host: e.host.clone(),
        port: e.port,
        security_protocol: e.security_protocol,
    };
    let record = RegisterBrokerRecord {
        broker_id: request.id,
        incarnation: request.incarnation,
        broker_epoch,
        endpoints: request.endpoints.iter().map(endpoint).collect(),
        rack: request.rack.clone(),
        fenced: request.fenced,
        log_dirs: request.log_dirs.clone(),
        shutting_down: false,
    };
    let mut records = vec![record.into()];
    records.extend(if request.fenced { leave(image, request.id) } else { join(image, request.id) });
    (records, Ok(broker_epoch))
}

/// Fences or unfences a broker. A fenced broker leads nothing and leaves the in-sync replicas, unless it is the last.
pub fn set_fenced(
    image: &Image,
    id: BrokerId,
    epoch: BrokerEpoch,
    fenced: bool,
) -> Outcome<Result<(), ErrorCode>> {
    let known = match check_epoch(image, id, epoch) {
        Ok(()) => image.broker(id),
        Err(code) => return (Vec::new(), Err(code)),
    };
    if known.is_none_or(|broker| broker.fenced == fenced) {
        return (Vec::new(), Ok(()));
    }
    let change =
        BrokerChangeRecord { broker_id: id, fenced: i8::from(fenced), ..BrokerChangeRecord::default() };
    let mut records = vec![change.into()];
    records.extend(if fenced { leave(image, id) } else { join(image, id) });
    (records, Ok(()))
}

/// Forgets a broker. Its replicas stay assigned to it until they are moved.
pub fn unregister_broker(image: &Image, id: BrokerId) -> Outcome<Result<(), ErrorCode>> {
    if image.broker(id).is_none() {
        return (Vec::new(), Err(ErrorCode::BROKER_ID_NOT_REGISTERED));
    }
    let mut records = leave(image, id);
    records.push(UnregisterBrokerRecord { broker_id: id }.into());
    (records, Ok(()))
}

/// Whether `epoch` is that of the registered broker.
pub(super) fn check_epoch(image: &Image, id: BrokerId, epoch: BrokerEpoch) -> Result<(), ErrorCode> {
    match image.broker(id) {
        None => Err(ErrorCode::BROKER_ID_NOT_REGISTERED),
        Some(broker) if broker.epoch != epoch => Err(ErrorCode::STALE_BROKER_EPOCH),
        Some(_) => Ok(()),
    }
}

fn partitions(image: &Image) -> impl Iterator<Item = (Uuid, &Partition)> {
    image.topics().flat_map(|topic| topic.partitions.iter().map(move |partition| (topic.id, &**partition)))
}

/// Partition changes when a broker can serve no more.
fn leave(image: &Image, id: BrokerId) -> Vec<MetadataRecord> {
    let change = |(topic_id, partition): (Uuid, &Partition)| {
        let mut change = PartitionChangeRecord::of(topic_id, partition.index);
        let isr: Vec<BrokerId> = partition.isr.iter().copied().filter(|&member| member != id).collect();
        // The last in-sync replica stays one: only it is known to have everything that was acknowledged.
        let leaves_isr = isr.len() < partition.isr.len() && !isr.is_empty();
        if partition.leader == id {
            change.leader = preferred(image, partition, &isr, id);
        }
        if leaves_isr {
            change.isr = Some(isr);
        }
        (leaves_isr || partition.leader == id).then(|| change.into())
    };
    partitions(image).filter_map(change).collect()
}

/// Partition changes when a broker can serve again.
fn join(image: &Image, id: BrokerId) -> Vec<MetadataRecord> {
    let change = |(topic_id, partition): (Uuid, &Partition)| {
        // It led before it restarted, or nobody leads: it takes over, in a new epoch, so that what a crash took from
        // its log is noticed by whoever read it (KIP-320).
        let leads = partition.leader == id || partition.leader == NO_LEADER;
        (leads && partition.isr.contains(&id)).then(|| {
            PartitionChangeRecord { leader: id, ..PartitionChangeRecord::of(topic_id, partition.index) }
                .into()
        })
    };
    partitions(image).filter_map(change).collect()
}

/// The first replica in the order of preference that is in sync and live.
fn preferred(image: &Image, partition: &Partition, isr: &[BrokerId], but: BrokerId) -> BrokerId {
    let electable = |&id: &BrokerId| id != but && isr.contains(&id) && image.is_live(id);
    partition.replicas.iter().copied().find(electable).unwrap_or(NO_LEADER)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, brokers, create_with, registration};
    use super::*;

    fn state(image: &Image, topic: &str) -> (BrokerId, Vec<BrokerId>, i32) {
        let p = image.partition(topic, 0).unwrap();
        (p.leader, p.isr.clone(), p.leader_epoch)
    }

    #[test]
    fn a_fenced_broker_hands_over_and_comes_back_as_a_follower() {
        let image = create_with(&create_with(&brokers(2), "t", &[&[1, 2]]), "u", &[&[1]]);
        let epoch = image.broker(1).unwrap().epoch;
        let (records, done) = set_fenced(&image, 1, epoch, true);
        assert_eq!(done, Ok(()));
        let fenced = apply(&image, &records);
        assert_eq!(state(&fenced, "t"), (2, vec![2], 1));
        // Nobody else has the second one's records: it waits for its broker.
        assert_eq!(state(&fenced, "u"), (NO_LEADER, vec![1], 1));
        let (records, _) = set_fenced(&fenced, 1, epoch, false);
        let back = apply(&fenced, &records);
        assert_eq!(state(&back, "t"), (2, vec![2], 1));
        assert_eq!(state(&back, "u"), (1, vec![1], 2));
        assert_eq!(set_fenced(&back, 1, epoch, false), (vec![], Ok(())));
        assert_eq!(set_fenced(&back, 1, epoch - 1, true).1, Err(ErrorCode::STALE_BROKER_EPOCH));
    }

    #[test]
    fn a_restart_is_a_new_epoch_for_what_the_broker_leads() {
        let image = create_with(&brokers(1), "t", &[&[1]]);
        let again = registration(1);
        assert_eq!(register_broker(&image, &again).0, vec![], "the same incarnation changes nothing");
        let restarted = RegisterBroker { incarnation: Uuid([77; 16]), ..again };
        let (records, epoch) = register_broker(&image, &restarted);
        let after = apply(&image, &records);
        assert!(epoch.unwrap() > image.broker(1).unwrap().epoch);
        assert_eq!(state(&after, "t"), (1, vec![1], 1));
        let twin = RegisterBroker { previous_alive: true, incarnation: Uuid([78; 16]), ..restarted };
        assert_eq!(register_broker(&after, &twin).1, Err(ErrorCode::DUPLICATE_BROKER_REGISTRATION));
    }

    #[test]
    fn an_unregistered_broker_leads_nothing() {
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let (records, done) = unregister_broker(&image, 1);
        assert_eq!(done, Ok(()));
        let after = apply(&image, &records);
        assert!(after.broker(1).is_none());
        assert_eq!(state(&after, "t"), (2, vec![2], 1));
        assert_eq!(unregister_broker(&after, 1).1, Err(ErrorCode::BROKER_ID_NOT_REGISTERED));
    }
}
