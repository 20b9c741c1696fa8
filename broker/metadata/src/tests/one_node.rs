//! A quorum of one: durability, recovery, and the order of controller functions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headrace_state::metadata::Image;
use tempfile::tempdir;

use super::{names, remove, start, topic};
use crate::{DirectoryError, Options, Quorum, StartError, SubmitError, WalError};

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .collect();
    found.sort();
    found
}

/// What a crash leaves: the files as they are, in a directory that no process holds.
fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempdir().unwrap();
    for item in fs::read_dir(from).unwrap() {
        let path = item.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_crash_and_after_a_clean_stop() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    let committed = node.submit(topic("a")).await.unwrap();
    assert!(node.is_leader());
    assert_eq!(names(&node.image()), ["a"]);
    assert!(node.image().offset() >= committed.offset);
    node.submit(topic("b")).await.unwrap();

    let crashed = copy(dir.path());
    let again = start(crashed.path()).await;
    assert_eq!(names(&again.image()), ["a", "b"]);
    again.submit(vec![remove("a")]).await.unwrap();
    again.shutdown().await;
    assert_eq!(
        again.submit(topic("z")).await.unwrap_err(),
        SubmitError::Stopped("this broker is shutting down".into())
    );
    again.shutdown().await;
    let last = start(crashed.path()).await;
    assert_eq!(names(&last.image()), ["b"]);
    assert!(last.image().offset() > node.image().offset(), "the offset never goes back");
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_damage_before_it_is_refused() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    node.submit(topic("a")).await.unwrap();
    let before = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    node.submit(topic("b")).await.unwrap();
    let whole = copy(dir.path());
    let path = segments(whole.path()).remove(0);
    let bytes = fs::read(&path).unwrap();

    // Cut anywhere in what came last, and with rubbish behind: the first topic stays.
    for cut in [before as usize + 1, before as usize + 9, bytes.len() - 1] {
        let torn = copy(whole.path());
        let mut tail = bytes[..cut].to_vec();
        tail.extend_from_slice(&[0; 100]);
        fs::write(segments(torn.path()).remove(0), tail).unwrap();
        let node = start(torn.path()).await;
        assert!(names(&node.image()).contains(&"a".to_owned()), "cut at {cut}");
        node.submit(topic("c")).await.unwrap();
        node.shutdown().await;
        assert!(names(&start(torn.path()).await.image()).contains(&"c".to_owned()));
    }
    // A flipped bit where later writes say that it had been on disk: two of them, for what comes right after the first
    // entry (that it is committed) is synced only with the second.
    node.submit(topic("d")).await.unwrap();
    let whole = copy(dir.path());
    let path = segments(whole.path()).remove(0);
    let mut bad = fs::read(&path).unwrap();
    bad[before as usize - 3] ^= 1;
    fs::write(&path, bad).unwrap();
    let error = Quorum::start(Options::single(1, "cluster", whole.path())).await.err().unwrap();
    assert!(matches!(error, StartError::Journal(WalError::Damaged { .. })), "{error}");
}

#[tokio::test]
async fn of_two_who_create_the_same_name_one_wins() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    let create = |name: &'static str| {
        let node = node.clone();
        tokio::spawn(async move {
            node.run(move |image| match image.topic(name) {
                Some(_) => (vec![], false),
                None => (topic(name), true),
            })
            .await
            .unwrap()
        })
    };
    let (mut tasks, mut wins) = (Vec::new(), 0);
    for _ in 0..40 {
        tasks.push(create("same"));
    }
    for task in tasks {
        wins += u32::from(task.await.unwrap());
        // Whoever is told, is told after it is so.
        assert_eq!(names(&node.image()), ["same"]);
    }
    assert_eq!(wins, 1);
}

#[tokio::test]
async fn records_that_do_not_fit_are_refused_and_harm_nobody_else() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    let (good, bad, late) = tokio::join!(
        node.submit(topic("a")),
        node.submit(vec![remove("nothing")]),
        node.run_within(Duration::from_millis(1), |_| {
            std::thread::sleep(Duration::from_millis(100));
            (topic("late"), ())
        }),
    );
    good.unwrap();
    assert!(matches!(bad, Err(SubmitError::Invalid(_))), "{bad:?}");
    assert_eq!(late, Err(SubmitError::TimedOut));
    node.submit(topic("b")).await.unwrap();
    let all = names(&node.image());
    assert!(all.contains(&"a".to_owned()) && all.contains(&"b".to_owned()));
}

#[tokio::test]
async fn a_snapshot_stands_for_the_log_that_is_purged() {
    let dir = tempdir().unwrap();
    let mut options = Options::single(1, "cluster", dir.path());
    options.snapshot_after_entries = 20;
    let node = Quorum::start(options.clone()).await.unwrap();
    for round in 0..60 {
        let name = format!("t{round}");
        node.submit(topic(&name)).await.unwrap();
        if round % 3 == 0 {
            node.submit(vec![remove(&name)]).await.unwrap();
        }
    }
    let first_segment = dir.path().join("00000000000000000000.journal");
    let purged = async {
        while !dir.path().join("snapshot").exists() || first_segment.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), purged).await.unwrap();
    assert!(segments(dir.path()).len() < 6, "closed segments go once a snapshot stands for them");
    node.submit(topic("last")).await.unwrap();
    let before: Arc<Image> = node.image();
    node.shutdown().await;
    let again = Quorum::start(options.clone()).await.unwrap();
    let after = again.image();
    assert_eq!(names(&after), names(&before));
    assert_eq!(after.to_records(), before.to_records());
    again.shutdown().await;
    // And from a crash right after.
    let crashed = copy(dir.path());
    options.dir = crashed.path().to_path_buf();
    assert_eq!(names(&Quorum::start(options).await.unwrap().image()), names(&before));
}

#[tokio::test]
async fn a_directory_serves_one_process_and_one_cluster() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    let in_use = Quorum::start(Options::single(1, "cluster", dir.path())).await.err().unwrap();
    assert!(matches!(in_use, StartError::Directory(DirectoryError::InUse { .. })), "{in_use}");
    node.shutdown().await;
    let other = Quorum::start(Options::single(1, "another", dir.path())).await.err().unwrap();
    assert!(matches!(other, StartError::Directory(DirectoryError::OfAnother { .. })), "{other}");
}

#[tokio::test]
async fn images_are_told_of_in_order() {
    let dir = tempdir().unwrap();
    let node = start(dir.path()).await;
    let mut changes = node.watch();
    changes.borrow_and_update();
    let committed = node.submit(topic("a")).await.unwrap();
    changes.changed().await.unwrap();
    let seen = changes.borrow_and_update().offset();
    assert!(seen >= committed.offset);
    assert_eq!(node.status().voters, [1]);
    assert_eq!(node.status().running, Ok(()));
}
