//! Nodes crash and are cut off at random, from a fixed seed, while topics are made and removed; then all comes back,
//! and whatever was acknowledged must be there, the same on every node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::cluster::{Cluster, FAST};
use super::{names, remove, topic};
use crate::Handle;

const NODES: [i32; 3] = [1, 2, 3];
const ROUNDS: usize = 12;
const ROUND: Duration = Duration::from_millis(350);

/// xorshift64*: enough to choose faults by.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % limit
    }

    fn node(&mut self) -> i32 {
        NODES[self.below(NODES.len())]
    }
}

/// What has been acknowledged. A name is made once and removed at most once, by one client.
#[derive(Default)]
struct Acknowledged {
    made: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// Its removal was asked for, and may have taken effect.
    perhaps_removed: BTreeSet<String>,
}

impl Acknowledged {
    fn check(&self, seed: u64, there: &BTreeSet<String>) {
        assert!(!self.made.is_empty(), "seed {seed}: nothing was done");
        for name in &self.made {
            let may_be_gone = self.perhaps_removed.contains(name);
            assert!(may_be_gone || there.contains(name), "seed {seed}: {name} was acknowledged and is lost");
        }
        for name in &self.removed {
            assert!(!there.contains(name), "seed {seed}: {name} was removed and is back");
        }
    }
}

/// Makes topics, and removes every third, through whoever says that it leads.
async fn client(name: &'static str, nodes: Arc<Mutex<Vec<Handle>>>, seen: Arc<Mutex<Acknowledged>>) {
    for number in 0_u32.. {
        let leader = nodes.lock().iter().find(|node| node.is_leader()).cloned();
        let Some(leader) = leader else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let topic_name = format!("{name}{number}");
        if leader.submit_within(Duration::from_millis(500), topic(&topic_name)).await.is_err() {
            continue;
        }
        seen.lock().made.insert(topic_name.clone());
        if number.is_multiple_of(3) {
            seen.lock().perhaps_removed.insert(topic_name.clone());
            let removed = leader.submit_within(Duration::from_millis(500), vec![remove(&topic_name)]).await;
            if removed.is_ok() {
                seen.lock().removed.insert(topic_name);
            }
        }
    }
}

/// One fault, or the end of some.
async fn disturb(cluster: &mut Cluster, nodes: &Mutex<Vec<Handle>>, random: &mut Random) {
    match random.below(6) {
        0 => cluster.net.heal(),
        1 => {
            let node = random.node();
            cluster.net.isolate(node, NODES.into_iter().filter(|other| *other != node));
        }
        2 => {
            let (from, to) = (random.node(), random.node());
            cluster.net.cut(from, to);
        }
        3 | 4 => {
            let node = random.node();
            if cluster.nodes.contains_key(&node) {
                cluster.kill(node).await;
            } else {
                cluster.start_node(node).await;
            }
        }
        _ => {
            let leader = cluster.nodes.values().find(|node| node.is_leader()).cloned();
            if let Some(leader) = leader {
                // Whether it can depends on the other faults.
                let _ = leader.transfer_leadership(None, ROUND).await;
            }
        }
    }
    *nodes.lock() = cluster.all();
}

async fn run(seed: u64) {
    let mut random = Random(seed);
    let mut cluster = Cluster::new(NODES, FAST);
    // Few, so that nodes that come back need snapshots too.
    cluster.snapshot_after_entries = 40;
    for node in NODES {
        cluster.start_node(node).await;
    }
    cluster.leader().await;
    let nodes = Arc::new(Mutex::new(cluster.all()));
    let seen = Arc::new(Mutex::new(Acknowledged::default()));
    let clients =
        ["a", "b", "c"].map(|name| tokio::spawn(client(name, Arc::clone(&nodes), Arc::clone(&seen))));
    for _ in 0..ROUNDS {
        disturb(&mut cluster, &nodes, &mut random).await;
        tokio::time::sleep(ROUND).await;
    }
    for client in clients {
        client.abort();
        // Aborted, or ended by then.
        let _ = client.await;
    }
    cluster.net.heal();
    for node in NODES {
        if !cluster.nodes.contains_key(&node) {
            cluster.start_node(node).await;
        }
    }
    cluster.commit("last").await;
    let image = cluster.leader().await.image();
    cluster.converge(&NODES, image.topic_count()).await;
    let there: BTreeSet<String> = names(&image).into_iter().collect();
    seen.lock().check(seed, &there);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_whatever_happens() {
    for seed in [1, 20_261_124, 0xDEAD_BEEF] {
        run(seed).await;
    }
}
