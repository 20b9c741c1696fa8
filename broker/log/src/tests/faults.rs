//! A disk that runs full, tears a write or fails to sync.

use std::{
    io::{self, ErrorKind, IoSlice},
    sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
};

use super::*;
use crate::{File, LogError};

/// A disk that lets a number of bytes through and then is full, and counts syncs; negative: fails them.
#[derive(Debug)]
pub(super) struct Faulty {
    pub(super) room_bytes: Arc<AtomicU64>,
    syncs: Arc<AtomicI64>,
}

impl Default for Faulty {
    fn default() -> Self {
        Self { room_bytes: Arc::new(AtomicU64::new(u64::MAX)), syncs: Arc::default() }
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    room_bytes: Arc<AtomicU64>,
    syncs: Arc<AtomicI64>,
}

impl Faulty {
    fn wrap(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultyFile { inner, room_bytes: self.room_bytes.clone(), syncs: self.syncs.clone() })
    }
}

impl File for FaultyFile {
    fn read_at(&self, out: &mut [u8], position: u64) -> io::Result<usize> {
        self.inner.read_at(out, position)
    }

    fn write_all_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let room = self.room_bytes.load(SeqCst).min(all.len() as u64);
        self.room_bytes.fetch_sub(room, SeqCst);
        self.inner.write_all_at(&[IoSlice::new(&all[..room as usize])], position)?;
        if room < all.len() as u64 { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.syncs.load(SeqCst) < 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        self.syncs.fetch_add(1, SeqCst);
        self.inner.sync_data()
    }
}

impl Disk for Faulty {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.open(path).map(|file| self.wrap(file))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        RealDisk.create(path).map(|file| self.wrap(file))
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

fn faulty() -> (Bench, Arc<AtomicU64>, Arc<AtomicI64>) {
    let disk = Faulty::default();
    let (room_bytes, syncs) = (disk.room_bytes.clone(), disk.syncs.clone());
    (Bench { disk: Arc::new(disk), ..Bench::cold() }, room_bytes, syncs)
}

#[test]
fn a_full_disk_refuses_writes_keeps_reads_and_heals() {
    let (bench, room_bytes, _) = faulty();
    let mut log = bench.recover();
    append(&mut log, producer_batch(1, 0, 0, 2, false)).unwrap();
    let size = log.size_bytes();
    for room in [0, 1, 40, 70] {
        room_bytes.store(room, SeqCst);
        let error = append(&mut log, producer_batch(1, 0, 2, 2, false)).unwrap_err();
        assert!(matches!(error, AppendError::DiskFull(_)), "{error}");
        assert_eq!(error.kafka_code(), 56);
        assert_eq!((log.log_end_offset(), log.size_bytes()), (2, size));
        assert_eq!(read_all(&log, 0).len(), 1);
        let on_disk = std::fs::metadata(crate::segment::file_path(&bench.path(), 0, "log")).unwrap().len();
        assert_eq!(on_disk, size, "the half-written batch is cut off again");
    }
    room_bytes.store(u64::MAX, SeqCst);
    let info = append(&mut log, producer_batch(1, 0, 2, 2, false)).unwrap();
    assert_eq!((info.base_offset, info.duplicate), (2, false), "the failed attempts left no producer state");
    assert_eq!(read_all(&bench.recover(), 0).len(), 2);
}

#[test]
fn flushes_cover_what_was_there_when_they_began() {
    let (bench, _, syncs) = faulty();
    let mut log = bench.recover();
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    let job = log.begin_flush().unwrap().unwrap();
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    let before = syncs.load(SeqCst);
    let result = job.run();
    assert!(syncs.load(SeqCst) > before);
    log.finish_flush(&job, result, NOW_MS).unwrap();
    assert_eq!((log.flushed_offset(), log.log_end_offset()), (1, 2));
    log.flush(NOW_MS).unwrap();
    assert_eq!(log.flushed_offset(), 2);
    let before = syncs.load(SeqCst);
    log.flush(NOW_MS).unwrap();
    assert_eq!(syncs.load(SeqCst), before, "nothing new, nothing to sync");
}

#[test]
fn flush_intervals_are_kept() {
    let config = LogConfig { flush_messages: 3, flush_ms: 1_000, ..LogConfig::default() };
    let bench = Bench::new(config);
    let mut log = bench.recover();
    assert!(!log.needs_flush(NOW_MS + 5_000), "nothing to flush");
    append(&mut log, batch(2, 10, NOW_MS)).unwrap();
    assert!(!log.needs_flush(NOW_MS));
    assert!(log.needs_flush(NOW_MS + 1_000));
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    assert!(log.needs_flush(NOW_MS));
    log.flush(NOW_MS).unwrap();
    assert!(!log.needs_flush(NOW_MS + 5_000));
}

#[test]
fn after_a_failed_sync_the_log_takes_no_writes_but_serves_reads() {
    let (bench, _, syncs) = faulty();
    let mut log = bench.recover();
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    log.flush(NOW_MS).unwrap();
    append(&mut log, batch(1, 10, NOW_MS)).unwrap();
    syncs.store(-1, SeqCst);
    assert!(matches!(log.flush(NOW_MS), Err(LogError::Disk(_))));
    syncs.store(0, SeqCst);
    assert!(matches!(append(&mut log, batch(1, 10, NOW_MS)), Err(AppendError::Offline(_))));
    assert!(matches!(log.flush(NOW_MS), Err(LogError::Offline(_))));
    assert_eq!((log.flushed_offset(), read_all(&log, 0).len()), (1, 2));
    drop(log);
    assert_eq!(append(&mut bench.recover(), batch(1, 10, NOW_MS)).unwrap().base_offset, 2);
}

#[test]
fn records_are_taken_back_on_a_full_disk_too_with_what_is_known_of_their_producers() {
    let (bench, room_bytes, _) = faulty();
    let mut log = bench.recover();
    for sequence in 0..8 {
        append(&mut log, producer_batch(1, 0, sequence, 1, false)).unwrap();
    }
    log.write_epochs().unwrap();
    log.assign_epoch(EPOCH + 1, 8);
    let last = producer_batch(1, 0, 8, 1, false);
    log.append_as_leader(last, EPOCH + 1, Origin::Coordinator, NOW_MS).unwrap();
    room_bytes.store(0, SeqCst);
    log.truncate_to(5, NOW_MS).unwrap();
    assert_eq!((log.log_end_offset(), log.latest_epoch()), (5, Some(EPOCH)));
    room_bytes.store(u64::MAX, SeqCst);
    let again = append(&mut log, producer_batch(1, 0, 5, 1, false)).unwrap();
    assert_eq!((again.base_offset, again.duplicate), (5, false), "it was taken back: it is no duplicate");
    drop(log);
    let log = bench.recover();
    assert_eq!((log.log_end_offset(), log.is_damaged()), (6, false));
}

#[test]
fn what_is_taken_back_is_gone_from_the_disk_before_anything_is_written_in_its_place() {
    let (bench, _, syncs) = faulty();
    let mut log = bench.recover();
    for sequence in 0..8 {
        append(&mut log, producer_batch(1, 0, sequence, 1, false)).unwrap();
    }
    let before = syncs.load(SeqCst);
    log.truncate_to(5, NOW_MS).unwrap();
    assert!(syncs.load(SeqCst) > before);
    append(&mut log, producer_batch(1, 0, 5, 1, false)).unwrap();
    syncs.store(-1, SeqCst);
    assert!(log.truncate_to(3, NOW_MS).is_err());
    assert!(append(&mut log, producer_batch(1, 0, 3, 1, false)).is_err(), "the old ones may come back");
}
