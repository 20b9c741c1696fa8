//! The metadata quorum as everybody else sees it, from one of its nodes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_state::metadata::{Image, MetadataRecord};
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::members::{AdminError, Members};
use crate::network::{Memory, Receiver, RpcError, is_alone};
use crate::proposer::{Committed, Job, Prepared, SubmitError};
use crate::state_machine::Published;
use crate::status::{self, Leadership, QuorumStatus, leadership};
use crate::types::{Metrics, Raft, known_id};

/// The metadata quorum, seen from one of its nodes. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) node_id: i32,
    pub(crate) raft: Raft,
    pub(crate) receiver: Receiver,
    pub(crate) published: Arc<Published>,
    pub(crate) members: Arc<Members>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    /// The node's own thread.
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) jobs: mpsc::Sender<Job>,
    /// True once somebody asked to stop.
    pub(crate) stop: watch::Sender<bool>,
    /// Closed once the thread has let go of everything.
    pub(crate) stopped: watch::Receiver<()>,
}

impl Handle {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// How long [`Self::run`] and [`Self::submit`] wait at most.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    pub fn node_id(&self) -> i32 {
        self.inner.node_id
    }

    /// The newest image that was applied here. Does not wait.
    pub fn image(&self) -> Arc<Image> {
        self.inner.published.image()
    }

    /// Tells of every new image; some may be skipped.
    pub fn watch(&self) -> watch::Receiver<Arc<Image>> {
        self.inner.published.watch()
    }

    /// Runs a controller function on the leader and answers once its records are committed and applied here. See
    /// the proposer's module for what the function sees.
    pub async fn run<T, F>(&self, function: F) -> Result<T, SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        self.run_within(Self::DEADLINE, function).await
    }

    /// [`Self::run`] with a deadline of one's own. After it the change may still take effect.
    pub async fn run_within<T, F>(&self, deadline: Duration, function: F) -> Result<T, SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        self.run_committed(deadline, function).await.map(|(_, response)| response)
    }

    /// Commits records as they are.
    pub async fn submit(&self, records: Vec<MetadataRecord>) -> Result<Committed, SubmitError> {
        self.submit_within(Self::DEADLINE, records).await
    }

    /// [`Self::submit`] with a deadline of one's own.
    pub async fn submit_within(
        &self,
        deadline: Duration,
        records: Vec<MetadataRecord>,
    ) -> Result<Committed, SubmitError> {
        self.run_committed(deadline, move |_| (records, ())).await.map(|(committed, ())| committed)
    }

    async fn run_committed<T, F>(
        &self,
        deadline: Duration,
        function: F,
    ) -> Result<(Committed, T), SubmitError>
    where
        F: FnOnce(&Image) -> (Vec<MetadataRecord>, T) + Send + 'static,
        T: Send + 'static,
    {
        let (tell, answer) = oneshot::channel();
        let job: Job = Box::new(move |image| match image {
            Ok(image) => {
                let (records, response) = function(image);
                let answer = Box::new(move |result: Result<Committed, SubmitError>| {
                    // Whoever asked may have stopped waiting.
                    let _ = tell.send(result.map(|committed| (committed, response)));
                });
                Some(Prepared { records, answer })
            }
            Err(error) => {
                let _ = tell.send(Err(error));
                None
            }
        });
        let gone = || SubmitError::Stopped("this broker is shutting down".to_owned());
        let wait = async {
            self.inner.jobs.send(job).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        };
        tokio::time::timeout(deadline, wait).await.unwrap_or(Err(SubmitError::TimedOut))
    }

    /// The node that leads the quorum, as far as this one knows: Kafka's "controller".
    pub fn leader(&self) -> Option<i32> {
        leadership(&self.metrics()).leader
    }

    pub fn is_leader(&self) -> bool {
        self.leader() == Some(self.inner.node_id)
    }

    /// On the leader: whether a majority has followed it within this time. One that was cut off does not know that others have elected
    /// another.
    pub fn was_followed_within(&self, time: Duration) -> bool {
        let metrics = self.metrics();
        let acked = metrics.last_quorum_acked;
        is_alone(&metrics.membership_config, metrics.id) || acked.is_some_and(|at| at.elapsed() < time)
    }

    /// Who leads, and every change of it. After [`Self::shutdown`] nobody does.
    pub fn watch_leader(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// The leader, and where it is to be reached.
    pub fn leader_address(&self) -> Option<(i32, String)> {
        let leader = self.leader()?;
        Some((leader, self.member_address(leader)?))
    }

    /// Where a member is to be reached.
    pub fn member_address(&self, node_id: i32) -> Option<String> {
        let metrics = self.metrics();
        let node = metrics.membership_config.membership().get_node(&known_id(node_id)?)?;
        Some(node.addr.clone())
    }

    /// Resolves once raft has ended and says why: its disk failed, or it panicked. What leads is not heard of any more then, and this node
    /// follows nobody.
    pub async fn ended(&self) -> String {
        let mut changes = self.inner.raft.metrics();
        loop {
            if let Err(fatal) = &changes.borrow_watched().running_state {
                return fatal.to_string();
            }
            if changes.changed().await.is_err() {
                return "it panicked".to_owned();
            }
        }
    }

    /// Lets this node take entries although its log is empty. To be called once the quorum knows that it is: a voter that lost its disk
    /// is none any more by then.
    pub fn admit(&self) {
        self.inner.receiver.admit();
    }

    pub fn status(&self) -> QuorumStatus {
        status::status(&self.metrics())
    }

    fn metrics(&self) -> Metrics {
        self.inner.raft.metrics().borrow_watched().clone()
    }

    /// On the leader: how much a member remembers of what it has acknowledged, as it says itself at this address. Who is no member has
    /// acknowledged nothing.
    pub async fn memory(
        &self,
        node_id: i32,
        address: &str,
        deadline: Duration,
    ) -> Result<Memory, AdminError> {
        let address = address.to_owned();
        self.administer(deadline, async move |members, until| members.memory(node_id, address, until).await)
            .await
    }

    /// On the leader: makes the node a learner if it is no member, and sees to it that a member's address is this
    /// one. Does not wait until the node has caught up. Changes nothing, and is cheap, if all is so already.
    pub async fn ensure_learner(
        &self,
        node_id: i32,
        address: &str,
        deadline: Duration,
    ) -> Result<(), AdminError> {
        let address = address.to_owned();
        self.administer(deadline, async move |members, until| {
            members.ensure_learner(node_id, address, until).await
        })
        .await
    }

    /// On the leader: makes the node a learner, waits until it has caught up, and makes it a voter.
    pub async fn add_voter(&self, node_id: i32, address: &str, deadline: Duration) -> Result<(), AdminError> {
        let address = address.to_owned();
        self.administer(deadline, async move |members, until| {
            members.add_voter(node_id, address, until).await
        })
        .await
    }

    /// On the leader: the node votes no more, and stays as a learner.
    ///
    /// A leader that is to remove itself hands over the lead and answers [`AdminError::NotLeader`] with its successor:
    /// ask that one.
    pub async fn remove_voter(&self, node_id: i32, deadline: Duration) -> Result<(), AdminError> {
        self.administer(deadline, async move |members, until| members.remove_voter(node_id, until).await)
            .await
    }

    /// On the leader: the node, voter or learner, is a member no more. Otherwise as [`Self::remove_voter`]. Changes
    /// nothing if it was none.
    pub async fn remove_node(&self, node_id: i32, deadline: Duration) -> Result<(), AdminError> {
        self.administer(deadline, async move |members, until| members.remove_node(node_id, until).await).await
    }

    /// Hands the lead over to `to`, or to the voter that lacks the least, without the wait for an election. Answers who
    /// leads then. A node that does not lead, or is the only voter, leaves all as it is and says who leads.
    ///
    /// From the request on, this node takes no changes. If the other one does not take over, it does not take them
    /// again either: then the voters elect somebody.
    pub async fn transfer_leadership(
        &self,
        to: Option<i32>,
        deadline: Duration,
    ) -> Result<Option<i32>, AdminError> {
        self.administer(deadline, async move |members, until| members.transfer_leadership(to, until).await)
            .await
    }

    /// On the leader: confirms with a quorum that it leads, and waits until all that was committed before the call is
    /// in its image. Gives the offset that the image then has at least. [`AdminError::TimedOut`] means that no quorum
    /// answered.
    pub async fn barrier(&self, deadline: Duration) -> Result<u64, AdminError> {
        self.administer(deadline, async move |members, _| members.barrier().await).await
    }

    /// Runs `work` on the node's own thread, where it goes on if the caller stops waiting.
    async fn administer<T, W, F>(&self, deadline: Duration, work: W) -> Result<T, AdminError>
    where
        W: FnOnce(Arc<Members>, Instant) -> F,
        F: Future<Output = Result<T, AdminError>> + Send + 'static,
        T: Send + 'static,
    {
        let until = Instant::now() + deadline;
        let task = self.inner.runtime.spawn(work(Arc::clone(&self.inner.members), until));
        match tokio::time::timeout_at(until, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AdminError::Stopped("this broker is shutting down".to_owned())),
            Err(_) => Err(AdminError::TimedOut),
        }
    }

    /// Answers what another node's [`crate::Transport`] brought. Boxed for the same reason as [`crate::Quorum::start`].
    pub fn handle_rpc(&self, request: Bytes) -> BoxFuture<'_, Result<Bytes, RpcError>> {
        async move { self.inner.receiver.handle(&request).await }.boxed()
    }

    /// Makes everything durable, closes the files and ends the threads. Calling it again is harmless.
    ///
    /// A leader just goes: call [`Self::transfer_leadership`] before, while the transport still works.
    pub async fn shutdown(&self) {
        self.inner.stop.send_replace(true);
        // Nothing is ever sent: an error means that the thread is done.
        let _ = self.inner.stopped.clone().changed().await;
    }
}
