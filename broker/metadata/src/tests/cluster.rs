//! Nodes in one process, over a network that loses messages, each direction by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use headrace_state::metadata::MetadataRecord;
use parking_lot::Mutex;
use tempfile::{TempDir, tempdir};
use tokio::time::Instant;

use super::topic;
use crate::{Handle, Options, Quorum, SubmitError, Timing, Transport, TransportError, Voter};

/// Generous: what is waited for comes sooner or the test has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// Fast, and still so slow that a busy machine does not elect by mistake all the time.
pub(super) const FAST: Timing = Timing {
    heartbeat: Duration::from_millis(50),
    election_min: Duration::from_millis(150),
    election_max: Duration::from_millis(300),
};

#[derive(Default)]
struct Wires {
    nodes: BTreeMap<String, Handle>,
    /// Messages from the first to the second are lost.
    cut: BTreeSet<(i32, i32)>,
    /// What each message takes.
    delay: Duration,
}

/// What all nodes share.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<Wires>>);

impl Net {
    pub(super) fn cut(&self, from: i32, to: i32) {
        self.0.lock().cut.insert((from, to));
    }

    /// Neither sends to the other, for each pair of one of these and another node.
    pub(super) fn isolate(&self, node: i32, others: impl IntoIterator<Item = i32>) {
        for other in others {
            self.cut(node, other);
            self.cut(other, node);
        }
    }

    pub(super) fn heal(&self) {
        self.0.lock().cut.clear();
    }

    pub(super) fn delay(&self, delay: Duration) {
        self.0.lock().delay = delay;
    }

    fn is_cut(&self, from: i32, to: i32) -> bool {
        self.0.lock().cut.contains(&(from, to))
    }
}

/// One node's end of the network.
struct End {
    node: i32,
    net: Net,
}

impl Transport for End {
    fn call(
        &self,
        target: i32,
        address: &str,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let (node, net, address) = (self.node, self.net.clone(), address.to_owned());
        async move {
            let (peer, delay) = {
                let wires = net.0.lock();
                (wires.nodes.get(&address).cloned(), wires.delay)
            };
            let why = || format!("nobody is at {address}");
            let peer = peer.ok_or_else(|| TransportError::Unreachable { node: target, why: why() })?;
            let lost = std::future::pending::<()>();
            let carried = async {
                tokio::time::sleep(delay).await;
                if net.is_cut(node, target) {
                    lost.await;
                }
                let answer = peer.handle_rpc(request).await;
                if net.is_cut(target, node) {
                    std::future::pending::<()>().await;
                }
                answer
            };
            let answer = tokio::time::timeout(timeout, carried).await;
            let answer = answer.map_err(|_| TransportError::TimedOut { node: target })?;
            answer.map_err(|e| TransportError::Refused { node: target, why: e.to_string() })
        }
        .boxed()
    }
}

pub(super) struct Cluster {
    pub(super) net: Net,
    pub(super) nodes: BTreeMap<i32, Handle>,
    dirs: BTreeMap<i32, TempDir>,
    first_voters: Vec<i32>,
    timing: Timing,
    pub(super) snapshot_after_entries: u64,
}

pub(super) fn address(node: i32) -> String {
    format!("node-{node}")
}

impl Cluster {
    /// A quorum of `voters`, not started yet.
    pub(super) fn new(voters: impl IntoIterator<Item = i32>, timing: Timing) -> Self {
        Self {
            net: Net::default(),
            nodes: BTreeMap::new(),
            dirs: BTreeMap::new(),
            first_voters: voters.into_iter().collect(),
            timing,
            snapshot_after_entries: 1000,
        }
    }

    /// A quorum that has started and has a leader.
    pub(super) async fn start(voters: impl IntoIterator<Item = i32>, timing: Timing) -> Self {
        let mut cluster = Self::new(voters, timing);
        for node in cluster.first_voters.clone() {
            cluster.start_node(node).await;
        }
        cluster.leader().await;
        cluster
    }

    pub(super) async fn start_node(&mut self, node: i32) -> Handle {
        self.start_node_at(node, &address(node)).await
    }

    /// Starts a node, on the data that it left if it ran before.
    pub(super) async fn start_node_at(&mut self, node: i32, address: &str) -> Handle {
        let handle = self.start_among(self.first_voters.clone(), node, address).await;
        handle.admit();
        handle
    }

    /// Starts a node that begins nothing if it has no data, and takes nothing then before it is admitted.
    pub(super) async fn start_observer(&mut self, node: i32) -> Handle {
        self.start_among(Vec::new(), node, &address(node)).await
    }

    async fn start_among(&mut self, voters: Vec<i32>, node: i32, address: &str) -> Handle {
        let voter = |node_id| Voter { node_id, address: self::address(node_id) };
        let dir = self.dirs.entry(node).or_insert_with(|| tempdir().unwrap()).path().to_path_buf();
        let options = Options {
            voters: voters.into_iter().map(voter).collect(),
            transport: Arc::new(End { node, net: self.net.clone() }),
            timing: self.timing,
            snapshot_after_entries: self.snapshot_after_entries,
            ..Options::single(node, "cluster", dir)
        };
        let handle = Quorum::start(options).await.unwrap();
        self.net.0.lock().nodes.insert(address.to_owned(), handle.clone());
        self.nodes.insert(node, handle.clone());
        handle
    }

    /// The node is gone from one moment to the next, without a word to the others.
    pub(super) async fn kill(&mut self, node: i32) {
        self.net.0.lock().nodes.retain(|_, handle| handle.node_id() != node);
        self.nodes.remove(&node).unwrap().shutdown().await;
    }

    /// As [`Self::kill`], and its disk is lost too.
    pub(super) async fn lose(&mut self, node: i32) {
        self.kill(node).await;
        self.dirs.remove(&node);
    }

    pub(super) fn all(&self) -> Vec<Handle> {
        self.nodes.values().cloned().collect()
    }

    pub(super) fn node(&self, node: i32) -> &Handle {
        &self.nodes[&node]
    }

    /// A node that leads, confirmed by a quorum.
    pub(super) async fn leader(&self) -> Handle {
        let until = Instant::now() + PATIENCE;
        loop {
            for node in self.nodes.values().filter(|node| node.is_leader()) {
                if node.barrier(Duration::from_secs(2)).await.is_ok() {
                    return node.clone();
                }
            }
            assert!(Instant::now() < until, "nobody leads");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Commits a topic through whoever leads.
    pub(super) async fn commit(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        while !submit_once(&self.leader().await, name).await {
            assert!(Instant::now() < until, "{name} was not committed");
        }
    }

    /// Waits until these nodes have so many topics and, each record the same, one image.
    pub(super) async fn converge(&self, nodes: &[i32], topics: usize) -> Vec<MetadataRecord> {
        let have = || nodes.iter().map(|node| self.node(*node).image());
        let what = format!("{topics} topics on the nodes {nodes:?}");
        until(&what, || have().all(|image| image.topic_count() == topics)).await;
        let mut all = have().map(|image| image.to_records());
        let first = all.next().unwrap();
        assert!(all.all(|records| records == first), "the nodes {nodes:?} differ");
        first
    }

    pub(super) async fn stop(self) {
        for node in self.nodes.values() {
            node.shutdown().await;
        }
    }
}

/// Whether the topic is committed, by this call or by an earlier one whose answer was lost.
pub(super) async fn submit_once(leader: &Handle, name: &str) -> bool {
    match leader.submit_within(Duration::from_secs(5), topic(name)).await {
        Ok(_) => true,
        Err(SubmitError::Invalid(_)) => leader.image().topic(name).is_some(),
        Err(_) => false,
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

/// Commits topics one after the other until it is told to stop, and gives the names of those that were acknowledged.
pub(super) struct Load {
    stop: Arc<std::sync::atomic::AtomicBool>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Load {
    pub(super) fn on(nodes: Vec<Handle>, prefix: &'static str) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut done = Vec::new();
            let mut number = 0;
            while !asked.load(std::sync::atomic::Ordering::Relaxed) {
                let name = format!("{prefix}{number}");
                number += 1;
                for node in nodes.iter().filter(|node| node.is_leader()) {
                    if node.submit_within(Duration::from_secs(5), topic(&name)).await.is_ok() {
                        done.push(name.clone());
                    }
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            done
        });
        Self { stop, task }
    }

    pub(super) async fn stop(self) -> Vec<String> {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.task.await.unwrap()
    }
}
