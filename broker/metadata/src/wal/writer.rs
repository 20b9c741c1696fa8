//! The thread that owns the journal's files: it takes jobs in order, writes what has queued up as one batch, syncs
//! once, and then tells each job's owner.
//!
//! fsync blocks for milliseconds; here it blocks nobody but this thread. After a failed write or sync nothing more
//! is written: what the disk holds is unknown then (fsync reports an error once and forgets it), so the node stops
//! and reads the journal again when it is restarted. A disk that is full is another matter: what the write left is cut
//! off, and it is tried again until there is room (`room`).

use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headrace_disk::{Disk, File};
use openraft::entry::RaftEntry as _;
use openraft::storage::IOFlushed;
use tokio::sync::{mpsc, oneshot};

use super::frame::{self, HEADER_BYTES};
use super::recover::{Recovered, SegmentInfo, io_error, segment_path};
use super::{FORMAT_VERSION, HardState, Op, SEGMENT_BYTES, WalError};
use crate::blocking::Blocking;
use crate::room;
use crate::sabotage::{self, Sabotage};
use crate::types::{Entry, TypeConfig};

/// Jobs that may wait before the one who asks has to wait too.
const JOBS_MAX: usize = 1024;
/// Jobs that are written under one sync.
const JOBS_PER_SYNC_MAX: usize = 256;
/// A batch is closed once its body is larger; several batches may go out in one write.
const BATCH_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Work for the journal.
pub(crate) enum Job {
    /// `done` is told after the entries are on disk.
    Append { entries: Vec<Entry>, done: IOFlushed<TypeConfig> },
    /// `done` is told after the operation is on disk.
    Write { op: Op, done: oneshot::Sender<io::Result<()>> },
    /// Nobody waits for it; it is on disk with the next operation that somebody waits for.
    Lazy(Op),
    /// Everything before is on disk and the files are closed when `done` is told.
    Close { done: oneshot::Sender<()> },
}

/// The sending side.
#[derive(Clone)]
pub(crate) struct WalWriter {
    jobs: mpsc::Sender<Job>,
    /// Nothing waits for room any more.
    closing: Arc<AtomicBool>,
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the metadata journal is closed")
}

impl WalWriter {
    /// Starts the thread, or the task that stands for it. `recovered` gives the place to go on from.
    pub(crate) fn spawn(
        disk: Arc<dyn Disk>,
        blocking: &Blocking,
        dir: PathBuf,
        recovered: &mut Recovered,
    ) -> Result<Self, WalError> {
        let mut files = Files {
            disk,
            dir,
            state: recovered.state.clone(),
            closed: std::mem::take(&mut recovered.closed),
            active: recovered.active.take().map(|(info, file, len)| Active {
                info,
                file,
                len,
                synced_len: len,
                reserved_len: 0,
            }),
            buffer: Vec::new(),
        };
        if files.active.is_none() {
            let number = files.closed.last().map_or(0, |last| last.number + 1);
            let active = files.create_segment(number)?;
            files.active = Some(active);
        }
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let closing = Arc::default();
        match blocking {
            Blocking::Threads => {
                let dir = files.dir.clone();
                std::thread::Builder::new()
                    .name("metadata-journal".into())
                    .spawn({
                        let closing = Arc::clone(&closing);
                        move || run(files, queue, &closing)
                    })
                    .map_err(io_error("start the journal's thread for", &dir))?;
            }
            Blocking::Inline(_) => {
                tokio::spawn(run_inline(files, queue, blocking.clone(), Arc::clone(&closing)));
            }
        }
        Ok(Self { jobs, closing })
    }

    pub(crate) async fn append(&self, entries: Vec<Entry>, done: IOFlushed<TypeConfig>) -> io::Result<()> {
        self.jobs.send(Job::Append { entries, done }).await.map_err(|_| closed())
    }

    /// Writes `op` and waits until it is on disk.
    pub(crate) async fn write(&self, op: Op) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.jobs.send(Job::Write { op, done }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(crate) async fn write_lazily(&self, op: Op) -> io::Result<()> {
        self.jobs.send(Job::Lazy(op)).await.map_err(|_| closed())
    }

    /// Waits until everything is on disk and the thread has let go of its files.
    pub(crate) async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let (done, answer) = oneshot::channel();
        if self.jobs.send(Job::Close { done }).await.is_ok() {
            // The sender is gone only when the thread is: closed either way.
            let _ = answer.await;
        }
    }
}

struct Active {
    info: SegmentInfo,
    file: Arc<dyn File>,
    len: u64,
    synced_len: u64,
    /// As far as that the file's room is taken.
    reserved_len: u64,
}

struct Files {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    state: HardState,
    closed: Vec<SegmentInfo>,
    active: Option<Active>,
    /// Reused between writes.
    buffer: Vec<u8>,
}

/// Who is to be told once a batch is on disk.
enum Waiter {
    Flushed(IOFlushed<TypeConfig>),
    Written(oneshot::Sender<io::Result<()>>),
}

impl Waiter {
    fn tell(self, result: Result<(), &io::Error>) {
        let result = result.map_err(|e| io::Error::new(e.kind(), e.to_string()));
        match self {
            Self::Flushed(done) => done.io_completed(result),
            // Whoever asked may have stopped waiting.
            Self::Written(done) => drop(done.send(result)),
        }
    }
}

/// What is written together.
#[derive(Default)]
struct Batch {
    ops: Vec<Op>,
    waiters: Vec<Waiter>,
    close: Option<oneshot::Sender<()>>,
}

impl Batch {
    /// The first job and those that have queued up behind it.
    fn gather(first: Job, queue: &mut mpsc::Receiver<Job>) -> Self {
        let mut batch = Self::default();
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Append { entries, done } => {
                    batch.ops.extend(entries.into_iter().map(Op::Append));
                    batch.waiters.push(Waiter::Flushed(done));
                }
                Job::Write { op, done } => {
                    batch.ops.push(op);
                    batch.waiters.push(Waiter::Written(done));
                }
                Job::Lazy(op) => batch.ops.push(op),
                Job::Close { done } => batch.close = Some(done),
            }
            let full = batch.close.is_some() || batch.waiters.len() >= JOBS_PER_SYNC_MAX;
            next = if full { None } else { queue.try_recv().ok() };
        }
        batch
    }

    fn is_sabotaged(&self) -> bool {
        let only_votes = self.close.is_none() && self.ops.iter().all(|op| matches!(op, Op::Vote(_)));
        only_votes && sabotage::is_on(Sabotage::SkipVoteFsync)
    }

    fn wants_sync(&self) -> bool {
        !self.waiters.is_empty() || self.close.is_some()
    }
}

/// What became of the files, for good.
#[derive(Default)]
struct Outcome(Option<io::Error>);

impl Outcome {
    fn take(&mut self, files: &Files, result: io::Result<()>) {
        if let Err(error) = result {
            tracing::error!(%error, dir = %files.dir.display(), "the metadata journal cannot be written: this node stops");
            self.0 = Some(error);
        }
    }

    fn tell(&self, waiters: Vec<Waiter>) {
        for waiter in waiters {
            waiter.tell(self.0.as_ref().map_or(Ok(()), Err));
        }
    }
}

fn run(mut files: Files, mut queue: mpsc::Receiver<Job>, closing: &AtomicBool) {
    let mut outcome = Outcome::default();
    while let Some(first) = queue.blocking_recv() {
        let batch = Batch::gather(first, &mut queue);
        if outcome.0.is_none() {
            let mut appended = files.append(&batch.ops);
            while files.waits_for_room(&appended, closing) {
                std::thread::sleep(room::RETRY);
                appended = files.write_buffer();
            }
            let written = appended.and_then(|()| files.sync_if(batch.wants_sync()));
            outcome.take(&files, written);
        }
        outcome.tell(batch.waiters);
        if let Some(done) = batch.close {
            drop(files);
            // The one who closes may have given up waiting.
            let _ = done.send(());
            return;
        }
    }
}

/// [`run`] as a task: the time that a write and a sync take passes between them.
async fn run_inline(
    mut files: Files,
    mut queue: mpsc::Receiver<Job>,
    blocking: Blocking,
    closing: Arc<AtomicBool>,
) {
    let mut outcome = Outcome::default();
    while let Some(first) = queue.recv().await {
        let batch = Batch::gather(first, &mut queue);
        if outcome.0.is_none() {
            let mut appended = files.append(&batch.ops);
            while files.waits_for_room(&appended, &closing) {
                tokio::time::sleep(room::RETRY).await;
                appended = files.write_buffer();
            }
            outcome.take(&files, appended);
        }
        if outcome.0.is_none() && batch.wants_sync() && !batch.is_sabotaged() {
            // Nothing is run but the time: an error is not possible.
            let _ = blocking.run(|| ()).await;
            let synced = files.sync_if(true);
            outcome.take(&files, synced);
        }
        outcome.tell(batch.waiters);
        if let Some(done) = batch.close {
            drop(files);
            let _ = done.send(());
            return;
        }
    }
}

impl Files {
    /// Makes what was appended durable, if asked. Closes a full segment and deletes those without use.
    fn sync_if(&mut self, wanted: bool) -> io::Result<()> {
        if !wanted {
            return Ok(());
        }
        let active = self.active.as_mut().ok_or_else(closed)?;
        if active.synced_len < active.len {
            active.file.sync_data()?;
            active.synced_len = active.len;
        }
        if active.len > SEGMENT_BYTES {
            self.roll()?;
        }
        self.delete_purged()
    }

    fn append(&mut self, ops: &[Op]) -> io::Result<()> {
        if ops.is_empty() {
            return Ok(());
        }
        let active = self.active.as_mut().ok_or_else(closed)?;
        self.buffer.clear();
        let mut body = Vec::new();
        for (position, op) in ops.iter().enumerate() {
            frame::push_op(op, &mut body).map_err(io::Error::other)?;
            if body.len() >= BATCH_BODY_BYTES || position + 1 == ops.len() {
                frame::encode(&body, active.synced_len, &mut self.buffer);
                body.clear();
            }
            match op {
                Op::Append(entry) => active.info.max_index = active.info.max_index.max(Some(entry.index())),
                Op::Vote(vote) => self.state.vote = Some(*vote),
                Op::Committed(committed) => self.state.committed = *committed,
                Op::Purge(log_id) => self.state.purged = Some(*log_id),
                Op::Head { .. } | Op::Truncate { .. } => {}
            }
        }
        self.write_buffer()
    }

    /// Writes what was encoded behind the end of the file.
    fn write_buffer(&mut self) -> io::Result<()> {
        let active = self.active.as_mut().ok_or_else(closed)?;
        active.file.write_all_at(&[IoSlice::new(&self.buffer)], active.len)?;
        active.len += self.buffer.len() as u64;
        if active.reserved_len < active.len + room::RESERVE_BYTES / 2
            && active.file.reserve(active.len, room::RESERVE_BYTES)
        {
            active.reserved_len = active.len + room::RESERVE_BYTES;
        }
        // One huge command must not keep its memory for good.
        self.buffer.clear();
        self.buffer.shrink_to(BATCH_BODY_BYTES + HEADER_BYTES);
        Ok(())
    }

    /// Whether a write failed for want of room, and is to be tried again: what it left is cut off.
    fn waits_for_room(&mut self, written: &io::Result<()>, closing: &AtomicBool) -> bool {
        let (Err(error), Some(active)) = (written, &mut self.active) else { return false };
        if !room::is_full(error) || closing.load(Ordering::Acquire) {
            return false;
        }
        if active.reserved_len > 0 {
            tracing::error!(path = %active.info.path.display(), "the disk is full: the metadata journal waits for room");
        }
        active.reserved_len = 0;
        active.file.set_len(active.len).is_ok()
    }

    fn create_segment(&self, number: u64) -> Result<Active, WalError> {
        let path = segment_path(&self.dir, number);
        let file = self.disk.create(&path).map_err(io_error("create", &path))?;
        let mut body = Vec::new();
        let head = Op::Head { format: FORMAT_VERSION, segment: number, state: self.state.clone() };
        frame::push_op(&head, &mut body)
            .map_err(io::Error::other)
            .map_err(io_error("encode the head of", &path))?;
        let mut bytes = Vec::new();
        frame::encode(&body, 0, &mut bytes);
        file.write_all_at(&[IoSlice::new(&bytes)], 0).map_err(io_error("write", &path))?;
        file.sync_data().map_err(io_error("sync", &path))?;
        self.disk.sync_dir(&self.dir).map_err(io_error("sync", &self.dir))?;
        let len = bytes.len() as u64;
        let info = SegmentInfo { number, path, max_index: None };
        Ok(Active { info, file, len, synced_len: len, reserved_len: 0 })
    }

    /// Begins a new segment; the old one is all on disk.
    fn roll(&mut self) -> io::Result<()> {
        let number = self.active.as_ref().map_or(0, |active| active.info.number + 1);
        let new = match self.create_segment(number) {
            Ok(new) => new,
            Err(WalError::Io { source, .. }) if room::is_full(&source) => {
                // The old one serves until there is room. What was made of the new one would count as damage.
                return match self.disk.remove_file(&segment_path(&self.dir, number)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => Ok(()),
                };
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        if let Some(old) = self.active.replace(new) {
            // Gives back what it held in reserve; where that fails it is a mebibyte less.
            let _ = old.file.set_len(old.len);
            self.closed.push(old.info);
        }
        Ok(())
    }

    /// Deletes closed segments from the oldest on, as long as a snapshot stands for all that is in them.
    fn delete_purged(&mut self) -> io::Result<()> {
        let purged = self.state.purged.map(|log_id| log_id.index);
        let keep =
            self.closed.iter().position(|segment| segment.max_index > purged).unwrap_or(self.closed.len());
        for segment in self.closed.drain(..keep) {
            self.disk.remove_file(&segment.path)?;
        }
        Ok(())
    }
}
