use super::Action::{
    AddVoter, AwaitInSync, AwaitReady, AwaitSpare, EndBroker, Prepare, Release, RemoveData, Replace, Reserve,
    StartAgent, StartBroker, StopAgent, StopBroker,
};
use super::{Action, Desired, Node, Observed, Process, Troubles, plan, unasked_data};
use crate::reconcile::view::tests::metadata;
use crate::reconcile::view::{MinIsr, Quorum, View};

const GOOD: Node = Node {
    reserved: true,
    prepared: true,
    broker: Process::Current,
    ready: true,
    idle: false,
    agent: Process::Current,
    data: true,
    condemned: false,
    refills: false,
};

fn nodes(nodes: &[Node]) -> Observed {
    Observed { nodes: (1..).zip(nodes.iter().copied()).collect(), view: None, troubles: Troubles::new() }
}

/// Brokers of which all serve, with these voters, the controller first, and one partition on the first three.
fn seen(nodes_seen: &[Node], voters: &[i32], isr: &[i32]) -> Observed {
    let mut metadata = metadata(&[1, 2, 3, 4], &[(isr[0], &[1, 2, 3], isr)]);
    metadata.controller_id = voters[0];
    let quorum = Quorum { voters: voters.iter().copied().collect(), grows: true };
    let view = View::new(&metadata, &MinIsr::from([("t".to_owned(), 2)]), Some(quorum));
    Observed { view: Some(view), ..nodes(nodes_seen) }
}

fn restart(id: i32) -> [Action; 5] {
    [AwaitSpare(id), StopBroker(id), StartBroker(id), AwaitReady(id), AwaitInSync(id)]
}

#[test]
fn the_plan_follows_from_what_was_asked_for_and_what_was_seen() {
    let present = |brokers| Desired::Present { brokers };
    let dead = Node { broker: Process::Stopped, ready: false, ..GOOD };
    let outdated = Node { broker: Process::Outdated, ..GOOD };
    let cases: &[(&str, Desired, Observed, &[Action])] = &[
        (
            "nothing is there yet",
            present(1),
            nodes(&[]),
            &[Reserve(1), Prepare(1), StartBroker(1), AwaitReady(1), StartAgent(1)],
        ),
        (
            "two at once go phase by phase",
            present(2),
            nodes(&[]),
            &[
                Reserve(1),
                Reserve(2),
                Prepare(1),
                Prepare(2),
                StartBroker(1),
                StartBroker(2),
                AwaitReady(1),
                AwaitReady(2),
                StartAgent(1),
                StartAgent(2),
            ],
        ),
        ("all is well", present(1), nodes(&[GOOD]), &[]),
        ("a broker died", present(1), nodes(&[dead]), &[StartBroker(1), AwaitReady(1)]),
        (
            "a broker runs but does not answer",
            present(1),
            nodes(&[Node { ready: false, ..GOOD }]),
            &[AwaitReady(1)],
        ),
        ("an agent died", present(1), nodes(&[Node { agent: Process::Stopped, ..GOOD }]), &[StartAgent(1)]),
        (
            "an agent reports to an address that is gone",
            present(1),
            nodes(&[Node { agent: Process::Outdated, ..GOOD }]),
            &[StopAgent(1), StartAgent(1)],
        ),
        (
            "a changed configuration restarts the only broker",
            present(1),
            nodes(&[Node { prepared: false, ..outdated }]),
            &[Prepare(1), StopBroker(1), StartBroker(1), AwaitReady(1)],
        ),
        (
            "a dead broker comes back before another is restarted",
            present(2),
            nodes(&[outdated, dead]),
            &[StartBroker(2), AwaitReady(2)],
        ),
        (
            "a broker that cannot be brought back is replaced where the others serve",
            present(3),
            nodes(&[GOOD, Node { condemned: true, ..dead }, GOOD]),
            &[AwaitSpare(2), Replace(2), StartBroker(2), AwaitReady(2), AwaitInSync(2)],
        ),
        (
            "nobody is replaced while another is away",
            present(2),
            nodes(&[Node { condemned: true, ..GOOD }, dead]),
            &[StartBroker(2), AwaitReady(2)],
        ),
        (
            "brokers that serve nobody are restarted together",
            present(2),
            nodes(&[Node { ready: false, idle: true, ..outdated }; 2]),
            &[StopBroker(1), StopBroker(2), StartBroker(1), StartBroker(2), AwaitReady(1), AwaitReady(2)],
        ),
        (
            "one broker that was not asked for and has nothing",
            present(1),
            nodes(&[GOOD, Node { data: false, ..GOOD }]),
            &[StopAgent(2), StopBroker(2), Release(2)],
        ),
        (
            "a delete takes processes first, then data, then addresses",
            Desired::Absent,
            nodes(&[GOOD, GOOD]),
            &[
                StopAgent(1),
                StopAgent(2),
                EndBroker(1),
                EndBroker(2),
                RemoveData(1),
                RemoveData(2),
                Release(1),
                Release(2),
            ],
        ),
        (
            "a delete that was interrupted goes on",
            Desired::Absent,
            nodes(&[Node { reserved: true, ..Node::default() }]),
            &[Release(1)],
        ),
        ("a delete is done", Desired::Absent, nodes(&[Node::default()]), &[]),
    ];
    for (case, desired, observed, expected) in cases {
        assert_eq!(plan(*desired, observed), *expected, "{case}");
    }
}

#[test]
fn restarts_take_one_broker_at_a_time_and_only_one_that_can_be_spared() {
    let outdated = Node { broker: Process::Outdated, ..GOOD };
    let unprepared = Node { prepared: false, ..outdated };
    let silent = Node { ready: false, ..outdated };
    let all = &[1, 2, 3];
    let then = |first: &[Action], id| [first, &restart(id)].concat();
    let cases: &[(&str, Observed, Vec<Action>)] = &[
        (
            "all brokers have an old configuration",
            seen(&[unprepared; 3], &[2, 1, 3], all),
            then(&[Prepare(1), Prepare(2), Prepare(3)], 1),
        ),
        ("the controller is not the next", seen(&[outdated; 3], &[1, 2, 3], all), then(&[], 2)),
        ("the controller is the last", seen(&[outdated, GOOD, GOOD], &[1, 2, 3], all), then(&[], 1)),
        (
            "what was just restarted catches up first",
            seen(&[outdated, GOOD, outdated], &[1, 2, 3], &[1, 3]),
            then(&[AwaitInSync(2)], 3),
        ),
        (
            "one that lags is restarted before one that is needed",
            seen(&[outdated; 3], &[1, 2, 3], &[1, 2]),
            then(&[], 3),
        ),
        (
            "one that has no replicas is restarted before one that is needed",
            seen(&[outdated, outdated, outdated, outdated], &[1, 2, 3], &[1, 2]),
            then(&[], 3),
        ),
        (
            "one that does not answer is the first",
            seen(&[outdated, outdated, silent], &[1, 2, 3], all),
            then(&[], 3),
        ),
        ("nobody says anything", nodes(&[outdated; 3]), then(&[], 1)),
    ];
    for (case, observed, expected) in cases {
        let brokers = u32::try_from(observed.nodes.len()).expect("few");
        assert_eq!(plan(Desired::Present { brokers }, observed), *expected, "{case}");
    }
    // An agent does not wait for a restart, and a restart not for a replica that lags for ever where none is asked for.
    let lagging = seen(&[GOOD, GOOD, Node { agent: Process::Stopped, ..GOOD }], &[1, 2, 3], &[1, 2]);
    assert_eq!(plan(Desired::Present { brokers: 3 }, &lagging), [StartAgent(3)]);
}

#[test]
fn data_that_nobody_asked_to_give_up_is_told_of() {
    let (kept, none) = (Node { data: false, ..GOOD }, Node::default());
    let observed = nodes(&[GOOD, GOOD, kept, none]);
    assert_eq!(unasked_data(Desired::Present { brokers: 1 }, &observed), Some((2, 1)));
    assert_eq!(
        unasked_data(Desired::Present { brokers: 2 }, &observed),
        Some((3, 2)),
        "what stays after a delete counts"
    );
    assert_eq!(unasked_data(Desired::Present { brokers: 3 }, &observed), None);
    assert_eq!(unasked_data(Desired::Absent, &observed), None);
}

#[test]
fn a_broker_is_replaced_once_as_many_vote_as_should() {
    let (all, condemned) = (&[1, 2, 3], Node { condemned: true, ..GOOD });
    let three = |nodes: [Node; 3], voters| plan(Desired::Present { brokers: 3 }, &seen(&nodes, voters, all));
    let replaced = [AwaitSpare(3), Replace(3), StartBroker(3), AwaitReady(3), AwaitInSync(3)];
    assert_eq!(three([GOOD, GOOD, condemned], all), replaced);
    assert_eq!(three([GOOD, GOOD, condemned], &[1, 3]), [AddVoter(2)], "the one before has no vote yet");
    assert_eq!(three([GOOD, GOOD, condemned], &[1, 2]), replaced, "it has no vote itself");
    let silent = Node { ready: false, ..GOOD };
    assert_eq!(three([GOOD, silent, condemned], &[1, 3])[..1], [AwaitReady(2)]);
}

#[test]
fn a_broker_that_was_replaced_is_waited_for_until_it_has_everything() {
    let (all, refills) = (&[1, 2, 3], Node { refills: true, ..GOOD });
    let plan = |observed: &Observed| plan(Desired::Present { brokers: 3 }, observed);
    let three = [GOOD, GOOD, refills];
    assert_eq!(plan(&seen(&three, &[1, 2], &[1, 2])), [AddVoter(3), AwaitInSync(3)]);
    assert_eq!(plan(&seen(&three, all, &[1, 2])), [AwaitInSync(3)]);
    assert_eq!(plan(&nodes(&three)), [AwaitInSync(3)], "nobody says how it is");
    assert_eq!(plan(&seen(&three, all, all)), []);
}

#[test]
fn a_cluster_that_grows_gets_its_voters_before_anything_is_restarted() {
    let outdated = Node { broker: Process::Outdated, ..GOOD };
    let all = &[1, 2, 3];
    let present = |brokers| Desired::Present { brokers };
    let new = [Reserve(2), Reserve(3), Prepare(2), Prepare(3), StartBroker(2), StartBroker(3)];
    let grown = plan(present(3), &seen(&[outdated], &[1], &[1]));
    assert_eq!(grown[..6], new, "the old broker goes on meanwhile");
    assert!(!grown.contains(&StopBroker(1)) && !grown.contains(&AddVoter(2)), "{grown:?}");

    let joined = |voters| seen(&[outdated, GOOD, GOOD], voters, all);
    assert_eq!(plan(present(3), &joined(&[1])), [AddVoter(2), AddVoter(3)]);
    assert_eq!(plan(present(3), &joined(&[1, 3])), [AddVoter(2)]);
    assert_eq!(plan(present(3), &joined(all)), restart(1));
    assert_eq!(plan(present(2), &seen(&[GOOD; 2], &[1], all)), [], "two voters are worse than one");
    assert_eq!(plan(present(4), &seen(&[GOOD; 4], all, all)), [], "the fourth only listens");
    let mut cannot = joined(&[1]);
    cannot.view.as_mut().and_then(|view| view.quorum.as_mut()).expect("a quorum").grows = false;
    assert_eq!(plan(present(3), &cannot), restart(1), "an engine that cannot goes on without");
}
