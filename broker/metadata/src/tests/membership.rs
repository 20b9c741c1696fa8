//! Who is in the quorum: observers, growing, shrinking, moving, and what is refused.

use std::time::Duration;

use super::cluster::{Cluster, DEADLINE, FAST, Load, address, until};
use super::names;
use crate::{AdminError, Leadership, Memory, Options, Quorum, Refusal, SubmitError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_waits_joins_and_catches_up_by_the_log() {
    let mut cluster = Cluster::start([1], FAST).await;
    cluster.commit("a").await;
    let observer = cluster.start_node(2).await;
    assert_eq!(*observer.watch_leader().borrow(), Leadership { leader: None, term: 0 });
    let refused = observer.submit(super::topic("x")).await.unwrap_err();
    assert_eq!(refused, SubmitError::NotLeader { leader: None });

    let leader = cluster.node(1);
    leader.ensure_learner(2, &address(2), DEADLINE).await.unwrap();
    let before = leader.status().last_log_index;
    leader.ensure_learner(2, &address(2), DEADLINE).await.unwrap();
    assert_eq!(leader.status().last_log_index, before, "nothing to do");
    cluster.converge(&[1, 2], 1).await;
    until("the observer knows its leader", || observer.leader() == Some(1)).await;
    assert_eq!(observer.leader_address(), Some((1, address(1))));
    let refused = observer.submit(super::topic("x")).await.unwrap_err();
    assert_eq!(refused, SubmitError::NotLeader { leader: Some(1) });
    let refused = observer.ensure_learner(3, &address(3), DEADLINE).await.unwrap_err();
    assert_eq!(refused, AdminError::NotLeader { leader: Some(1) });

    // The leader knows how far it is, and that it answers.
    until("the observer is up to date", || {
        let status = leader.status();
        let observer = &status.members[1];
        observer.last_log_index == status.last_log_index && observer.last_contact_ms < Some(5000)
    })
    .await;
    let status = leader.status();
    assert_eq!((status.voters, status.learners), (vec![1], vec![2]));
    assert!(!status.members[1].is_voter && status.members[0].is_voter);
    assert_eq!(status.members[1].address, address(2));
    assert_eq!(observer.status().members[1].last_log_index, None, "only the leader knows");

    // It never stands for election: without the leader there is none.
    let term = observer.status().term;
    cluster.kill(1).await;
    tokio::time::sleep(FAST.election_max * 6).await;
    assert_eq!(observer.status().term, term);
    cluster.start_node(1).await;
    cluster.commit("b").await;
    cluster.converge(&[1, 2], 2).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_catches_up_by_a_snapshot_in_pieces() {
    let mut cluster = Cluster::new([1], FAST);
    cluster.snapshot_after_entries = 20;
    cluster.start_node(1).await;
    for round in 0..80 {
        cluster.commit(&format!("t{round}")).await;
    }
    // So many topics do not fit the one message that a snapshot may have in tests.
    until("the log is purged", || cluster.node(1).status().purged > Some(30)).await;
    cluster.start_node(2).await;
    cluster.node(1).ensure_learner(2, &address(2), DEADLINE).await.unwrap();
    cluster.converge(&[1, 2], 80).await;
    cluster.commit("after").await;
    cluster.converge(&[1, 2], 81).await;
    // What it got is on its disk.
    cluster.kill(2).await;
    cluster.start_node(2).await;
    cluster.converge(&[1, 2], 81).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_that_lost_its_disk_is_sent_everything_again() {
    let mut cluster = Cluster::start([1], FAST).await;
    cluster.start_node(2).await;
    cluster.node(1).ensure_learner(2, &address(2), DEADLINE).await.unwrap();
    for round in 0..3 {
        cluster.commit(&format!("t{round}")).await;
        cluster.converge(&[1, 2], round + 1).await;
        cluster.lose(2).await;
        cluster.start_node(2).await;
        // As a broker does whenever it registers.
        cluster.node(1).ensure_learner(2, &address(2), DEADLINE).await.unwrap();
        cluster.converge(&[1, 2], round + 1).await;
    }
    cluster.stop().await;
}

/// The leader has heard of the loss, and been thrown off by it, before it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_lost_its_disk_leaves_and_is_sent_everything_again() {
    let mut cluster = Cluster::start([1, 2, 3], FAST).await;
    let leader = cluster.leader().await.node_id();
    let other = (1..=3).find(|node| *node != leader).unwrap();
    for round in 0..2 {
        for name in ["a", "b", "c"] {
            cluster.commit(&format!("{name}{round}")).await;
        }
        cluster.lose(other).await;
        cluster.start_node(other).await;
        cluster.commit(&format!("d{round}")).await;
        tokio::time::sleep(FAST.heartbeat * 4).await;
        retry(&cluster, async |leader| leader.remove_node(other, DEADLINE).await).await;
        retry(&cluster, async |leader| leader.ensure_learner(other, &address(other), DEADLINE).await).await;
        cluster.converge(&[1, 2, 3], 4 * (round + 1)).await;
        retry(&cluster, async |leader| leader.add_voter(other, &address(other), DEADLINE).await).await;
    }
    for node in cluster.all() {
        until("all know the voters", || node.status().voters == [1, 2, 3]).await;
    }
    cluster.stop().await;
}

/// It does not know any more what it acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_lost_its_disk_makes_nobody_leader_who_lacks_what_it_had() {
    let mut cluster = Cluster::start([1, 2, 3], FAST).await;
    let leader = cluster.leader().await.node_id();
    let others: Vec<i32> = (1..=3).filter(|node| *node != leader).collect();
    let (loses, lags) = (others[0], others[1]);
    cluster.commit("a").await;
    cluster.kill(lags).await;
    cluster.commit("b").await;
    cluster.kill(leader).await;
    cluster.lose(loses).await;
    let blank = cluster.start_observer(loses).await;
    cluster.start_node(lags).await;
    tokio::time::sleep(FAST.election_max * 10).await;
    assert!(cluster.all().iter().all(|node| !node.is_leader()), "of two, one of which knows nothing");

    // Nor does it take a part of what it had, which would let it vote again, before its vote is taken.
    cluster.start_node(leader).await;
    cluster.commit("c").await;
    cluster.converge(&[leader, lags], 3).await;
    tokio::time::sleep(FAST.election_max * 2).await;
    assert_eq!(blank.status().last_log_index, None);
    let leads = cluster.leader().await;
    for (node, memory) in [(loses, Memory::Nothing), (lags, Memory::Everything), (7, Memory::Everything)] {
        assert_eq!(leads.memory(node, &address(node), DEADLINE).await, Ok(memory), "node {node}");
    }
    retry(&cluster, async |leader| leader.remove_node(loses, DEADLINE).await).await;
    retry(&cluster, async |leader| leader.ensure_learner(loses, &address(loses), DEADLINE).await).await;
    blank.admit();
    cluster.converge(&[1, 2, 3], 3).await;
    let leads = cluster.leader().await;
    assert_eq!(leads.status().learners, [loses]);
    assert_eq!(leads.memory(loses, &address(loses), DEADLINE).await, Ok(Memory::SinceStart));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_voters_spare_any_two() {
    let mut cluster = Cluster::start([1, 2, 3, 4, 5], FAST).await;
    cluster.commit("a").await;
    let mut gone = Vec::new();
    for name in ["b", "c"] {
        let leader = cluster.leader().await.node_id();
        cluster.kill(leader).await;
        gone.push(leader);
        cluster.commit(name).await;
    }
    for node in gone {
        cluster.start_node(node).await;
    }
    cluster.converge(&[1, 2, 3, 4, 5], 3).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_grows_and_shrinks_under_load_and_a_restart_keeps_its_members() {
    let mut cluster = Cluster::start([1], FAST).await;
    cluster.start_node(2).await;
    cluster.start_node(3).await;
    let load = Load::on(cluster.all(), "t");
    let leader = cluster.node(1);
    leader.add_voter(2, &address(2), DEADLINE).await.unwrap();
    leader.add_voter(3, &address(3), DEADLINE).await.unwrap();
    assert_eq!(leader.status().voters, [1, 2, 3]);
    let twice = leader.add_voter(3, &address(3), DEADLINE).await.unwrap_err();
    assert_eq!(twice, AdminError::Refused(Refusal::AlreadyVoter { node: 3 }));
    let acknowledged = load.stop().await;
    assert!(!acknowledged.is_empty());

    // All know it after a restart.
    for node in [1, 2, 3] {
        cluster.kill(node).await;
        cluster.start_node(node).await;
        cluster.leader().await;
    }
    for node in cluster.all() {
        assert_eq!(node.status().voters, [1, 2, 3]);
    }
    cluster.commit("whole").await;

    // Back to one, the leader last: it hands over and says to whom.
    let load = Load::on(cluster.all(), "u");
    let leader = cluster.leader().await;
    let gone = leader.node_id();
    let moved = leader.remove_voter(gone, DEADLINE).await.unwrap_err();
    let AdminError::NotLeader { leader: Some(next) } = moved else { panic!("{moved}") };
    assert_ne!(next, gone);
    retry(&cluster, async |leader| leader.remove_voter(gone, DEADLINE).await).await;
    let leader = cluster.leader().await;
    assert!(!leader.status().voters.contains(&gone) && leader.status().learners == [gone]);
    let other = leader.status().voters.into_iter().find(|node| *node != leader.node_id()).unwrap();
    retry(&cluster, async |leader| leader.remove_node(other, DEADLINE).await).await;
    let leader = cluster.leader().await;
    assert_eq!(leader.status().voters, [leader.node_id()]);
    assert_eq!(leader.status().learners, [gone], "{other} is no member any more");
    let last = leader.remove_voter(leader.node_id(), DEADLINE).await.unwrap_err();
    assert_eq!(last, AdminError::Refused(Refusal::LastVoter { node: leader.node_id() }));
    let more = load.stop().await;
    assert!(!more.is_empty());
    cluster.commit("last").await;

    let image = cluster.leader().await.image();
    let all = names(&image);
    assert!(acknowledged.iter().chain(&more).all(|name| all.contains(name)));
    cluster.converge(&[leader.node_id(), gone], image.topic_count()).await;
    cluster.stop().await;
}

/// Asks whoever leads until the change is made, or was.
async fn retry(cluster: &Cluster, change: impl AsyncFn(crate::Handle) -> Result<(), AdminError>) {
    for _ in 0..20 {
        match change(cluster.leader().await).await {
            Ok(()) | Err(AdminError::Refused(Refusal::NotAVoter { .. })) => return,
            Err(error) => tracing::info!(%error, "again"),
        }
    }
    panic!("the change was never made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_moved_is_reached_at_its_new_address() {
    let mut cluster = Cluster::start([1, 2, 3], FAST).await;
    let leader = cluster.leader().await;
    let moving = (1..=3).find(|node| *node != leader.node_id()).unwrap();
    cluster.kill(moving).await;
    cluster.commit("a").await;
    cluster.start_node_at(moving, "elsewhere").await;
    retry(&cluster, async |leader| leader.ensure_learner(moving, "elsewhere", DEADLINE).await).await;
    cluster.commit("b").await;
    cluster.converge(&[1, 2, 3], 2).await;
    for node in cluster.all() {
        until("all know the address", || node.member_address(moving).as_deref() == Some("elsewhere")).await;
        assert_eq!(node.status().voters, [1, 2, 3], "it is a voter still");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused() {
    let mut cluster = Cluster::start([1, 2], FAST).await;
    let leader = cluster.leader().await;
    let other = 3 - leader.node_id();
    let refused = async |answer: Result<(), AdminError>| match answer.unwrap_err() {
        AdminError::Refused(refusal) => refusal,
        error => panic!("{error}"),
    };
    let short = Duration::from_secs(2);
    assert_eq!(refused(leader.ensure_learner(-1, "x", short).await).await, Refusal::NotAnId { node: -1 });
    assert_eq!(refused(leader.ensure_learner(7, "", short).await).await, Refusal::NoAddress { node: 7 });
    assert_eq!(refused(leader.remove_voter(7, short).await).await, Refusal::NotAVoter { node: 7 });
    let gone = refused(leader.add_voter(7, "nowhere", short).await).await;
    assert_eq!(gone, Refusal::DoesNotAnswer { node: 7 });
    assert_eq!(leader.status().learners, [7], "it stays a learner");
    leader.remove_node(7, DEADLINE).await.unwrap();
    leader.remove_node(7, DEADLINE).await.unwrap();
    let to = leader.transfer_leadership(Some(7), short).await.unwrap_err();
    assert_eq!(to, AdminError::Refused(Refusal::NotAVoter { node: 7 }));

    // Of three, one is gone: without a second one there would be no majority.
    cluster.start_node(3).await;
    retry(&cluster, async |leader| match leader.add_voter(3, &address(3), DEADLINE).await {
        Err(AdminError::Refused(Refusal::AlreadyVoter { .. })) => Ok(()),
        answer => answer,
    })
    .await;
    let leader = cluster.leader().await;
    let gone = [other, 3].into_iter().find(|node| *node != leader.node_id()).unwrap();
    cluster.kill(gone).await;
    until("it is missed", || {
        leader.status().members.iter().any(|m| m.node_id == gone && m.last_contact_ms > Some(700))
    })
    .await;
    let left = leader.status().voters.into_iter().find(|n| *n != gone && *n != leader.node_id()).unwrap();
    let refusal = refused(leader.remove_voter(left, short).await).await;
    assert_eq!(refusal, Refusal::NoMajority { missing: vec![gone] });
    assert_eq!(cluster.leader().await.status().voters, [1, 2, 3]);
    cluster.stop().await;
}

#[tokio::test]
async fn a_restarted_leader_leads_in_a_new_term_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut terms = Vec::new();
    for _ in 0..3 {
        let node = Quorum::start(Options::single(1, "cluster", dir.path())).await.unwrap();
        let now = *node.watch_leader().borrow();
        assert_eq!(now.leader, Some(1));
        terms.push(now.term);
        node.barrier(DEADLINE).await.unwrap();
        node.shutdown().await;
        assert_eq!(node.watch_leader().borrow().leader, None);
        let stopped = node.barrier(DEADLINE).await.unwrap_err();
        assert!(matches!(stopped, AdminError::Stopped(_)), "{stopped}");
    }
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
}
