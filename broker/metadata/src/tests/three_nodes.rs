//! A quorum of three in one process, over a transport that is a map.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;
use tempfile::{TempDir, tempdir};

use super::{names, topic};
use crate::{Handle, NoTransport, Options, Quorum, SubmitError, Timing, Transport, TransportError, Voter};

/// The nodes that can be reached.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<BTreeMap<i32, Handle>>>);

impl Transport for Wire {
    fn call(
        &self,
        node: i32,
        _: &str,
        request: Bytes,
        timeout: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let peer = self.0.lock().get(&node).cloned();
        async move {
            let peer =
                peer.ok_or_else(|| TransportError::Unreachable { node, why: "it is not there".into() })?;
            let answer = tokio::time::timeout(timeout, peer.handle_rpc(request)).await;
            let answer = answer.map_err(|_| TransportError::TimedOut { node })?;
            answer.map_err(|e| TransportError::Refused { node, why: e.to_string() })
        }
        .boxed()
    }
}

async fn node(wire: &Wire, node_id: i32, dir: &TempDir) -> Handle {
    let voter = |node_id| Voter { node_id, address: format!("node-{node_id}") };
    let millis = Duration::from_millis;
    let options = Options {
        voters: (1..=3).map(voter).collect(),
        transport: Arc::new(wire.clone()),
        timing: Timing { heartbeat: millis(50), election_min: millis(200), election_max: millis(400) },
        snapshot_after_entries: 30,
        ..Options::single(node_id, "cluster", dir.path())
    };
    let handle = Quorum::start(options).await.unwrap();
    wire.0.lock().insert(node_id, handle.clone());
    handle
}

/// Asks whoever leads until it is done.
async fn commit(nodes: &[Handle], name: &str) {
    for _ in 0..400 {
        for node in nodes {
            match node.submit_within(Duration::from_secs(2), topic(name)).await {
                Ok(_) => return,
                // It had been committed though its answer was lost.
                Err(SubmitError::Invalid(_)) => return,
                Err(_) => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{name} was not committed");
}

async fn until_all_have(nodes: &[Handle], count: usize) {
    let all = async {
        while nodes.iter().any(|node| node.image().topic_count() < count) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("all nodes get all topics");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_agree_survive_their_leader_and_catch_up_by_snapshot() {
    let wire = Wire::default();
    let dirs = [tempdir().unwrap(), tempdir().unwrap(), tempdir().unwrap()];
    let mut nodes = Vec::new();
    for (id, dir) in (1..).zip(&dirs) {
        nodes.push(node(&wire, id, dir).await);
    }
    commit(&nodes, "a").await;
    until_all_have(&nodes, 1).await;
    let leader = nodes.iter().position(Handle::is_leader).expect("somebody leads");
    let follower = &nodes[(leader + 1) % 3];
    let refused = follower.submit(topic("x")).await.unwrap_err();
    assert_eq!(refused, SubmitError::NotLeader { leader: Some(nodes[leader].node_id()) });

    // The leader goes; the others go on without it, and write more than their log keeps.
    let gone = nodes.remove(leader);
    wire.0.lock().remove(&gone.node_id());
    gone.shutdown().await;
    for round in 0..80 {
        commit(&nodes, &format!("b{round}")).await;
    }
    let back = node(&wire, gone.node_id(), &dirs[usize::try_from(gone.node_id() - 1).unwrap()]).await;
    nodes.push(back);
    until_all_have(&nodes, 81).await;
    let records = nodes[0].image().to_records();
    assert!(nodes.iter().all(|node| names(&node.image()) == names(&nodes[0].image())));
    assert!(nodes.iter().all(|node| node.image().to_records() == records));
    for node in &nodes {
        node.shutdown().await;
    }
}

#[tokio::test]
async fn a_message_for_another_cluster_or_node_is_refused() {
    let dir = tempdir().unwrap();
    let node = Quorum::start(Options::single(1, "cluster", dir.path())).await.unwrap();
    for garbage in [&b""[..], b"\x07", b"\x01", b"\x01\xff\xff\xff\xff\xff", &[1; 300]] {
        assert!(node.handle_rpc(Bytes::copy_from_slice(garbage)).await.is_err());
    }
    // Envelope: version, cluster id, target, body.
    let error = node.handle_rpc(Bytes::from_static(b"\x01\x05other\x01\x00")).await.unwrap_err().to_string();
    assert!(!error.is_empty());
    let unreachable = NoTransport.call(2, "", Bytes::new(), Duration::ZERO).await;
    assert!(matches!(unreachable, Err(TransportError::Unreachable { node: 2, .. })));
}
