//! A disk that is full: what has to be written waits for room, and goes on as if nothing had been.

use std::fs;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use headrace_disk::{Disk, File, RealDisk};
use tempfile::tempdir;

use super::{names, start, topic};
use crate::{Handle, Options, Quorum};

/// Longer than a write waits before it is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
const UNLIMITED: u64 = u64::MAX;

/// A disk on which files of one kind, by the end of their names, find only so many bytes more.
#[derive(Clone, Debug)]
struct Full {
    kind: &'static str,
    /// Writes at the beginning of a file alone: there is room for those that are there, but for no new one.
    new_only: bool,
    room_bytes: Arc<AtomicU64>,
    says: ErrorKind,
}

#[derive(Debug)]
struct FullFile {
    inner: Arc<dyn File>,
    says: ErrorKind,
    new_only: bool,
    room_bytes: Arc<AtomicU64>,
}

impl Full {
    fn new(kind: &'static str) -> Self {
        let room_bytes = Arc::new(AtomicU64::new(UNLIMITED));
        Self { kind, new_only: false, room_bytes, says: ErrorKind::StorageFull }
    }

    fn leave(&self, bytes: u64) {
        self.room_bytes.store(bytes, SeqCst);
    }

    fn wrap(&self, path: &Path, inner: Arc<dyn File>) -> Arc<dyn File> {
        if !path.to_string_lossy().ends_with(self.kind) {
            return inner;
        }
        let (new_only, room_bytes, says) = (self.new_only, self.room_bytes.clone(), self.says);
        Arc::new(FullFile { inner, says, new_only, room_bytes })
    }
}

impl File for FullFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.inner.read_at(out, position)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        if self.new_only && position > 0 {
            return self.inner.write_all_at(parts, position);
        }
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let room = self.room_bytes.load(SeqCst).min(all.len() as u64);
        self.room_bytes.fetch_sub(room, SeqCst);
        self.inner.write_all_at(&[IoSlice::new(&all[..room as usize])], position)?;
        if room < all.len() as u64 { Err(self.says.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }
}

impl Disk for Full {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.open(path).map(|file| self.wrap(path, file))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.create(path).map(|file| self.wrap(path, file))
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn is_dir(&self, path: &Path) -> bool {
        RealDisk.is_dir(path)
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir_all(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)
    }
    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir_all(path)
    }
    fn lock(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.lock(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

async fn start_on(disk: &Full, dir: &Path) -> Handle {
    let mut options = Options::single(1, "cluster", dir);
    options.disk = Arc::new(disk.clone());
    options.snapshot_after_entries = 20;
    Quorum::start(options).await.unwrap()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let all = RealDisk.list(dir).unwrap();
    all.iter().filter(|name| name.ends_with("journal")).map(|name| dir.join(name)).collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"));
}

/// The journal's length once nothing more is written: that an entry is committed is written on its own, some time later.
async fn settled(dir: &Path) -> u64 {
    let length = || fs::metadata(&segments(dir)[0]).unwrap().len();
    let mut before = length();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = length();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test]
async fn the_journal_waits_for_room_and_goes_on() {
    // Whether nothing of the batch fits, a part of its header, or a part of its body.
    for room in [0, 3, 40] {
        let (dir, disk) = (tempdir().unwrap(), Full::new("journal"));
        let node = start_on(&disk, dir.path()).await;
        node.submit(topic("a")).await.unwrap();
        let whole = settled(dir.path()).await;
        disk.leave(room);
        let waiting = tokio::spawn({
            let node = node.clone();
            async move { node.submit(topic("b")).await }
        });
        until("the disk to be full", || disk.room_bytes.load(SeqCst) == 0).await;
        until("what was written half to be cut off", || {
            fs::metadata(&segments(dir.path())[0]).unwrap().len() == whole
        })
        .await;
        assert!(!waiting.is_finished() && node.is_leader(), "a full disk is no reason to stop");
        assert_eq!(names(&node.image()), ["a"], "who reads is served");
        disk.leave(UNLIMITED);
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
        node.submit(topic("c")).await.unwrap();
        node.shutdown().await;
        let again = start(dir.path()).await;
        assert_eq!(names(&again.image()), ["a", "b", "c"], "with room for {room} bytes");
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_for_room() {
    let (dir, disk) = (tempdir().unwrap(), Full::new("journal"));
    let node = start_on(&disk, dir.path()).await;
    node.submit(topic("a")).await.unwrap();
    disk.leave(5);
    let waiting = tokio::spawn({
        let node = node.clone();
        async move { node.submit(topic("b")).await }
    });
    until("the disk to be full", || disk.room_bytes.load(SeqCst) == 0).await;
    tokio::time::timeout(PATIENCE, node.shutdown()).await.unwrap();
    waiting.await.unwrap().unwrap_err();
    assert_eq!(names(&start(dir.path()).await.image()), ["a"]);
}

#[tokio::test]
async fn a_segment_that_has_no_room_to_begin_is_begun_later() {
    let (dir, disk) = (tempdir().unwrap(), Full { new_only: true, ..Full::new("journal") });
    let node = start_on(&disk, dir.path()).await;
    disk.leave(7);
    for round in 0..30 {
        node.submit(topic(&format!("t{round}"))).await.unwrap();
    }
    let first = segments(dir.path());
    assert_eq!(first.len(), 1, "the first one serves on, and nothing is left of the second");
    assert!(fs::metadata(&first[0]).unwrap().len() > crate::wal::SEGMENT_BYTES);
    disk.leave(UNLIMITED);
    node.submit(topic("last")).await.unwrap();
    until("another segment", || segments(dir.path()).len() > 1).await;
    node.shutdown().await;
    assert_eq!(start(dir.path()).await.image().topic_count(), 31);
}

#[tokio::test]
async fn a_snapshot_waits_for_room_while_the_journal_goes_on() {
    let (dir, disk) = (tempdir().unwrap(), Full::new("snapshot.tmp"));
    let node = start_on(&disk, dir.path()).await;
    disk.leave(11);
    for round in 0..30 {
        node.submit(topic(&format!("t{round}"))).await.unwrap();
    }
    until("the disk to be full", || disk.room_bytes.load(SeqCst) == 0).await;
    for round in 30..60 {
        node.submit(topic(&format!("t{round}"))).await.unwrap();
    }
    let snapshot = dir.path().join("snapshot");
    assert!(!snapshot.exists() && node.status().purged.is_none(), "nothing is purged without one");
    disk.leave(UNLIMITED);
    until("the snapshot, and what it stands for to be purged", || {
        snapshot.exists() && node.status().purged.is_some()
    })
    .await;
    node.shutdown().await;
    assert_eq!(start(dir.path()).await.image().topic_count(), 60);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_snapshot_that_has_no_room() {
    let (dir, disk) = (tempdir().unwrap(), Full::new("snapshot.tmp"));
    let node = start_on(&disk, dir.path()).await;
    disk.leave(0);
    for round in 0..30 {
        node.submit(topic(&format!("t{round}"))).await.unwrap();
    }
    tokio::time::timeout(PATIENCE, node.shutdown()).await.unwrap();
    assert_eq!(start(dir.path()).await.image().topic_count(), 30);
}

#[tokio::test]
async fn a_disk_that_fails_ends_the_node_and_whoever_asks_is_told() {
    let (dir, disk) = (tempdir().unwrap(), Full { says: ErrorKind::Other, ..Full::new("journal") });
    let node = start_on(&disk, dir.path()).await;
    node.submit(topic("a")).await.unwrap();
    let ended = tokio::spawn({
        let node = node.clone();
        async move { node.ended().await }
    });
    assert!(!ended.is_finished());
    disk.leave(0);
    let lost = node.submit_within(PATIENCE, topic("b")).await;
    assert!(lost.is_err(), "{lost:?}");
    let why = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap();
    assert!(why.contains("other error"), "{why}");
}
