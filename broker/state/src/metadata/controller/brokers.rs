//! Brokers come, are fenced and unfenced, and go; leaders follow.

use headrace_protocol::{ErrorCode, Str, Uuid};

use super::Outcome;
use super::partition_change::{Change, Election, directory_of, has_directory};
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
    // A registration whose answer did not arrive, of a process that was gone before it was let in, took nothing from the log.
    let former = image.broker(request.id).filter(|known| known.fenced).map_or(-1, |known| known.former_epoch);
    let is_clean = before >= 0
        && request.previous_epoch >= 0
        && (request.previous_epoch == before || request.previous_epoch == former);
    let former_epoch = if is_clean && request.fenced { request.previous_epoch } else { -1 };
    let former_dirs = image.broker(request.id).map_or(&[][..], |known| &known.log_dirs);
    let lacks_some =
        !request.log_dirs.is_empty() && former_dirs.iter().any(|dir| !request.log_dirs.contains(dir));
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
        former_epoch,
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
        // A replica of which it is not known where it was may have been in a directory that is gone.
        let may_be_gone =
            lacks_some && directory_of(&partition.replicas, &partition.directories, id).is_none();
        // ... and one whose directory had failed may have lost what the disk did not take, though it is back.
        let had_failed = image.broker(id).is_some() && !has_directory(image, partition, id);
        if !is_clean || may_be_gone || had_failed || !has_directory(after, partition, id) {
            change.unclean = Some(id);
        }
        change.record()
    });
    (records, Ok(broker_epoch))
}

/// Fences or unfences a broker. A fenced broker leads nothing and is not in sync; what only it has waits for it. One that has no log
/// directory left stays fenced: `KAFKA_STORAGE_ERROR`.
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
    if known.is_some_and(|broker| broker.log_dirs == [NO_DIRECTORY]) {
        return (Vec::new(), Err(ErrorCode::KAFKA_STORAGE_ERROR));
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
        if !partition.isr.contains(&id) && !partition.elr.contains(&id) {
            return None;
        }
        // Nobody waits for it any more: should it come back after all, it begins as one that may have lost something.
        let mut change = Change::of(after, defaults, topic, partition).without(id);
        change.unclean = Some(id);
        change.record()
    });
    (records, Ok(()))
}

/// Log directories of a broker have failed: its replicas in them are neither in sync nor leaders any more. The others stay; if none is left,
/// the broker is fenced until it starts again.
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
        record.fenced = true;
    }
    let is_fenced = record.fenced;
    let records = with_partitions(image, record.into(), |after, topic, partition| {
        let is_lost = partition.isr.contains(&id) && (is_fenced || !has_directory(after, partition, id));
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
    use super::super::testing::{apply, brokers, create_with, fence, in_directory, registration};
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

    #[test]
    fn a_broker_that_stops_hands_over_what_others_can_lead_and_leads_the_rest_on() {
        let defaults = BrokerDefaults::default();
        let image = create_with(&create_with(&brokers(2), "t", &[&[1, 2]]), "u", &[&[1]]);
        let epoch = image.broker(1).unwrap().epoch;
        let (records, may_go) = begin_controlled_shutdown(&image, &defaults, 1, epoch);
        let stopping = apply(&image, &records);
        assert_eq!((state(&stopping, "t"), state(&stopping, "u")), ((2, vec![2], 1), (1, vec![1], 0)));
        assert_eq!(may_go, Ok(true), "nobody could ever take over the rest");
        assert_eq!(begin_controlled_shutdown(&stopping, &defaults, 1, epoch), (vec![], Ok(true)));
        let stale = begin_controlled_shutdown(&stopping, &defaults, 1, epoch - 1);
        assert_eq!(stale, (vec![], Err(ErrorCode::STALE_BROKER_EPOCH)));
    }

    #[test]
    fn a_leader_that_stops_leads_on_while_nobody_else_is_in_sync() {
        let defaults = BrokerDefaults::default();
        let image = fence(&create_with(&brokers(2), "t", &[&[1, 2]]), 2, true);
        let epoch = image.broker(1).unwrap().epoch;
        let (records, may_go) = begin_controlled_shutdown(&image, &defaults, 1, epoch);
        let stopping = apply(&image, &records);
        assert_eq!((may_go, state(&stopping, "t")), (Ok(true), (1, vec![1], 0)));
        let back = RegisterBroker { incarnation: Uuid([50; 16]), fenced: true, ..registration(2) };
        let after = apply(&stopping, &register_broker(&stopping, &defaults, &back).0);
        assert_eq!(state(&after, "t"), (1, vec![1], 0));
        let live = fence(&after, 2, false);
        assert_eq!(
            begin_controlled_shutdown(&live, &defaults, 1, epoch).1,
            Ok(false),
            "the other may catch up"
        );
    }

    #[test]
    fn a_clean_restart_stays_eligible_and_an_unclean_one_does_not() {
        let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let epoch = image.broker(2).unwrap().epoch;
        for (previous_epoch, elr) in [(epoch, vec![2]), (epoch - 1, vec![]), (-1, vec![])] {
            let (incarnation, fenced) = (Uuid([50; 16]), true);
            let request = RegisterBroker { incarnation, fenced, previous_epoch, ..registration(2) };
            let after = apply(&image, &register_broker(&image, &defaults, &request).0);
            assert_eq!(state(&after, "t"), (1, vec![1], 0));
            assert_eq!(after.partition("t", 0).unwrap().elr, elr, "{previous_epoch}");
        }
    }

    #[test]
    fn a_registration_whose_process_was_never_let_in_makes_the_next_one_no_less_clean() {
        let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
        let image = create_with(&brokers(2), "t", &[&[1, 2]]);
        let previous_epoch = image.broker(2).unwrap().epoch;
        let again = |image: &Image, incarnation: u8| {
            let incarnation = Uuid([incarnation; 16]);
            let request = RegisterBroker { incarnation, fenced: true, previous_epoch, ..registration(2) };
            apply(image, &register_broker(image, &defaults, &request).0)
        };
        let twice = again(&again(&image, 50), 51);
        assert_eq!(twice.partition("t", 0).unwrap().elr, [2], "the first answer did not arrive");
        let first = again(&image, 50);
        let epoch = first.broker(2).unwrap().epoch;
        let let_in = apply(&first, &set_fenced(&first, &defaults, 2, epoch, false).0);
        let fenced = apply(&let_in, &set_fenced(&let_in, &defaults, 2, epoch, true).0);
        assert_eq!(again(&fenced, 51).partition("t", 0).unwrap().elr, Vec::<i32>::new());
    }

    #[test]
    fn a_replica_that_may_have_been_in_a_directory_that_is_gone_is_not_eligible() {
        let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
        let (a, b, c) = (Uuid([10; 16]), Uuid([11; 16]), Uuid([12; 16]));
        let with = |log_dirs: &[Uuid]| RegisterBroker { log_dirs: log_dirs.to_vec(), ..registration(2) };
        let image = apply(&brokers(1), &register_broker(&brokers(1), &defaults, &with(&[a, b])).0);
        let image = create_with(&image, "t", &[&[1, 2]]);
        let previous_epoch = image.broker(2).unwrap().epoch;
        for (log_dirs, elr) in
            [(&[a, b][..], vec![2]), (&[a, b, c], vec![2]), (&[a, c], vec![]), (&[a], vec![])]
        {
            let request = RegisterBroker {
                incarnation: Uuid([50; 16]),
                fenced: true,
                previous_epoch,
                ..with(log_dirs)
            };
            let after = apply(&image, &register_broker(&image, &defaults, &request).0);
            assert_eq!(after.partition("t", 0).unwrap().elr, elr, "{log_dirs:?}");
        }
    }

    #[test]
    fn a_replica_whose_directory_is_gone_is_not_eligible_however_clean_the_stop_was() {
        let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())]).unwrap();
        let image = apply(&brokers(1), &register_broker(&brokers(1), &defaults, &in_directory(2, 2)).0);
        let image = create_with(&image, "t", &[&[1, 2]]);
        let previous_epoch = image.broker(2).unwrap().epoch;
        for (directory, elr) in [(2, vec![2]), (72, vec![])] {
            let incarnation = Uuid([50; 16]);
            let request = RegisterBroker { incarnation, previous_epoch, ..in_directory(2, directory) };
            let after = apply(&image, &register_broker(&image, &defaults, &request).0);
            assert_eq!(after.partition("t", 0).unwrap().elr, elr, "{directory}");
        }
    }

    #[test]
    fn a_broker_whose_log_directories_all_failed_is_fenced_until_it_starts_again() {
        let defaults = BrokerDefaults::default();
        let image = [1, 2].into_iter().fold(Image::empty(), |image, id| {
            apply(&image, &register_broker(&image, &defaults, &in_directory(id, id as u8)).0)
        });
        let image = create_with(&create_with(&image, "t", &[&[1, 2]]), "u", &[&[1]]);
        let epoch = image.broker(1).unwrap().epoch;
        let failed = [Uuid([1; 16])];
        let after = apply(&image, &offline_log_dirs(&image, &defaults, 1, epoch, &failed).0);
        assert_eq!((state(&after, "t"), state(&after, "u")), ((2, vec![2], 1), (NO_LEADER, vec![], 1)));
        assert_eq!(offline_log_dirs(&after, &defaults, 1, epoch, &failed), (vec![], Ok(())));
        let unfenced = set_fenced(&after, &defaults, 1, epoch, false);
        assert_eq!(unfenced, (vec![], Err(ErrorCode::KAFKA_STORAGE_ERROR)));
        let again = RegisterBroker { incarnation: Uuid([50; 16]), ..in_directory(1, 1) };
        let back = apply(&after, &register_broker(&after, &defaults, &again).0);
        assert_eq!(state(&back, "u"), (1, vec![1], 2), "the disk was not lost after all");
    }
}
