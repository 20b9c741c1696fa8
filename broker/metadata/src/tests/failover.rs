//! How the lead moves: handed over, or taken because the leader has vanished.

use std::time::Duration;

use tokio::time::Instant;

use super::cluster::{Cluster, DEADLINE, FAST, Load, until};
use super::names;
use crate::{Handle, Timing};

/// Waits until one of these says that it leads.
async fn somebody_leads(nodes: &[Handle]) -> i32 {
    let mut found = None;
    until("somebody leads", || {
        found = nodes.iter().find(|node| node.is_leader()).map(Handle::node_id);
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_handed_over_under_load_and_nothing_acknowledged_is_lost() {
    let cluster = Cluster::start([1, 2, 3], FAST).await;
    let load = Load::on(cluster.all(), "t");
    let mut moves = 0;
    let mut last_term = 0;
    for round in 0..6 {
        let leader = cluster.leader().await;
        let wanted = (round % 2 == 0).then(|| leader.node_id() % 3 + 1);
        let mut told = leader.watch_leader();
        told.borrow_and_update();
        match leader.transfer_leadership(wanted, DEADLINE).await {
            Ok(next) => {
                assert!(next.is_some() && next != Some(leader.node_id()), "{next:?}");
                moves += 1;
                // Whoever watches hears of it as well.
                until("the old leader tells", || told.borrow().leader != Some(leader.node_id())).await;
                assert!(told.borrow().term > last_term);
                last_term = told.borrow().term;
            }
            // On a busy machine the other two may just have been silent.
            Err(error) => tracing::warn!(%error, "the lead was not handed over"),
        }
    }
    assert!(moves >= 3, "only {moves} of 6");
    let acknowledged = load.stop().await;
    assert!(!acknowledged.is_empty());
    let leader = cluster.leader().await;
    let all = names(&leader.image());
    assert!(acknowledged.iter().all(|name| all.contains(name)));
    cluster.converge(&[1, 2, 3], all.len()).await;
    // Who does not lead has nothing to hand over.
    let follower = cluster.nodes.values().find(|node| !node.is_leader()).unwrap();
    assert_eq!(follower.transfer_leadership(None, DEADLINE).await, Ok(Some(leader.node_id())));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_vanishes_is_replaced_and_comes_back_as_a_follower() {
    let mut cluster = Cluster::start([1, 2, 3], Timing::default()).await;
    cluster.commit("a").await;
    let gone = cluster.leader().await.node_id();
    cluster.kill(gone).await;
    let next = somebody_leads(&cluster.all()).await;
    assert_ne!(next, gone);
    cluster.commit("b").await;
    let back = cluster.start_node(gone).await;
    cluster.converge(&[1, 2, 3], 2).await;
    until("it follows", || back.leader().is_some_and(|leader| leader != gone)).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_voter_alone_has_nobody_to_hand_over_to() {
    let cluster = Cluster::start([1], FAST).await;
    assert_eq!(cluster.node(1).transfer_leadership(None, DEADLINE).await, Ok(Some(1)));
    cluster.commit("a").await;
    cluster.stop().await;
}

/// Not a check: prints how long a new leader takes with the default timing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it by name with --nocapture"]
#[allow(clippy::print_stdout, reason = "a measurement prints")]
async fn measure_failover() {
    let cluster = Cluster::start([1, 2, 3], Timing::default()).await;
    cluster.net.delay(Duration::from_millis(1));
    let mut handed = Vec::new();
    for _ in 0..20 {
        let leader = cluster.leader().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begin = Instant::now();
        let next = leader.transfer_leadership(None, DEADLINE).await.unwrap().unwrap();
        handed.push(begin.elapsed());
        assert!(cluster.node(next).barrier(DEADLINE).await.is_ok());
    }
    let mut vanished = Vec::new();
    for _ in 0..20 {
        let gone = cluster.leader().await.node_id();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let others: Vec<Handle> = cluster.all().into_iter().filter(|n| n.node_id() != gone).collect();
        let begin = Instant::now();
        cluster.net.isolate(gone, others.iter().map(Handle::node_id));
        let next = somebody_leads(&others).await;
        cluster.node(next).barrier(DEADLINE).await.unwrap();
        vanished.push(begin.elapsed());
        cluster.net.heal();
    }
    for (what, mut times) in [("handed over", handed), ("vanished", vanished)] {
        times.sort();
        let sum: Duration = times.iter().sum();
        println!("{what}: min {:?}, mean {:?}, max {:?}", times[0], sum / 20, times[19]);
    }
    cluster.stop().await;
}
