//! How an operation's steps and a cluster's status follow from actions. Pure.

use chrono::{DateTime, Utc};

use super::plan::{Action, Observed};
use crate::domain::cluster::{State as ClusterState, Status};
use crate::domain::operation::{Kind, Operation, State, Step, StepState};
use crate::domain::pods::Trouble;
use crate::domain::problem::Problem;
use crate::store::clusters::Stored;

/// The step that restarts brokers.
const RESTART: &str = "restart_brokers";

/// The steps of an operation before it begins.
pub(crate) fn steps(kind: Kind) -> Vec<Step> {
    let steps: &[(&str, &str)] = match kind {
        Kind::ClusterCreate => &[
            ("reserve_addresses", "Reserve addresses"),
            ("write_configuration", "Write the configuration"),
            ("start_brokers", "Start the brokers"),
            ("await_brokers", "Wait until the brokers answer"),
            ("start_agents", "Start the agents"),
        ],
        Kind::ClusterUpdate => &[
            ("write_configuration", "Write the configuration"),
            ("start_agents", "Start the agents"),
            ("restart_brokers", "Restart the brokers, one at a time"),
        ],
        Kind::ClusterScaleOut => &[
            ("reserve_addresses", "Reserve addresses"),
            ("write_configuration", "Write the configuration"),
            ("start_brokers", "Start the new brokers"),
            ("await_brokers", "Wait until the new brokers answer"),
            ("start_agents", "Start the agents"),
            ("add_voters", "Make new brokers voters of the metadata quorum"),
            ("restart_brokers", "Restart the old brokers where their configuration changed, one at a time"),
        ],
        Kind::ClusterUpgrade | Kind::ClusterRestart => &[
            ("write_configuration", "Write the configuration"),
            ("start_agents", "Start the agents"),
            ("restart_brokers", "Restart the brokers, one at a time"),
        ],
        Kind::BrokerReplace => &[
            ("await_copies", "Wait until others have all that the broker has"),
            ("replace_broker", "Give up the broker's data"),
            ("start_brokers", "Start the broker on an empty disk"),
            ("await_brokers", "Wait until the broker answers"),
            ("restore_replicas", "Wait until its replicas are in sync again"),
        ],
        Kind::ClusterDelete => &[
            ("stop_agents", "Stop the agents"),
            ("stop_brokers", "Stop the brokers"),
            ("remove_data", "Remove the data"),
            ("release_addresses", "Give back the addresses"),
        ],
    };
    let step = |(name, title): &(&str, &str)| Step {
        name: (*name).to_owned(),
        title: (*title).to_owned(),
        state: StepState::Pending,
        started_at: None,
        finished_at: None,
        message: None,
    };
    steps.iter().map(step).collect()
}

/// The step of an operation that an action belongs to. A broker that is started while others are being restarted is one
/// of these.
fn step_of(operation: &Operation, action: Action) -> &'static str {
    let restarts = match operation.kind {
        Kind::ClusterUpdate | Kind::ClusterUpgrade | Kind::ClusterRestart => true,
        Kind::ClusterScaleOut => {
            operation.steps.iter().any(|step| step.name == RESTART && step.state != StepState::Pending)
        }
        Kind::ClusterCreate | Kind::BrokerReplace | Kind::ClusterDelete => false,
    };
    match (operation.kind, action) {
        (Kind::BrokerReplace, Action::AwaitSpare(_)) => "await_copies",
        (Kind::BrokerReplace, Action::AwaitInSync(_)) => "restore_replicas",
        (_, Action::Replace(_)) => "replace_broker",
        (_, Action::AwaitSpare(_) | Action::AwaitInSync(_))
        | (Kind::ClusterScaleOut, Action::StopBroker(_)) => RESTART,
        (_, Action::StopBroker(_) | Action::StartBroker(_) | Action::AwaitReady(_)) if restarts => RESTART,
        (_, Action::AddVoter(_)) => "add_voters",
        (_, Action::Reserve(_)) => "reserve_addresses",
        (_, Action::Prepare(_)) => "write_configuration",
        (_, Action::StartBroker(_)) => "start_brokers",
        (_, Action::AwaitReady(_)) => "await_brokers",
        (_, Action::StartAgent(_)) => "start_agents",
        (_, Action::StopAgent(_)) => "stop_agents",
        (_, Action::StopBroker(_) | Action::EndBroker(_)) => "stop_brokers",
        (_, Action::RemoveData(_)) => "remove_data",
        (_, Action::Release(_)) => "release_addresses",
    }
}

/// Notes that an action begins: the steps before its own are over, its own runs.
pub(crate) fn begin(operation: &mut Operation, action: Action, now: DateTime<Utc>) {
    operation.state = State::Running;
    operation.updated_at = now;
    let name = step_of(operation, action);
    let Some(position) = operation.steps.iter().position(|step| step.name == name) else { return };
    for step in operation.steps.iter_mut().take(position) {
        end(step, now);
    }
    // A step that failed once is tried again.
    let step = &mut operation.steps[position];
    step.state = StepState::Running;
    step.started_at.get_or_insert(now);
    step.finished_at = None;
    step.message = Some(capitalised(&action.to_string()));
}

fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// A step is over: what ran has succeeded, what never began was not needed.
fn end(step: &mut Step, now: DateTime<Utc>) {
    match step.state {
        StepState::Pending => step.state = StepState::Skipped,
        StepState::Running | StepState::Failed => {
            step.state = StepState::Succeeded;
            step.finished_at = Some(now);
            step.message = None;
        }
        StepState::Succeeded | StepState::Skipped => {}
    }
}

/// Notes that nothing is left to do.
pub(crate) fn succeed(operation: &mut Operation, now: DateTime<Utc>) {
    for step in &mut operation.steps {
        end(step, now);
    }
    operation.state = State::Succeeded;
    operation.error = None;
    operation.updated_at = now;
    operation.finished_at = Some(now);
}

/// Why an action did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback<'a> {
    /// It failed.
    Failed(&'a str),
    /// What it waits for takes long.
    Waits(&'a str),
}

impl Setback<'_> {
    const fn why(&self) -> &str {
        match self {
            Self::Failed(why) | Self::Waits(why) => why,
        }
    }
}

/// Notes that an action did not come to its end. With `give_up` the operation has failed; else it is tried again.
pub(crate) fn set_back(operation: &mut Operation, setback: Setback<'_>, give_up: bool, now: DateTime<Utc>) {
    operation.updated_at = now;
    let why = setback.why();
    for step in operation.steps.iter_mut().filter(|step| step.state == StepState::Running) {
        step.message = Some(match setback {
            _ if give_up => why.to_owned(),
            Setback::Failed(why) => format!("Trying again: {why}"),
            Setback::Waits(why) => capitalised(why),
        });
        if give_up {
            step.state = StepState::Failed;
            step.finished_at = Some(now);
        }
    }
    if give_up {
        operation.state = State::Failed;
        operation.error = Some(Problem::new(500, "provisioning_failed", why));
        operation.finished_at = Some(now);
    }
}

/// What a pass over a cluster found.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    /// What was seen.
    pub(crate) observed: &'a Observed,
    /// Operations that have not ended.
    pub(crate) unfinished: &'a [Kind],
    /// Nothing was left to do.
    pub(crate) converged: bool,
    /// What clients are given.
    pub(crate) bootstrap_servers: Option<String>,
    /// Why the last action did not come to its end.
    pub(crate) setback: Option<Setback<'a>>,
}

/// A cluster's status after a pass.
pub(crate) fn status(cluster: &Stored, findings: &Findings<'_>, now: DateTime<Utc>) -> Status {
    let wanted = cluster.spec.brokers;
    let in_spec = |id: i32| u32::try_from(id).is_ok_and(|id| (1..=wanted).contains(&id));
    let ready = findings.observed.nodes.iter().filter(|(id, node)| in_spec(**id) && node.ready).count();
    let mut status = cluster.status.clone();
    status.brokers_ready = u32::try_from(ready).unwrap_or(u32::MAX);
    status.bootstrap_servers.clone_from(&findings.bootstrap_servers);
    let view = findings.observed.view.as_ref();
    status.controller_id = view.and_then(|view| view.controller);
    status.partitions = view.map(|view| view.partitions);
    let last = i32::try_from(wanted).unwrap_or(i32::MAX);
    status.brokers_missing = view.map(|view| (1..=last).filter(|id| !view.live.contains(id)).collect());
    if findings.converged {
        status.observed_generation = cluster.generation;
    }
    let all_ready = status.brokers_ready >= wanted;
    let refuses = status.partitions.is_some_and(|partitions| partitions.refuse_clients());
    let never_ran = status.observed_generation == 0;
    let has = |kind| findings.unfinished.contains(&kind);
    let changes = [
        Kind::ClusterUpdate,
        Kind::ClusterScaleOut,
        Kind::ClusterUpgrade,
        Kind::ClusterRestart,
        Kind::BrokerReplace,
    ]
    .map(has);
    let changes = changes.contains(&true);
    status.state = if cluster.deletion_requested_at.is_some() {
        ClusterState::Deleting
    } else if !findings.converged && (has(Kind::ClusterCreate) || (never_ran && changes)) {
        ClusterState::Creating
    } else if never_ran {
        ClusterState::Failed
    } else if changes && !findings.converged {
        ClusterState::Updating
    } else if all_ready && !refuses {
        ClusterState::Running
    } else {
        ClusterState::Degraded
    };
    let (reason, message) = if all_ready {
        ("BrokersAnswer", "All brokers answer Kafka requests.".to_owned())
    } else {
        let troubles = findings.observed.troubles.iter().filter(|(id, _)| in_spec(**id));
        let counted = format!("{ready} of {wanted} brokers answer Kafka requests.");
        let (reason, told) = tell_troubles(troubles);
        (reason.unwrap_or("BrokersAway"), counted + &told)
    };
    status.set_condition("Ready", all_ready, reason, &message, now);
    set_in_sync(&mut status, now);
    match findings.setback {
        Some(Setback::Failed(why)) => status.set_condition("Reconciled", false, "ActionFailed", why, now),
        Some(Setback::Waits(why)) => status.set_condition("Reconciled", false, "Waiting", why, now),
        None if findings.converged => {
            status.set_condition(
                "Reconciled",
                true,
                "AsAskedFor",
                "The cluster is as it was asked for.",
                now,
            );
        }
        None => status.set_condition("Reconciled", false, "InProgress", "A change is under way.", now),
    }
    status
}

/// Brokers whose troubles are told in a condition; the others' are with the brokers themselves.
const TROUBLES_TOLD_MAX: usize = 3;

/// The first trouble's reason, and what is the matter with the first few brokers.
fn tell_troubles<'a>(
    troubles: impl Iterator<Item = (&'a i32, &'a Trouble)> + Clone,
) -> (Option<&'a str>, String) {
    let mut told: Vec<_> = troubles.clone().collect();
    // What passes by itself is told last.
    told.sort_by_key(|(_, trouble)| trouble.passes());
    let reason = told.first().map(|(_, trouble)| trouble.reason.as_str());
    let told = told.into_iter().take(TROUBLES_TOLD_MAX);
    let told: String = told.map(|(id, trouble)| format!(" Broker {id}: {}", trouble.message)).collect();
    let others = troubles.count().saturating_sub(TROUBLES_TOLD_MAX);
    let others = if others > 0 { format!(" And {others} more.") } else { String::new() };
    (reason, told + &others)
}

/// Says in a condition how the partitions are.
fn set_in_sync(status: &mut Status, now: DateTime<Utc>) {
    let (holds, reason, message) = match status.partitions {
        None => (false, "Unknown", "No broker says how its partitions are.".to_owned()),
        Some(all) if all.are_well() => {
            (true, "AllInSync", format!("All replicas of {} partitions are in sync.", all.total))
        }
        Some(all) => {
            let reason = if all.offline > 0 { "PartitionsOffline" } else { "ReplicasBehind" };
            let counts = [
                (all.under_replicated, "lack in-sync replicas"),
                (all.under_min_isr.unwrap_or(0), "are below min.insync.replicas"),
                (all.offline, "have no leader"),
            ];
            let lacking: Vec<String> = counts
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            let message = format!("Of {} partitions, {}.", all.total, lacking.join(", "));
            (false, reason, message)
        }
    };
    status.set_condition("InSync", holds, reason, &message, now);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Setback, begin, set_back, steps, succeed};
    use crate::domain::operation::{Kind, Operation, State, StepState};
    use crate::reconcile::plan::Action;

    fn operation(kind: Kind) -> Operation {
        let now = crate::clock::now();
        Operation {
            id: Uuid::nil(),
            kind,
            cluster_id: Uuid::nil(),
            cluster_name: "orders".to_owned(),
            project: "default".to_owned(),
            state: State::Pending,
            progress: 0,
            steps: steps(kind),
            error: None,
            created_at: now,
            updated_at: now,
            finished_at: None,
        }
    }

    fn states(operation: &Operation) -> Vec<StepState> {
        operation.steps.iter().map(|step| step.state).collect()
    }

    #[test]
    fn steps_follow_the_actions_and_survive_an_interruption() {
        use StepState::{Failed, Pending, Running, Skipped, Succeeded};
        let now = crate::clock::now();
        let mut create = operation(Kind::ClusterCreate);
        begin(&mut create, Action::Reserve(1), now);
        assert_eq!(states(&create), [Running, Pending, Pending, Pending, Pending]);
        // Another worker finds the broker started already.
        begin(&mut create, Action::AwaitReady(1), now);
        assert_eq!(states(&create), [Succeeded, Skipped, Skipped, Running, Pending]);
        set_back(&mut create, Setback::Failed("it does not answer"), false, now);
        assert_eq!((create.state, create.steps[3].state), (State::Running, Running));
        set_back(&mut create, Setback::Failed("it does not answer"), true, now);
        assert_eq!((create.state, create.steps[3].state), (State::Failed, Failed));
        assert_eq!(create.error.expect("an error").detail, "it does not answer");

        let mut update = operation(Kind::ClusterUpdate);
        begin(&mut update, Action::StopBroker(1), now);
        begin(&mut update, Action::AwaitReady(1), now);
        succeed(&mut update, now);
        assert_eq!(states(&update), [Skipped, Skipped, Succeeded]);

        let mut grow = operation(Kind::ClusterScaleOut);
        for action in
            [Action::StartBroker(2), Action::AwaitReady(2), Action::AddVoter(2), Action::AwaitSpare(1)]
        {
            begin(&mut grow, action, now);
        }
        set_back(&mut grow, Setback::Waits("without broker 1 too few are left"), false, now);
        assert_eq!((grow.state, grow.error.is_none()), (State::Running, true));
        assert_eq!(grow.steps[6].message.as_deref(), Some("Without broker 1 too few are left"));
        // From here on a start is a restart.
        begin(&mut grow, Action::StartBroker(1), now);
        assert_eq!(
            states(&grow),
            [Skipped, Skipped, Succeeded, Succeeded, Skipped, Succeeded, Running],
            "{grow:?}"
        );
    }

    #[test]
    fn every_action_of_a_kind_has_its_step() {
        use Action::{
            AddVoter, AwaitInSync, AwaitReady, AwaitSpare, EndBroker, Prepare, Release, RemoveData, Reserve,
            StartAgent, StartBroker, StopAgent, StopBroker,
        };
        for (kind, actions) in [
            (Kind::ClusterCreate, vec![Reserve(1), Prepare(1), StartBroker(1), AwaitReady(1), StartAgent(1)]),
            (
                Kind::ClusterUpdate,
                vec![
                    Prepare(1),
                    AwaitSpare(1),
                    StopBroker(1),
                    StartBroker(1),
                    AwaitReady(1),
                    AwaitInSync(1),
                    StartAgent(1),
                ],
            ),
            (
                Kind::ClusterScaleOut,
                vec![
                    Reserve(1),
                    Prepare(1),
                    StartBroker(1),
                    AwaitReady(1),
                    StartAgent(1),
                    AddVoter(1),
                    AwaitSpare(1),
                    StopBroker(1),
                    AwaitInSync(1),
                ],
            ),
            (Kind::ClusterDelete, vec![StopAgent(1), EndBroker(1), RemoveData(1), Release(1)]),
        ] {
            for action in actions {
                let mut fresh = operation(kind);
                begin(&mut fresh, action, crate::clock::now());
                assert!(states(&fresh).contains(&StepState::Running), "{kind:?} {action:?}");
            }
        }
    }
}
