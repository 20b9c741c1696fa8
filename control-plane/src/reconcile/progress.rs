//! How an operation's steps and a cluster's status follow from actions. Pure.

use chrono::{DateTime, Utc};

use super::plan::{Action, Observed};
use crate::domain::cluster::{State as ClusterState, Status};
use crate::domain::operation::{Kind, Operation, State, Step, StepState};
use crate::domain::problem::Problem;
use crate::store::clusters::Stored;

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
            ("restart_brokers", "Restart the brokers, one at a time"),
            ("start_agents", "Start the agents"),
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

/// The step of an operation that an action belongs to.
fn step_of(kind: Kind, action: Action) -> &'static str {
    match (kind, action) {
        (Kind::ClusterUpdate, Action::StopBroker(_) | Action::StartBroker(_) | Action::AwaitReady(_)) => {
            "restart_brokers"
        }
        (_, Action::Reserve(_)) => "reserve_addresses",
        (_, Action::Prepare(_)) => "write_configuration",
        (_, Action::StartBroker(_)) => "start_brokers",
        (_, Action::AwaitReady(_)) => "await_brokers",
        (_, Action::StartAgent(_)) => "start_agents",
        (_, Action::StopAgent(_)) => "stop_agents",
        (_, Action::StopBroker(_)) => "stop_brokers",
        (_, Action::RemoveData(_)) => "remove_data",
        (_, Action::Release(_)) => "release_addresses",
    }
}

/// Notes that an action begins: the steps before its own are over, its own runs.
pub(crate) fn begin(operation: &mut Operation, action: Action, now: DateTime<Utc>) {
    operation.state = State::Running;
    operation.updated_at = now;
    let name = step_of(operation.kind, action);
    let Some(position) = operation.steps.iter().position(|step| step.name == name) else { return };
    for step in operation.steps.iter_mut().take(position) {
        end(step, now);
    }
    // A step that failed once is tried again.
    let step = &mut operation.steps[position];
    step.state = StepState::Running;
    step.started_at.get_or_insert(now);
    step.finished_at = None;
    let mut doing = action.to_string();
    if let Some(first) = doing.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    step.message = Some(doing);
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

/// Notes that an action failed. With `give_up` the operation has failed; else it is tried again.
pub(crate) fn fail(operation: &mut Operation, why: &str, give_up: bool, now: DateTime<Utc>) {
    operation.updated_at = now;
    for step in operation.steps.iter_mut().filter(|step| step.state == StepState::Running) {
        step.message = Some(if give_up { why.to_owned() } else { format!("Trying again: {why}") });
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
    /// Why the last action failed.
    pub(crate) failure: Option<&'a str>,
}

/// A cluster's status after a pass.
pub(crate) fn status(cluster: &Stored, findings: &Findings<'_>, now: DateTime<Utc>) -> Status {
    let wanted = cluster.spec.brokers;
    let in_spec = |id: i32| u32::try_from(id).is_ok_and(|id| (1..=wanted).contains(&id));
    let ready = findings.observed.iter().filter(|(id, node)| in_spec(**id) && node.ready).count();
    let mut status = cluster.status.clone();
    status.brokers_ready = u32::try_from(ready).unwrap_or(u32::MAX);
    status.bootstrap_servers.clone_from(&findings.bootstrap_servers);
    if findings.converged {
        status.observed_generation = cluster.generation;
    }
    let all_ready = status.brokers_ready >= wanted;
    let never_ran = status.observed_generation == 0;
    let has = |kind| findings.unfinished.contains(&kind);
    status.state = if cluster.deletion_requested_at.is_some() {
        ClusterState::Deleting
    } else if !findings.converged && (has(Kind::ClusterCreate) || (never_ran && has(Kind::ClusterUpdate))) {
        ClusterState::Creating
    } else if never_ran {
        ClusterState::Failed
    } else if has(Kind::ClusterUpdate) && !findings.converged {
        ClusterState::Updating
    } else if all_ready {
        ClusterState::Running
    } else {
        ClusterState::Degraded
    };
    let (reason, message) = if all_ready {
        ("BrokersAnswer", "All brokers answer Kafka requests.".to_owned())
    } else {
        ("BrokersAway", format!("{ready} of {wanted} brokers answer Kafka requests."))
    };
    status.set_condition("Ready", all_ready, reason, &message, now);
    match findings.failure {
        Some(why) => status.set_condition("Reconciled", false, "ActionFailed", why, now),
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{begin, fail, steps, succeed};
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
        fail(&mut create, "it does not answer", false, now);
        assert_eq!((create.state, create.steps[3].state), (State::Running, Running));
        fail(&mut create, "it does not answer", true, now);
        assert_eq!((create.state, create.steps[3].state), (State::Failed, Failed));
        assert_eq!(create.error.expect("an error").detail, "it does not answer");

        let mut update = operation(Kind::ClusterUpdate);
        begin(&mut update, Action::StopBroker(1), now);
        begin(&mut update, Action::AwaitReady(1), now);
        succeed(&mut update, now);
        assert_eq!(states(&update), [Skipped, Succeeded, Skipped]);
    }

    #[test]
    fn every_action_of_a_kind_has_its_step() {
        use Action::{
            AwaitReady, Prepare, Release, RemoveData, Reserve, StartAgent, StartBroker, StopAgent, StopBroker,
        };
        for (kind, actions) in [
            (Kind::ClusterCreate, vec![Reserve(1), Prepare(1), StartBroker(1), AwaitReady(1), StartAgent(1)]),
            (
                Kind::ClusterUpdate,
                vec![Prepare(1), StopBroker(1), StartBroker(1), AwaitReady(1), StartAgent(1)],
            ),
            (Kind::ClusterDelete, vec![StopAgent(1), StopBroker(1), RemoveData(1), Release(1)]),
        ] {
            for action in actions {
                let mut fresh = operation(kind);
                begin(&mut fresh, action, crate::clock::now());
                assert!(states(&fresh).contains(&StepState::Running), "{kind:?} {action:?}");
            }
        }
    }
}
