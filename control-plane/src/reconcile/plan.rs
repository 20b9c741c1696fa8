//! Compares what was asked for with what was seen and says what to do, in order. Pure.
//!
//! Must never look at anything but its arguments: the same two always give the same actions, whoever asks and however
//! often it was interrupted. The worker does the actions one by one, looks again, and asks again.

use std::collections::BTreeMap;
use std::fmt;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Desired {
    /// Brokers 1 to this number.
    Present {
        /// How many.
        brokers: u32,
    },
    /// Nothing that costs anything.
    Absent,
}

/// A process as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Process {
    /// It does not run.
    #[default]
    Stopped,
    /// It runs with a configuration that is no longer asked for.
    Outdated,
    /// It runs as asked for.
    Current,
}

impl Process {
    fn runs(self) -> bool {
        self != Self::Stopped
    }
}

/// A node as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Node {
    /// Its addresses are reserved.
    pub reserved: bool,
    /// Its configuration is written, as asked for.
    pub prepared: bool,
    /// The broker.
    pub broker: Process,
    /// Whether the broker answers Kafka requests.
    pub ready: bool,
    /// The agent.
    pub agent: Process,
    /// Whether it has anything on disk.
    pub data: bool,
}

/// Nodes by id.
pub(crate) type Observed = BTreeMap<i32, Node>;

/// One thing to do. Doing it twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reserve the node's addresses.
    Reserve(i32),
    /// Write its configuration.
    Prepare(i32),
    /// Stop its broker.
    StopBroker(i32),
    /// Start its broker.
    StartBroker(i32),
    /// Wait until its broker answers.
    AwaitReady(i32),
    /// Stop its agent.
    StopAgent(i32),
    /// Start its agent.
    StartAgent(i32),
    /// Delete its data.
    RemoveData(i32),
    /// Give its addresses back.
    Release(i32),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve(node) => write!(f, "reserving addresses for broker {node}"),
            Self::Prepare(node) => write!(f, "writing the configuration of broker {node}"),
            Self::StopBroker(node) => write!(f, "stopping broker {node}"),
            Self::StartBroker(node) => write!(f, "starting broker {node}"),
            Self::AwaitReady(node) => write!(f, "waiting for broker {node}"),
            Self::StopAgent(node) => write!(f, "stopping the agent of broker {node}"),
            Self::StartAgent(node) => write!(f, "starting the agent of broker {node}"),
            Self::RemoveData(node) => write!(f, "removing the data of broker {node}"),
            Self::Release(node) => write!(f, "giving back the addresses of broker {node}"),
        }
    }
}

/// What to do to get from what was seen to what was asked for; empty when they are the same.
///
/// Every node goes through one phase before any goes on to the next, but for restarts: those take one node at a time,
/// and the next only when that one answers again.
pub(crate) fn plan(desired: Desired, observed: &Observed) -> Vec<Action> {
    let brokers = match desired {
        Desired::Present { brokers } => i32::try_from(brokers).unwrap_or(i32::MAX),
        Desired::Absent => 0,
    };
    let wanted: Observed =
        (1..=brokers).map(|id| (id, observed.get(&id).copied().unwrap_or_default())).collect();
    let surplus: Observed =
        observed.iter().filter(|(id, _)| !wanted.contains_key(id)).map(|(id, node)| (*id, *node)).collect();
    let mut actions = bring_up(&wanted);
    actions.extend(take_down(&surplus));
    actions
}

fn bring_up(wanted: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut phase = |applies: &dyn Fn(&Node) -> bool, action: fn(i32) -> Action| {
        actions.extend(wanted.iter().filter(|(_, node)| applies(node)).map(|(id, _)| action(*id)));
    };
    phase(&|node| !node.reserved, Action::Reserve);
    phase(&|node| !node.prepared, Action::Prepare);
    phase(&|node| node.broker == Process::Stopped, Action::StartBroker);
    phase(
        &|node| node.broker == Process::Stopped || (node.broker == Process::Current && !node.ready),
        Action::AwaitReady,
    );
    for (id, _) in wanted.iter().filter(|(_, node)| node.broker == Process::Outdated) {
        actions.extend([Action::StopBroker(*id), Action::StartBroker(*id), Action::AwaitReady(*id)]);
    }
    for (id, node) in wanted {
        match node.agent {
            Process::Current => {}
            Process::Outdated => actions.extend([Action::StopAgent(*id), Action::StartAgent(*id)]),
            Process::Stopped => actions.push(Action::StartAgent(*id)),
        }
    }
    actions
}

fn take_down(surplus: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut phase = |applies: &dyn Fn(&Node) -> bool, action: fn(i32) -> Action| {
        actions.extend(surplus.iter().filter(|(_, node)| applies(node)).map(|(id, _)| action(*id)));
    };
    phase(&|node| node.agent.runs(), Action::StopAgent);
    phase(&|node| node.broker.runs(), Action::StopBroker);
    phase(&|node| node.data, Action::RemoveData);
    phase(&|node| node.reserved, Action::Release);
    actions
}

#[cfg(test)]
mod tests {
    use super::Action::{
        AwaitReady, Prepare, Release, RemoveData, Reserve, StartAgent, StartBroker, StopAgent, StopBroker,
    };
    use super::{Action, Desired, Node, Observed, Process, plan};

    const GOOD: Node = Node {
        reserved: true,
        prepared: true,
        broker: Process::Current,
        ready: true,
        agent: Process::Current,
        data: true,
    };

    fn nodes(nodes: &[Node]) -> Observed {
        (1..).zip(nodes.iter().copied()).collect()
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
            (
                "an agent died",
                present(1),
                nodes(&[Node { agent: Process::Stopped, ..GOOD }]),
                &[StartAgent(1)],
            ),
            (
                "an agent reports to an address that is gone",
                present(1),
                nodes(&[Node { agent: Process::Outdated, ..GOOD }]),
                &[StopAgent(1), StartAgent(1)],
            ),
            (
                "a changed configuration restarts one broker after the other",
                present(2),
                nodes(&[Node { prepared: false, ..outdated }, Node { prepared: false, ..outdated }]),
                &[
                    Prepare(1),
                    Prepare(2),
                    StopBroker(1),
                    StartBroker(1),
                    AwaitReady(1),
                    StopBroker(2),
                    StartBroker(2),
                    AwaitReady(2),
                ],
            ),
            (
                "a dead broker comes back before another is restarted",
                present(2),
                nodes(&[outdated, dead]),
                &[StartBroker(2), AwaitReady(2), StopBroker(1), StartBroker(1), AwaitReady(1)],
            ),
            (
                "one broker less",
                present(1),
                nodes(&[GOOD, GOOD]),
                &[StopAgent(2), StopBroker(2), RemoveData(2), Release(2)],
            ),
            (
                "a delete takes processes first, then data, then addresses",
                Desired::Absent,
                nodes(&[GOOD, GOOD]),
                &[
                    StopAgent(1),
                    StopAgent(2),
                    StopBroker(1),
                    StopBroker(2),
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
}
