//! Compares what was asked for with what was seen and says what to do, in order. Pure.
//!
//! Must never look at anything but its arguments: the same two always give the same actions, whoever asks and however
//! often it was interrupted. The worker does the actions one by one, looks again, and asks again.

use std::collections::BTreeMap;
use std::fmt;

use super::view::View;
use crate::domain::pods::Trouble;
use crate::domain::replication;

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
    /// Whether the broker answers Kafka requests as a member of its cluster.
    pub ready: bool,
    /// Whether the broker says itself that it does not serve, which is more than that it does not answer.
    pub idle: bool,
    /// The agent.
    pub agent: Process,
    /// Whether it has anything on disk.
    pub data: bool,
    /// Whether it is to go on without that.
    pub condemned: bool,
    /// Whether it has begun without, and somebody waits until it has everything again.
    pub refills: bool,
}

impl Node {
    /// Whether its broker serves nobody, so that it can be restarted with a new configuration without asking.
    fn restarts_freely(&self) -> bool {
        self.broker == Process::Outdated && self.idle && !self.ready
    }

    /// Whether its broker is not there, or as good as that.
    fn is_down(&self) -> bool {
        self.broker == Process::Stopped || self.restarts_freely()
    }

    /// Whether its broker runs as asked for but does not answer.
    fn is_awaited(&self) -> bool {
        self.broker == Process::Current && !self.ready
    }
}

/// Nodes by id.
pub(crate) type Nodes = BTreeMap<i32, Node>;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    /// Each node, from outside.
    pub nodes: Nodes,
    /// What the brokers say; `None` while none of them answers.
    pub view: Option<View>,
    /// Why nodes do not serve, as far as the provider knows. For people: nothing is planned by it.
    pub troubles: Troubles,
}

/// What keeps nodes from serving, by id.
pub(crate) type Troubles = BTreeMap<i32, Trouble>;

/// One thing to do. Doing it twice does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Reserve the node's addresses.
    Reserve(i32),
    /// Write its configuration.
    Prepare(i32),
    /// Stop its broker.
    StopBroker(i32),
    /// End its broker, which hands nothing over: nobody is to go on, and its data is removed.
    EndBroker(i32),
    /// Start its broker.
    StartBroker(i32),
    /// Wait until its broker answers.
    AwaitReady(i32),
    /// Make its broker a voter of the metadata quorum.
    AddVoter(i32),
    /// Wait until its broker can be stopped without harm.
    AwaitSpare(i32),
    /// Wait until all its broker's replicas are in sync.
    AwaitInSync(i32),
    /// Stop its agent.
    StopAgent(i32),
    /// Start its agent.
    StartAgent(i32),
    /// Delete its data.
    RemoveData(i32),
    /// Give its addresses back.
    Release(i32),
    /// Stop its broker and give up its data, which others have.
    Replace(i32),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserve(node) => write!(f, "reserving addresses for broker {node}"),
            Self::Prepare(node) => write!(f, "writing the configuration of broker {node}"),
            Self::StopBroker(node) => write!(f, "stopping broker {node}"),
            Self::EndBroker(node) => write!(f, "ending broker {node}"),
            Self::StartBroker(node) => write!(f, "starting broker {node}"),
            Self::AwaitReady(node) => write!(f, "waiting for broker {node}"),
            Self::AddVoter(node) => write!(f, "making broker {node} a voter of the metadata quorum"),
            Self::AwaitSpare(node) => write!(f, "waiting until broker {node} can be spared"),
            Self::AwaitInSync(node) => write!(f, "waiting until the replicas of broker {node} are in sync"),
            Self::StopAgent(node) => write!(f, "stopping the agent of broker {node}"),
            Self::StartAgent(node) => write!(f, "starting the agent of broker {node}"),
            Self::RemoveData(node) => write!(f, "removing the data of broker {node}"),
            Self::Replace(node) => write!(f, "giving up the data of broker {node}"),
            Self::Release(node) => write!(f, "giving back the addresses of broker {node}"),
        }
    }
}

/// What to do to get from what was seen to what was asked for; empty when they are the same.
///
/// Every node goes through one phase before any goes on to the next: brokers that are down are started together, for a
/// metadata quorum needs its majority to get anywhere. Restarts are another matter: one broker at a time, none before
/// all others are there, and one in a plan, so that what was seen before it is not believed after it.
pub(crate) fn plan(desired: Desired, observed: &Observed) -> Vec<Action> {
    let brokers = match desired {
        Desired::Present { brokers } => brokers,
        Desired::Absent => 0,
    };
    let last = i32::try_from(brokers).unwrap_or(i32::MAX);
    let nodes = &observed.nodes;
    let wanted: Nodes = (1..=last).map(|id| (id, nodes.get(&id).copied().unwrap_or_default())).collect();
    let surplus: Nodes =
        nodes.iter().filter(|(id, _)| !wanted.contains_key(id)).map(|(id, node)| (*id, *node)).collect();
    if let Some(actions) = replace_one(brokers, &wanted, observed.view.as_ref()) {
        return actions;
    }
    let mut actions = bring_up(&wanted);
    // What the brokers said is out of date as soon as one of them is started.
    if !wanted.values().any(|node| node.is_down() || node.is_awaited()) {
        let voters =
            observed.view.as_ref().map(|view| add_voters(brokers, &wanted, view)).unwrap_or_default();
        if voters.is_empty() {
            actions.extend(restart_one(&wanted, observed.view.as_ref()));
        }
        actions.extend(voters);
        actions.extend(refills(&wanted, observed.view.as_ref()));
    }
    // Brokers that stop one after the other would wait for a quorum that is going, too.
    let stop = if desired == Desired::Absent { Action::EndBroker } else { Action::StopBroker };
    actions.extend(take_down(&surplus, stop));
    actions
}

/// A broker that is there, with data or running, although fewer are asked for, and how many are. Nobody can ask for fewer, so this is
/// an accident, such as a database that was restored from before they were more: what they have must not go for it.
pub(crate) fn unasked_data(desired: Desired, observed: &Observed) -> Option<(i32, u32)> {
    let Desired::Present { brokers } = desired else { return None };
    let last = i32::try_from(brokers).unwrap_or(i32::MAX);
    let there = |node: &Node| node.data || node.broker.runs();
    let (id, _) = observed.nodes.iter().find(|(id, node)| **id > last && there(node))?;
    Some((*id, brokers))
}

/// The next broker that is to begin with an empty disk, whether it serves or cannot be brought back. The others have to be there,
/// for it gets all records from them again; and as many as should vote, for one that begins anew has no vote.
fn replace_one(brokers: u32, wanted: &Nodes, view: Option<&View>) -> Option<Vec<Action>> {
    let (id, _) = wanted.iter().find(|(_, node)| node.condemned && node.reserved && node.prepared)?;
    let others = wanted.iter().filter(|(other, _)| *other != id);
    if others.clone().count() == 0 || others.clone().any(|(_, node)| node.is_down() || node.is_awaited()) {
        return None;
    }
    let id = *id;
    let voters = view.map(|view| add_voters(brokers, wanted, view)).unwrap_or_default();
    if !voters.is_empty() {
        return Some(voters);
    }
    Some(vec![
        Action::AwaitSpare(id),
        Action::Replace(id),
        Action::StartBroker(id),
        Action::AwaitReady(id),
        Action::AwaitInSync(id),
    ])
}

/// Brokers that began with an empty disk and have not got everything yet, as far as the others say.
fn refills(wanted: &Nodes, view: Option<&View>) -> Vec<Action> {
    let lacks = |id: i32| view.is_none_or(|view| !view.live.contains(&id) || view.behind(id).is_some());
    let refill = wanted.iter().filter(|(id, node)| node.refills && lacks(**id));
    refill.map(|(id, _)| Action::AwaitInSync(*id)).collect()
}

fn bring_up(wanted: &Nodes) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut phase = |applies: &dyn Fn(&Node) -> bool, action: fn(i32) -> Action| {
        actions.extend(wanted.iter().filter(|(_, node)| applies(node)).map(|(id, _)| action(*id)));
    };
    phase(&|node| !node.reserved, Action::Reserve);
    phase(&|node| !node.prepared, Action::Prepare);
    phase(&Node::restarts_freely, Action::StopBroker);
    phase(&Node::is_down, Action::StartBroker);
    phase(&|node| node.is_down() || node.is_awaited(), Action::AwaitReady);
    for (id, node) in wanted {
        match node.agent {
            Process::Current => {}
            Process::Outdated => actions.extend([Action::StopAgent(*id), Action::StartAgent(*id)]),
            Process::Stopped => actions.push(Action::StartAgent(*id)),
        }
    }
    actions
}

/// A cluster that began small has fewer voters than one of its size should have.
fn add_voters(brokers: u32, wanted: &Nodes, view: &View) -> Vec<Action> {
    let Some(quorum) = view.quorum.as_ref().filter(|quorum| quorum.grows) else { return Vec::new() };
    let target = usize::try_from(replication::voters(brokers)).unwrap_or(usize::MAX);
    let missing = target.saturating_sub(quorum.voters.len());
    let others =
        wanted.iter().filter(|(id, node)| node.ready && !node.condemned && !quorum.voters.contains(id));
    others.take(missing).map(|(id, _)| Action::AddVoter(*id)).collect()
}

/// The next restart for a new configuration, with the waits that keep every partition at or above
/// `min.insync.replicas`. One that does not answer is first, for it may be what the change is to cure; the leader of the
/// metadata quorum is last, so that the lead is handed over once and not from one to be restarted to another.
fn restart_one(wanted: &Nodes, view: Option<&View>) -> Vec<Action> {
    let outdated = wanted.iter().filter(|(_, node)| node.broker == Process::Outdated);
    let next = outdated.map(|(id, node)| (*id, node)).min_by_key(|(id, node)| {
        let leads = view.is_some_and(|view| view.controller == Some(*id));
        let is_needed = view.is_some_and(|view| view.may_stop(*id).is_err());
        (node.ready, leads, is_needed, *id)
    });
    let Some((next, _)) = next else { return Vec::new() };
    let restart = [Action::StopBroker(next), Action::StartBroker(next), Action::AwaitReady(next)];
    if wanted.len() == 1 {
        // There is nobody to wait for, nor anybody who could say that it can be spared.
        return restart.to_vec();
    }
    let restarted_before =
        wanted.iter().filter(|(_, node)| node.broker == Process::Current).map(|(id, _)| *id);
    let mut actions: Vec<Action> = restarted_before
        .filter(|id| view.is_some_and(|view| view.behind(*id).is_some()))
        .map(Action::AwaitInSync)
        .collect();
    actions.push(Action::AwaitSpare(next));
    actions.extend(restart);
    actions.push(Action::AwaitInSync(next));
    actions
}

fn take_down(surplus: &Nodes, stop: fn(i32) -> Action) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut phase = |applies: &dyn Fn(&Node) -> bool, action: fn(i32) -> Action| {
        actions.extend(surplus.iter().filter(|(_, node)| applies(node)).map(|(id, _)| action(*id)));
    };
    phase(&|node| node.agent.runs(), Action::StopAgent);
    phase(&|node| node.broker.runs(), stop);
    phase(&|node| node.data, Action::RemoveData);
    phase(&|node| node.reserved, Action::Release);
    actions
}

#[cfg(test)]
mod tests;
