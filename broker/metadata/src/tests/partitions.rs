//! A node that is cut off, in one direction or both, and comes back does not depose a leader that is well.

use std::time::Duration;

use super::cluster::{Cluster, DEADLINE, FAST, until};
use crate::{AdminError, Handle, Leadership, Timing};

/// A leader that is well must not be deposed only because the machine stood still for half a second.
const CALM: Timing = Timing {
    heartbeat: Duration::from_millis(100),
    election_min: Duration::from_millis(300),
    election_max: Duration::from_millis(600),
};
/// Long enough for several elections.
const SEVERAL_ELECTIONS: Duration = Duration::from_millis(3000);

enum Cut {
    Both,
    /// The follower sends but hears nothing.
    Deaf,
    /// The follower hears but cannot send.
    Mute,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_was_cut_off_leaves_a_healthy_leader_alone() {
    for cut in [Cut::Both, Cut::Deaf, Cut::Mute] {
        let cluster = Cluster::start([1, 2, 3], CALM).await;
        cluster.commit("a").await;
        let leader = cluster.leader().await;
        let before = leader.status().term;
        let follower = (1..=3).find(|node| *node != leader.node_id()).unwrap();
        for other in (1..=3).filter(|node| *node != follower) {
            if !matches!(cut, Cut::Mute) {
                cluster.net.cut(other, follower);
            }
            if !matches!(cut, Cut::Deaf) {
                cluster.net.cut(follower, other);
            }
        }
        // It misses entries meanwhile, and the others go on.
        cluster.commit("b").await;
        tokio::time::sleep(SEVERAL_ELECTIONS).await;
        cluster.net.heal();
        cluster.commit("c").await;
        cluster.converge(&[1, 2, 3], 3).await;
        tokio::time::sleep(SEVERAL_ELECTIONS).await;
        for node in cluster.all() {
            let now = Leadership { leader: Some(leader.node_id()), term: before };
            assert_eq!(*node.watch_leader().borrow(), now, "on node {}", node.node_id());
        }
        cluster.stop().await;
    }
}

/// Waits until the others have a leader of their own that a quorum confirms.
async fn replaced(cluster: &Cluster, old: &Handle) -> Handle {
    let others: Vec<Handle> = cluster.all().into_iter().filter(|n| n.node_id() != old.node_id()).collect();
    until("another leads", || others.iter().any(Handle::is_leader)).await;
    let next = others.into_iter().find(Handle::is_leader).unwrap();
    next.barrier(DEADLINE).await.unwrap();
    next
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_is_replaced_and_follows_when_it_is_back() {
    let cluster = Cluster::start([1, 2, 3], CALM).await;
    cluster.commit("a").await;
    let old = cluster.leader().await;
    cluster.net.isolate(old.node_id(), (1..=3).filter(|node| *node != old.node_id()));
    let next = replaced(&cluster, &old).await;
    // It does not know yet. But it does not answer from what it knew, nor confirm or take anything.
    let term = next.status().term;
    let short = Duration::from_secs(2);
    let looked = old.run_within(short, |image| (vec![], image.topic_count())).await;
    assert!(looked.is_err(), "it may not be so any more");
    assert_eq!(old.barrier(short).await, Err(AdminError::TimedOut));
    assert!(old.submit_within(short, super::topic("lost")).await.is_err());
    next.submit(super::topic("b")).await.unwrap();
    cluster.net.heal();
    cluster.converge(&[1, 2, 3], 2).await;
    until("it follows", || old.leader() == Some(next.node_id())).await;
    assert_eq!(next.status().term, term, "its return changed nothing");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_sends_but_hears_nothing_is_replaced_even_with_entries_to_send() {
    // Entries are sent again each second: more often than a follower here waits before an election.
    let (election_min, election_max) = (Duration::from_millis(600), Duration::from_millis(1000));
    let cluster = Cluster::start([1, 2, 3], Timing { election_min, election_max, ..FAST }).await;
    cluster.commit("a").await;
    let old = cluster.leader().await;
    for other in (1..=3).filter(|node| *node != old.node_id()) {
        cluster.net.cut(other, old.node_id());
    }
    // Its entries arrive, and its followers would wait for it with each.
    let lost = tokio::spawn({
        let old = old.clone();
        async move { old.submit_within(DEADLINE, super::topic("sent")).await }
    });
    let next = replaced(&cluster, &old).await;
    assert!(next.status().term > 0);
    cluster.net.heal();
    // The entry was on the followers' disks: the new leader keeps it.
    lost.await.unwrap().unwrap();
    cluster.commit("b").await;
    cluster.converge(&[1, 2, 3], 3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_that_was_lost_altogether_comes_back() {
    let mut cluster = Cluster::start([1, 2, 3], FAST).await;
    cluster.commit("a").await;
    let leader = cluster.leader().await.node_id();
    let others: Vec<i32> = (1..=3).filter(|node| *node != leader).collect();
    for node in &others {
        cluster.kill(*node).await;
    }
    let refused = cluster.node(leader).transfer_leadership(None, DEADLINE);
    tokio::time::sleep(FAST.election_max * 3).await;
    refused.await.unwrap_err();
    assert_eq!(cluster.node(leader).barrier(Duration::from_secs(2)).await, Err(AdminError::TimedOut));
    for node in &others {
        cluster.start_node(*node).await;
    }
    cluster.commit("b").await;
    cluster.converge(&[1, 2, 3], 2).await;
    cluster.stop().await;
}
