use super::super::testing::{apply, brokers, create_with, in_directory, t0, t0_change};
use super::super::{RegisterBroker, register_broker};
use super::*;
use crate::metadata::record::{BrokerChangeRecord, MetadataRecord, PartitionRecord};

/// A partition of replicas 1, 2, 3.
struct State {
    isr: &'static [BrokerId],
    elr: &'static [BrokerId],
    last: &'static [BrokerId],
    leader: BrokerId,
}

const WHOLE: State = State { isr: &[1, 2, 3], elr: &[], last: &[], leader: 1 };
const THIN: State = State { isr: &[1], elr: &[2], last: &[], leader: 1 };
const GONE: State = State { isr: &[], elr: &[1, 2], last: &[1], leader: NO_LEADER };
const LOST: State = State { isr: &[], elr: &[], last: &[1], leader: NO_LEADER };
const LAST: State = State { isr: &[], elr: &[1], last: &[1], leader: NO_LEADER };

fn image(state: &State, live: &[BrokerId]) -> Image {
    let image = create_with(&brokers(3), "t", &[&[1, 2, 3]]);
    let partition = PartitionRecord {
        topic_id: image.topic("t").unwrap().id,
        replicas: vec![1, 2, 3],
        isr: state.isr.to_vec(),
        elr: state.elr.to_vec(),
        last_known_elr: state.last.to_vec(),
        leader: state.leader,
        ..PartitionRecord::default()
    };
    let mut records = vec![MetadataRecord::from(partition)];
    let away = (1..=3).filter(|id| !live.contains(id));
    records
        .extend(away.map(|id| BrokerChangeRecord { broker_id: id, fenced: 1, ..Default::default() }.into()));
    apply(&image, &records)
}

fn of<'a>(image: &'a Image, min_isr: &str) -> Change<'a> {
    let defaults = BrokerDefaults::new(1, [("min.insync.replicas".into(), min_isr.into())]).unwrap();
    let topic = image.topic("t").unwrap();
    Change::of(image, &defaults, topic, &topic.partitions[0])
}

/// What is to change: in-sync replicas, leader, eligible ones, last known leader, recovering.
type Expected =
    (Option<&'static [BrokerId]>, BrokerId, Option<&'static [BrokerId]>, Option<&'static [BrokerId]>, i8);

const SAME: BrokerId = LEADER_UNCHANGED;

#[test]
fn who_leads_and_who_may_lead_follows_from_who_is_in_sync_and_lives() {
    let all = &[1, 2, 3][..];
    #[expect(clippy::type_complexity, reason = "a table, each line of which reads as one case")]
    let cases: &[(&str, &State, &[BrokerId], &str, &dyn Fn(&mut Change<'_>), Option<Expected>)] = &[
        ("nothing changes", &WHOLE, all, "2", &|_| {}, None),
        (
            "who leaves has everything only while the others are too few to go on",
            &WHOLE,
            all,
            "1",
            &|c| c.isr = vec![1, 2],
            Some((Some(&[1, 2]), SAME, None, None, -1)),
        ),
        (
            "who leaves too few is eligible",
            &WHOLE,
            all,
            "2",
            &|c| c.isr = vec![1],
            Some((Some(&[1]), SAME, Some(&[2, 3]), None, -1)),
        ),
        (
            "enough again: nobody else is eligible",
            &THIN,
            all,
            "2",
            &|c| c.isr = vec![1, 3],
            Some((Some(&[1, 3]), SAME, Some(&[]), None, -1)),
        ),
        (
            "the first of the replicas takes over, not the first of those in sync",
            &WHOLE,
            &[2, 3],
            "1",
            &|c| c.isr = vec![3, 2],
            Some((Some(&[3, 2]), 2, None, None, -1)),
        ),
        (
            "an eligible one takes over, and the one before waits in its place",
            &THIN,
            &[2, 3],
            "2",
            &|c| c.isr = vec![],
            Some((Some(&[2]), 2, Some(&[1]), None, -1)),
        ),
        (
            "nobody may lead: the last leader is remembered",
            &THIN,
            &[3],
            "2",
            &|c| c.isr = vec![],
            Some((Some(&[]), NO_LEADER, Some(&[1, 2]), Some(&[1]), -1)),
        ),
        (
            "one that lost the end of its log is not eligible",
            &GONE,
            &[2],
            "1",
            &|c| c.unclean = Some(2),
            Some((None, SAME, Some(&[1]), None, -1)),
        ),
        (
            "nobody has everything: not even the last leader goes on before the others have been asked",
            &LAST,
            all,
            "1",
            &|c| c.unclean = Some(1),
            Some((None, SAME, Some(&[]), None, -1)),
        ),
        (
            "they have been, and another has more",
            &LOST,
            all,
            "1",
            &|c| c.recovers_with = Some(2),
            Some((Some(&[2]), 2, None, Some(&[]), 1)),
        ),
        (
            "nobody has everything, and the last leader's log is empty",
            &LAST,
            all,
            "1",
            &|c| c.emptied = Some(1),
            Some((None, SAME, Some(&[]), Some(&[]), -1)),
        ),
        ("an unclean election only where it is allowed", &GONE, &[3], "1", &|_| {}, None),
        (
            "an unclean election",
            &GONE,
            &[3],
            "1",
            &|c| c.election = Election::Unclean,
            Some((Some(&[3]), 3, Some(&[]), Some(&[]), 1)),
        ),
        (
            "the preferred leader",
            &State { leader: 2, ..WHOLE },
            all,
            "1",
            &|c| c.election = Election::Preferred,
            Some((None, 1, None, None, -1)),
        ),
        (
            "the leader is another process now",
            &WHOLE,
            all,
            "1",
            &|c| c.new_epoch_for = Some(1),
            Some((None, 1, None, None, -1)),
        ),
    ];
    for (what, state, live, min_isr, change, expected) in cases {
        let image = image(state, live);
        let mut target = of(&image, min_isr);
        change(&mut target);
        let list = |ids: &Option<&[BrokerId]>| ids.map(<[BrokerId]>::to_vec);
        let expected = expected.as_ref().map(|(isr, leader, elr, last, recovering)| PartitionChangeRecord {
            isr: list(isr),
            leader: *leader,
            elr: list(elr),
            last_known_elr: list(last),
            recovering: *recovering,
            ..t0_change(&image)
        });
        assert_eq!(target.record(), expected, "{what}");
    }
}

#[test]
fn an_empty_disk_leads_only_if_no_log_may_come_back_or_an_operator_asks() {
    let defaults = BrokerDefaults::default();
    let register =
        |image: &Image, request: &RegisterBroker| apply(image, &register_broker(image, &defaults, request).0);
    let image =
        [1, 2, 3].iter().fold(Image::empty(), |image, &id| register(&image, &in_directory(id, id as u8)));
    let image = create_with(&image, "t", &[&[1, 2, 3]]);
    let away = |image: &Image, id| {
        let fenced = BrokerChangeRecord { broker_id: id, fenced: 1, ..Default::default() };
        let left = PartitionChangeRecord {
            isr: Some(vec![]),
            elr: Some(vec![3]),
            last_known_elr: Some(vec![3]),
            ..t0_change(image).without_leader()
        };
        apply(image, &[fenced.into(), left.into()])
    };
    // The third had everything and is away; the first comes back with another disk.
    let image = register(&away(&image, 3), &in_directory(1, 71));
    let elected = |image: &Image, asked: bool| {
        let mut change = of(image, "1");
        (change.election, change.accepts_empty) = (Election::Unclean, asked);
        change.record().map(|record| (record.leader, record.directories.map(|directories| directories[0])))
    };
    assert_eq!(elected(&image, false), Some((2, None)), "the second has a log, though it comes later");
    let image = away(&image, 2);
    assert_eq!(elected(&image, false), None, "the second's log may come back");
    assert_eq!(elected(&image, true), Some((1, Some(Uuid([71; 16])))));
    let image = register(&register(&image, &in_directory(3, 73)), &in_directory(2, 72));
    assert_eq!(t0(&image).isr, [], "all disks are new");
    assert_eq!(elected(&image, false), Some((1, Some(Uuid([71; 16])))));
}
