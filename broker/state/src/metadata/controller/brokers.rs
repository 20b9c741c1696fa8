//! Brokers come, are fenced and unfenced, and go; leaders follow.

use headrace_protocol::{ErrorCode, Str, Uuid};

use super::Outcome;
use super::partition_change::{Change, Election, has_directory};
use crate::metadata::configs::BrokerDefaults;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId, Endpoint, NO_LEADER, Partition, Topic};
use crate::metadata::record::{
    BrokerChangeRecord, EndpointRecord, MetadataRecord, PartitionChangeRecord, RegisterBrokerRecord,
    UnregisterBrokerRecord,
};
use crate::metadata::replay::register_record;

/// In place of a broker's log directories once all of them have failed.
const NO_DIRECTORY: Uuid = Uuid([0xff; 16]);

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
    /// The epoch it had before, if nothing can have been lost since; else -1.
    pub previous_epoch: BrokerEpoch,
}

/// Registers a broker, or a new incarnation of one: that is not in sync with anybody until it has fetched, and unless its logs are whole it
/// may not lead either (KIP-966). Registering the same incarnation again changes nothing.
pub fn register_broker(
    image: &Image,
    defaults: &BrokerDefaults,
    request: &RegisterBroker,
) -> Outcome<Result<BrokerEpoch, ErrorCode>> {
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
    let is_clean = before >= 0 && request.previous_epoch == before;
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
    let records = with_partitions(image, record.into(), |after, topic, partition| {
        let id = request.id;
        if !partition.replicas.contains(&id) {
            return None;
        }
        let mut change = Change::of(after, defaults, topic, partition).without(id);
        // What it led before its restart is led in a new epoch, be it by itself: a crash may have taken from its log, and whoever read
        // that must notice (KIP-320).
        change.new_epoch_for = (partition.leader == id).then_some(id);
        if !is_clean || !has_directory(after, partition, id) {
            change.unclean = Some(id);
        }
        change.record()
    });
    (records, Ok(broker_epoch))
}

/// Fences or unfences a broker. A fenced broker leads nothing and is not in sync; what only it has waits for it.
pub fn set_fenced(
    image: &Image,
    defaults: &BrokerDefaults,
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
    let records = with_partitions(image, change.into(), |after, topic, partition| {
        let concerned = if fenced { partition.isr.contains(&id) } else { partition.leader == NO_LEADER };
        if !concerned || !partition.replicas.contains(&id) {
            return None;
        }
        let change = Change::of(after, defaults, topic, partition);
        if fenced { change.without(id).record() } else { change.record() }
    });
    (records, Ok(()))
}

/// A broker wants to stop: others that are in sync take over what it leads, and go on without it. Answers whether it may stop now; it is
/// asked again as long as there are live replicas that may yet catch up.
pub fn begin_controlled_shutdown(
    image: &Image,
    defaults: &BrokerDefaults,
    id: BrokerId,
    epoch: BrokerEpoch,
) -> Outcome<Result<bool, ErrorCode>> {
    if let Err(code) = check_epoch(image, id, epoch) {
        return (Vec::new(), Err(code));
    }
    let begin = BrokerChangeRecord { broker_id: id, shutting_down: 1, ..BrokerChangeRecord::default() };
    let is_new = image.broker(id).is_some_and(|known| !known.shutting_down);
    let mut may_go = true;
    let mut records = with_partitions(image, begin.into(), |after, topic, partition| {
        if !partition.isr.contains(&id) {
            return None;
        }
        let mut change = Change::of(after, defaults, topic, partition).without(id);
        if change.isr.iter().any(|member| change.may_lead(*member)) {
            change.election = Election::Online;
            return change.record();
        }
        may_go &= !partition.replicas.iter().any(|other| *other != id && after.is_live(*other));
        None
    });
    if !is_new {
        records.remove(0);
    }
    (records, Ok(may_go))
}

/// Forgets a broker. Its replicas stay assigned to it until they are moved.
pub fn unregister_broker(
    image: &Image,
    defaults: &BrokerDefaults,
    id: BrokerId,
) -> Outcome<Result<(), ErrorCode>> {
    if image.broker(id).is_none() {
        return (Vec::new(), Err(ErrorCode::BROKER_ID_NOT_REGISTERED));
    }
    let gone = UnregisterBrokerRecord { broker_id: id };
    let records = with_partitions(image, gone.into(), |after, topic, partition| {
        let concerned = partition.isr.contains(&id);
        concerned.then(|| Change::of(after, defaults, topic, partition).without(id).record()).flatten()
    });
    (records, Ok(()))
}

/// Log directories of a broker have failed: its replicas in them are neither in sync nor leaders any more. The others stay.
pub fn offline_log_dirs(
    image: &Image,
    defaults: &BrokerDefaults,
    id: BrokerId,
    epoch: BrokerEpoch,
    offline: &[Uuid],
) -> Outcome<Result<(), ErrorCode>> {
    if let Err(code) = check_epoch(image, id, epoch) {
        return (Vec::new(), Err(code));
    }
    let Some(known) = image.broker(id).filter(|known| known.log_dirs.iter().any(|dir| offline.contains(dir)))
    else {
        return (Vec::new(), Ok(()));
    };
    let mut record = register_record(known);
    record.log_dirs.retain(|dir| !offline.contains(dir));
    if record.log_dirs.is_empty() {
        // An empty list stands for "not known".
        record.log_dirs.push(NO_DIRECTORY);
    }
    let records = with_partitions(image, record.into(), |after, topic, partition| {
        let is_lost = partition.isr.contains(&id) && !has_directory(after, partition, id);
        is_lost.then(|| Change::of(after, defaults, topic, partition).without(id).record()).flatten()
    });
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

/// A change of a broker, and what it means for each partition with the brokers as they are afterwards.
fn with_partitions(
    image: &Image,
    change: MetadataRecord,
    mut decide: impl FnMut(&Image, &Topic, &Partition) -> Option<PartitionChangeRecord>,
) -> Vec<MetadataRecord> {
    let mut records = vec![change];
    // These records fit any image in which the broker is known, which was checked.
    let after = image.apply(&records, image.offset()).unwrap_or_else(|_| image.clone());
    for topic in after.topics() {
        for partition in &topic.partitions {
            records.extend(decide(&after, topic, partition).map(MetadataRecord::from));
        }
    }
    records
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
        let (records, done) = set_fenced(&image, &BrokerDefaults::default(), 1, epoch, true);
        assert_eq!(done, Ok(()));
        let fenced = apply(&image, &records);
        assert_eq!(state(&fenced, "t"), (2, vec![2], 1));
        // Nobody else has the second one's records: it waits for its broker, which may lead as soon as it is back.
        assert_eq!(state(&fenced, "u"), (NO_LEADER, vec![], 1));
        assert_eq!(fenced.partition("u", 0).unwrap().elr, [1]);
        let (records, _) = set_fenced(&fenced, &BrokerDefaults::default(), 1, epoch, false);
        let back = apply(&fenced, &records);
        assert_eq!(state(&back, "t"), (2, vec![2], 1));
        assert_eq!(state(&back, "u"), (1, vec![1], 2));
        assert_eq!(set_fenced(&back, &BrokerDefaults::default(), 1, epoch, false), (vec![], Ok(())));
        assert_eq!(
            set_fenced(&back, &BrokerDefaults::default(), 1, epoch - 1, true).1,
            Err(ErrorCode::STALE_BROKER_EPOCH)
        );
    }

    #[test]
    fn a_restart_is_a_new_epoch_for_what_the_broker_leads() {
        let image = create_with(&brokers(1), "t", &[&[1]]);
        let again = registration(1);
        assert_eq!(
            register_broker(&image, &BrokerDefaults::default(), &again).0,
            vec![],
            "the same incarnation changes nothing"
        );
        let restarted = RegisterBroker { incarnation: Uuid([77; 16]), ..again };
        let (records, epoch) = register_broker(&image, &BrokerDefaults::default(), &restarted);
        let after = apply(&image, &records);
        assert!(epoch.unwrap() > image.broker(1).unwrap().epoch);
        assert_eq!(state(&after, "t"), (1, vec![1], 1));
        let twin = RegisterBroker { previous_alive: true, incarnation: Uuid([78; 16]), ..restarted };
        assert_eq!(
            register_broker(&after, &BrokerDefaults::default(), &twin).1,
            Err(ErrorCode::DUPLICATE_BROKER_REGISTRATION)
        );
    }

    #[test]
    fn an_unregistered_broker_leads_nothing() {
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let (records, done) = unregister_broker(&image, &BrokerDefaults::default(), 1);
        assert_eq!(done, Ok(()));
        let after = apply(&image, &records);
        assert!(after.broker(1).is_none());
        assert_eq!(state(&after, "t"), (2, vec![2], 1));
        assert_eq!(
            unregister_broker(&after, &BrokerDefaults::default(), 1).1,
            Err(ErrorCode::BROKER_ID_NOT_REGISTERED)
        );
    }
}
