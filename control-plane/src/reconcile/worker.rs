//! Takes clusters that are due from the queue and works on them, one at a time, under a lease.
//!
//! A pass looks, plans, does one action after the other, and looks again, until nothing is left to do. Whatever it writes, it
//! writes in a transaction that checks the lease. If the lease is lost, or someone asks for something else meanwhile,
//! the pass is dropped where it stands: whoever comes next finds what is there and goes on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use sqlx::{PgConnection, Postgres, Transaction};
use tokio_util::sync::CancellationToken;

use super::plan::{Action, Desired, Node, Nodes, Observed, Process, plan, unasked_data};
use super::progress::{self, Findings, Setback};
use super::view::{Share, View};
use crate::changes::Changes;
use crate::clock;
use crate::domain::cluster::Status;
use crate::domain::event::Severity;
use crate::domain::health::{Membership, Sighting};
use crate::domain::operation::Kind;
use crate::provision::{self, Provider};
use crate::store::clusters::Stored;
use crate::store::work::Lease;
use crate::store::{self, Store, operations};
use crate::telemetry::Telemetry;

/// A plan that was carried out leaves nothing to do, but for one restart in each and unless things change meanwhile; not
/// more often than this beyond the number of brokers.
const SPARE_PLANS_PER_PASS: usize = 5;
/// After this many failures in a row an operation has failed. The cluster is still tried again, now and then.
const FAILURES_MAX: i32 = 6;
/// Wait after the first failure; doubles with each.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest wait after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A worker looks into the queue this often even when nobody wakes it.
const IDLE_POLL: Duration = Duration::from_secs(1);
/// Wait before what is waited for is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same where a change wakes a worker.
const LOOK_AGAIN_WATCHED: Duration = Duration::from_secs(30);
/// Wait after the database did not answer.
const STORE_AWAY_WAIT: Duration = Duration::from_secs(1);

/// What workers share.
#[derive(Debug)]
pub(crate) struct Reconciler<P> {
    pub(crate) store: Store,
    pub(crate) provider: Arc<P>,
    pub(crate) changes: Changes,
    pub(crate) telemetry: Arc<Telemetry>,
    /// A worker that is silent for this long has lost its cluster.
    pub(crate) lease: Duration,
    /// A cluster is looked at this often even when nobody asks.
    pub(crate) resync: Duration,
}

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("{doing}: {source}")]
    Action { doing: String, source: provision::Error },
    #[error(transparent)]
    Provider(#[from] provision::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the lease is lost")]
    LeaseLost,
    #[error("something else was asked for")]
    Superseded,
    #[error("the control plane shuts down")]
    Shutdown,
}

impl<P: Provider> Reconciler<P> {
    /// Works until shutdown.
    pub(crate) async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut signals = self.changes.work();
        while !shutdown.is_cancelled() {
            match self.next().await {
                Ok(Some(lease)) => self.work(&lease, &shutdown).await,
                Ok(None) => {
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        _ = signals.changed() => {}
                        () = tokio::time::sleep(jitter(IDLE_POLL)) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the work queue");
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        () = tokio::time::sleep(jitter(STORE_AWAY_WAIT)) => {}
                    }
                }
            }
        }
    }

    async fn next(&self) -> Result<Option<Lease>, store::Error> {
        let mut db = self.store.connection().await?;
        store::work::lease(&mut db, self.lease).await
    }

    /// One pass under a lease, and what follows from how it ended.
    async fn work(&self, lease: &Lease, shutdown: &CancellationToken) {
        // Boxed: the future of a pass is large.
        let pass = Box::pin(self.pass(lease));
        let result = tokio::select! {
            biased;
            () = shutdown.cancelled() => Err(Interrupted::Shutdown),
            interrupted = self.keep_lease(lease) => Err(interrupted),
            result = pass => result,
        };
        let (delay, failures) = match &result {
            Ok(()) => (self.resync, 0),
            Err(Interrupted::LeaseLost) => {
                tracing::warn!(cluster = %lease.cluster_id, "lost the lease; another worker goes on");
                return;
            }
            Err(Interrupted::Superseded | Interrupted::Shutdown) => (Duration::ZERO, lease.failures),
            Err(
                Interrupted::Action { source: provision::Error::Waiting(_), .. }
                | Interrupted::Provider(provision::Error::Waiting(_)),
            ) => (jitter(LOOK_AGAIN), lease.failures),
            Err(Interrupted::Action { source: provision::Error::Watched(_), .. }) => {
                (jitter(LOOK_AGAIN_WATCHED), lease.failures)
            }
            Err(error) => {
                self.telemetry.pass_failed();
                let failures = lease.failures.saturating_add(1);
                tracing::warn!(cluster = %lease.cluster_id, failures, %error, "a pass failed");
                (backoff(failures), failures)
            }
        };
        self.telemetry.pass_done();
        let given_back = async {
            let mut db = self.store.connection().await?;
            store::work::finish(&mut db, lease, delay, failures).await
        };
        if let Err(error) = given_back.await {
            // The lease expires by itself.
            tracing::warn!(cluster = %lease.cluster_id, %error, "cannot give a lease back");
        }
    }

    /// Renews the lease until it is lost, or somebody asks for something else.
    async fn keep_lease(&self, lease: &Lease) -> Interrupted {
        let mut signals = self.changes.work();
        let mut expires = tokio::time::Instant::now() + self.lease;
        loop {
            tokio::select! {
                _ = signals.changed() => {}
                () = tokio::time::sleep(self.lease / 3) => {}
            }
            let renewed_from = tokio::time::Instant::now();
            let renewal = async {
                let mut db = self.store.connection().await?;
                store::work::renew(&mut db, lease, self.lease).await
            };
            match tokio::time::timeout_at(expires, renewal).await {
                Ok(Ok(Some(signals))) if signals != lease.signals => return Interrupted::Superseded,
                Ok(Ok(Some(_))) => expires = renewed_from + self.lease,
                Ok(Ok(None)) => return Interrupted::LeaseLost,
                Ok(Err(error)) if tokio::time::Instant::now() < expires => {
                    tracing::warn!(cluster = %lease.cluster_id, %error, "cannot renew a lease");
                    tokio::time::sleep(self.lease / 10).await;
                }
                Ok(Err(_)) | Err(_) => return Interrupted::LeaseLost,
            }
        }
    }

    async fn pass(&self, lease: &Lease) -> Result<(), Interrupted> {
        let found = {
            let mut db = self.store.connection().await?;
            store::clusters::get(&mut db, lease.cluster_id).await?
        };
        let Some(mut cluster) = found else { return Ok(()) };
        let desired = match cluster.deletion_requested_at {
            Some(_) => Desired::Absent,
            None => Desired::Present { brokers: cluster.spec.brokers },
        };
        let brokers = usize::try_from(cluster.spec.brokers).unwrap_or(usize::MAX);
        for _ in 0..brokers.saturating_add(SPARE_PLANS_PER_PASS) {
            let observed = self.observe(&cluster).await?;
            if let Some((node, brokers)) = unasked_data(desired, &observed) {
                let source = provision::Error::Permanent(format!(
                    "broker {node} has data, but the cluster is asked to have {brokers}: it is left alone. Ask for as many as there are, with PATCH of brokers"
                ));
                let error = Interrupted::Action { doing: "counting the brokers".to_owned(), source };
                self.failed(lease, &mut cluster, &observed, &error).await?;
                return Err(error);
            }
            let actions = plan(desired, &observed);
            if actions.is_empty() {
                return self.converged(lease, &mut cluster, &observed).await;
            }
            for action in actions {
                tracing::info!(cluster = cluster.name, %action, "reconciling");
                self.begin(lease, &mut cluster, &observed, action).await?;
                if let Err(source) = self.apply_and_tell(lease, &mut cluster, action).await {
                    let error = Interrupted::Action { doing: action.to_string(), source };
                    self.failed(lease, &mut cluster, &observed, &error).await?;
                    return Err(error);
                }
            }
        }
        Err(provision::Error::NotYet("what was done does not last".to_owned()).into())
    }

    /// The nodes as the provider sees them, and the cluster as its brokers do.
    async fn observe(&self, cluster: &Stored) -> Result<Observed, provision::Error> {
        let mut nodes = self.provider.observe(cluster).await?;
        if !cluster.spec.replacements.is_empty() {
            self.note_replacements(cluster, &mut nodes).await?;
        }
        let troubles = self.provider.troubles(cluster).await?;
        let mut peers = self.provider.peers(cluster).await?;
        peers.retain(|id, _| nodes.get(id).is_some_and(|node| node.ready));
        if peers.is_empty() || cluster.deletion_requested_at.is_some() {
            return Ok(Observed { nodes, view: None, troubles });
        }
        let view = super::cluster::look(&peers).await;
        if let Err(why) = &view {
            tracing::debug!(cluster = cluster.name, why, "the brokers do not say how they are");
        }
        Ok(Observed { nodes, view: view.ok(), troubles })
    }

    /// Which brokers are to begin anew, and which have and are waited for.
    async fn note_replacements(&self, cluster: &Stored, nodes: &mut Nodes) -> Result<(), store::Error> {
        let mut db = self.store.connection().await?;
        let replaced = store::nodes::replaced(&mut db, cluster.id).await?;
        let unfinished = operations::unfinished(&mut db, cluster.id).await?;
        let waited_for = kinds(&unfinished).contains(&Kind::BrokerReplace);
        for (id, asked) in &cluster.spec.replacements {
            if let Some(node) = nodes.get_mut(id) {
                node.condemned = replaced.get(id).copied().unwrap_or_default() < *asked;
                node.refills = waited_for && !node.condemned;
            }
        }
        Ok(())
    }

    /// Does one thing, and tells meanwhile how the cluster is: a broker that does not answer is waited for for long, and that its
    /// partitions lack replicas must not be told only afterwards.
    async fn apply_and_tell(
        &self,
        lease: &Lease,
        cluster: &mut Stored,
        action: Action,
    ) -> Result<(), provision::Error> {
        let to = cluster.clone();
        tokio::select! {
            biased;
            applied = self.apply(&to, action) => applied,
            never = self.keep_telling(lease, cluster) => match never {},
        }
    }

    async fn keep_telling(&self, lease: &Lease, cluster: &mut Stored) -> Infallible {
        loop {
            tokio::time::sleep(self.resync).await;
            // Boxed, as the pass is. What is told is told again: that it could not be does not hold up what is done.
            if let Err(error) = Box::pin(self.tell(lease, cluster)).await {
                tracing::debug!(cluster = cluster.name, %error, "cannot tell how the cluster is");
            }
        }
    }

    /// Writes down how the cluster is while something is done to it.
    async fn tell(&self, lease: &Lease, cluster: &mut Stored) -> Result<(), Interrupted> {
        let observed = self.observe(cluster).await?;
        let bootstrap = self.provider.bootstrap_servers(cluster).await?;
        // Counts once it is stored: this can be dropped at any line.
        let mut told = cluster.clone();
        let mut transaction = self.hold(lease).await?;
        let unfinished = operations::unfinished(&mut transaction, cluster.id).await?;
        let findings = Findings {
            observed: &observed,
            unfinished: &kinds(&unfinished),
            converged: false,
            bootstrap_servers: bootstrap,
            setback: None,
        };
        let status = progress::status(cluster, &findings, clock::now());
        write_status(&mut transaction, &mut told, &observed, status).await?;
        commit(transaction).await?;
        *cluster = told;
        Ok(())
    }

    /// Does one thing: to a node through the provider, to the cluster as a whole through its brokers.
    async fn apply(&self, cluster: &Stored, action: Action) -> Result<(), provision::Error> {
        match action {
            Action::AddVoter(node) => {
                super::cluster::add_voter(cluster.id, &self.provider.peers(cluster).await?, node).await
            }
            Action::AwaitSpare(node) => {
                super::cluster::await_spare(&self.provider.peers(cluster).await?, node).await
            }
            Action::Replace(node) => {
                // Right before, for it cannot be undone.
                super::cluster::await_copies(&self.provider.peers(cluster).await?, node).await?;
                self.provider.apply(cluster, action).await?;
                let done = cluster.spec.replacements.get(&node).copied().unwrap_or_default();
                let mut db = self.store.connection().await?;
                Ok(store::nodes::set_replaced(&mut db, cluster.id, node, done).await?)
            }
            Action::AwaitInSync(node) => {
                super::cluster::await_in_sync(&self.provider.peers(cluster).await?, node).await
            }
            _ => self.provider.apply(cluster, action).await,
        }
    }

    /// Tells what is about to be done, before it is done.
    async fn begin(
        &self,
        lease: &Lease,
        cluster: &mut Stored,
        observed: &Observed,
        action: Action,
    ) -> Result<(), Interrupted> {
        let bootstrap = self.provider.bootstrap_servers(cluster).await?;
        let now = clock::now();
        let mut transaction = self.hold(lease).await?;
        let db = &mut *transaction;
        let unfinished = operations::unfinished(db, cluster.id).await?;
        if let Some(mut current) = unfinished.first().cloned() {
            progress::begin(&mut current.operation, action, now);
            operations::save(db, &current.operation).await?;
        } else if let Some(event) = healing_event(cluster, action) {
            store::events::insert(db, cluster, &event, now).await?;
        }
        let findings = Findings {
            observed,
            unfinished: &kinds(&unfinished),
            converged: false,
            bootstrap_servers: bootstrap,
            setback: None,
        };
        write_status(db, cluster, observed, progress::status(cluster, &findings, now)).await?;
        commit(transaction).await
    }

    /// Nothing is left to do: operations have succeeded, a deleted cluster is forgotten.
    async fn converged(
        &self,
        lease: &Lease,
        cluster: &mut Stored,
        observed: &Observed,
    ) -> Result<(), Interrupted> {
        let deleted = cluster.deletion_requested_at.is_some();
        if deleted {
            self.provider.remove_cluster(cluster).await?;
        }
        let bootstrap = self.provider.bootstrap_servers(cluster).await?;
        let now = clock::now();
        let mut transaction = self.hold(lease).await?;
        let db = &mut *transaction;
        if cluster.spec.version_before.is_some() && is_newest(db, cluster).await? {
            cluster.spec.version_before = None;
            store::clusters::write_request(db, cluster).await?;
        }
        let unfinished = operations::unfinished(db, cluster.id).await?;
        for mut done in unfinished.iter().filter(|done| done.generation <= cluster.generation).cloned() {
            progress::succeed(&mut done.operation, now);
            operations::save(db, &done.operation).await?;
            let event = store::events::New {
                severity: Severity::Info,
                reason: done.operation.kind.as_str(),
                message: format!("{} of {:?} succeeded.", done.operation.kind.as_str(), cluster.name),
                actor: done.actor.as_deref(),
            };
            store::events::insert(db, cluster, &event, now).await?;
        }
        if deleted {
            store::clusters::delete(db, cluster.id).await?;
            return commit(transaction).await;
        }
        let findings = Findings {
            observed,
            unfinished: &[],
            converged: true,
            bootstrap_servers: bootstrap,
            setback: None,
        };
        write_status(db, cluster, observed, progress::status(cluster, &findings, now)).await?;
        commit(transaction).await
    }

    /// An action failed: tell why, and give the operation up when that has happened too often or cannot get better.
    async fn failed(
        &self,
        lease: &Lease,
        cluster: &mut Stored,
        observed: &Observed,
        error: &Interrupted,
    ) -> Result<(), Interrupted> {
        let Interrupted::Action { source, .. } = error else { return Ok(()) };
        // That the database is away says nothing about the cluster.
        if matches!(source, provision::Error::Store(_)) {
            return Ok(());
        }
        let waits = matches!(source, provision::Error::Waiting(_) | provision::Error::Watched(_));
        let give_up = matches!(source, provision::Error::Permanent(_))
            || (!waits && lease.failures + 1 >= FAILURES_MAX);
        let why = error.to_string();
        let setback = if waits { Setback::Waits(&why) } else { Setback::Failed(&why) };
        let bootstrap = self.provider.bootstrap_servers(cluster).await?;
        let now = clock::now();
        let mut transaction = self.hold(lease).await?;
        let db = &mut *transaction;
        // What was asked for meanwhile has not been tried.
        let give_up = give_up && is_newest(db, cluster).await?;
        let mut unfinished = operations::unfinished(db, cluster.id).await?;
        // An upgrade can be taken back, and then it shows whether what was asked for beside it works.
        let upgrade = unfinished.iter().position(|stored| stored.operation.kind == Kind::ClusterUpgrade);
        let at = upgrade.unwrap_or(0);
        if let Some(current) = unfinished.get_mut(at) {
            progress::set_back(&mut current.operation, setback, give_up, now);
            operations::save(db, &current.operation).await?;
            if give_up {
                let kind = current.operation.kind.as_str();
                let event = store::events::New {
                    severity: Severity::Error,
                    reason: "operation_failed",
                    message: format!("{kind} of {:?} failed: {why}", cluster.name),
                    actor: current.actor.as_deref(),
                };
                store::events::insert(db, cluster, &event, now).await?;
                let failed = unfinished.remove(at);
                if failed.operation.kind == Kind::ClusterUpgrade {
                    roll_back(db, cluster).await?;
                }
            }
        }
        let findings = Findings {
            observed,
            unfinished: &kinds(&unfinished),
            converged: false,
            bootstrap_servers: bootstrap,
            setback: Some(setback),
        };
        write_status(db, cluster, observed, progress::status(cluster, &findings, now)).await?;
        commit(transaction).await
    }

    /// A transaction during which the lease is ours.
    async fn hold(&self, lease: &Lease) -> Result<Transaction<'static, Postgres>, Interrupted> {
        let mut transaction = self.store.begin().await?;
        if !store::work::hold(&mut transaction, lease).await? {
            return Err(Interrupted::LeaseLost);
        }
        Ok(transaction)
    }
}

/// Whether nothing else was asked for since a pass read the cluster.
async fn is_newest(db: &mut PgConnection, cluster: &Stored) -> Result<bool, store::Error> {
    let now = store::clusters::get(db, cluster.id).await?;
    Ok(now.is_some_and(|now| now.generation == cluster.generation))
}

/// An upgrade failed: what was asked for from now on is the version that the cluster had.
async fn roll_back(db: &mut PgConnection, cluster: &mut Stored) -> Result<(), store::Error> {
    let Some(before) = cluster.spec.version_before.take() else { return Ok(()) };
    let failed = std::mem::replace(&mut cluster.spec.engine.version, before);
    cluster.generation += 1;
    cluster.updated_at = clock::now();
    store::clusters::write_request(db, cluster).await?;
    let event = store::events::New {
        severity: Severity::Warning,
        reason: "upgrade_rolled_back",
        message: format!(
            "{:?} goes back from version {failed} to {}.",
            cluster.name, cluster.spec.engine.version
        ),
        actor: None,
    };
    store::events::insert(db, cluster, &event, cluster.updated_at).await
}

async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), Interrupted> {
    Ok(transaction.commit().await.map_err(store::Error::from)?)
}

fn kinds(operations: &[operations::Stored]) -> Vec<Kind> {
    operations.iter().map(|stored| stored.operation.kind).collect()
}

/// What to tell when something has to be brought back although nobody asked for a change.
fn healing_event(cluster: &Stored, action: Action) -> Option<store::events::New<'static>> {
    if cluster.status.observed_generation == 0 {
        // It never ran: this is another try at making it.
        return None;
    }
    let (reason, message) = match action {
        Action::StartBroker(node) => (
            "broker_restarted",
            format!("Broker {node} of {:?} did not run and is started again.", cluster.name),
        ),
        Action::StartAgent(node) => {
            ("agent_restarted", format!("The agent of broker {node} of {:?} is started again.", cluster.name))
        }
        _ => return None,
    };
    Some(store::events::New { severity: Severity::Warning, reason, message, actor: None })
}

/// Writes what was seen, where it differs from what is stored.
async fn write_status(
    db: &mut PgConnection,
    cluster: &mut Stored,
    observed: &Observed,
    status: Status,
) -> Result<(), store::Error> {
    for (id, node) in &observed.nodes {
        let trouble = observed.troubles.get(id).cloned();
        let sighting = Sighting { trouble, ..sighting(*id, node, observed.view.as_ref()) };
        store::nodes::set_sighting(db, cluster.id, *id, node.ready, &sighting).await?;
    }
    if status != cluster.status {
        store::clusters::write_status(db, cluster.id, &status).await?;
        cluster.status = status;
    }
    Ok(())
}

/// What is shown of a node.
fn sighting(id: i32, node: &Node, view: Option<&View>) -> Sighting {
    let membership = match node.broker {
        Process::Stopped => Membership::Stopped,
        _ if node.ready => Membership::Running,
        _ => Membership::Fenced,
    };
    let share = |count: fn(&Share) -> u32| view.map(|view| view.shares.get(&id).map_or(0, count));
    Sighting {
        membership,
        is_controller: view.map(|view| view.controller == Some(id)),
        is_voter: view.and_then(|view| Some(view.quorum.as_ref()?.voters.contains(&id))),
        leaders: share(|share| share.leaders),
        replicas: share(|share| share.replicas),
        trouble: None,
    }
}

/// Between half of it and all of it, so that control planes do not march in step.
fn jitter(duration: Duration) -> Duration {
    duration.mul_f64(rand::rng().random_range(0.5..=1.0))
}

fn backoff(failures: i32) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    jitter(BACKOFF_FIRST.saturating_mul(1 << doublings).min(BACKOFF_MAX))
}

#[cfg(test)]
mod tests {
    use super::{BACKOFF_MAX, Duration, backoff};

    #[test]
    fn waits_grow_and_have_an_end() {
        for (failures, at_most_ms) in [(1, 500), (2, 1_000), (3, 2_000), (7, 30_000), (1_000, 30_000)] {
            let wait = backoff(failures);
            assert!(
                wait >= Duration::from_millis(at_most_ms / 2) && wait <= Duration::from_millis(at_most_ms)
            );
        }
        assert!(backoff(i32::MAX) <= BACKOFF_MAX);
    }
}
