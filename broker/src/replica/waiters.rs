//! Who waits for a partition to grow. A fetch waits on many partitions at once and is woken only when enough has come, so that an append
//! does not wake those it cannot satisfy.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Partition;

/// One fetch that waits for `missing` more bytes.
#[derive(Debug)]
pub(crate) struct FetchWait {
    /// Tells it from others; not its address, so that a simulation wakes in the same order every time.
    id: u64,
    missing: AtomicI64,
    notify: Notify,
}

impl FetchWait {
    fn grow(&self, bytes: i64) {
        let before = self.missing.fetch_sub(bytes, Ordering::AcqRel);
        if before > 0 && before <= bytes {
            self.notify.notify_one();
        }
    }

    /// Ends the wait whatever has come.
    fn wake(&self) {
        self.missing.store(0, Ordering::Release);
        self.notify.notify_one();
    }
}

/// The fetches that wait on one partition.
#[derive(Debug, Default)]
pub(super) struct FetchWaiters {
    count: AtomicUsize,
    waiting: Mutex<HashMap<u64, Arc<FetchWait>>>,
}

impl FetchWaiters {
    /// The partition grew by so many readable bytes.
    pub(super) fn grow(&self, bytes: usize) {
        if self.count.load(Ordering::Acquire) > 0 {
            let bytes = i64::try_from(bytes.max(1)).unwrap_or(i64::MAX);
            self.waiting.lock().values().for_each(|wait| wait.grow(bytes));
        }
    }

    /// Something changed that every waiting fetch must see: leadership, deletion, shutdown.
    pub(super) fn wake_all(&self) {
        if self.count.load(Ordering::Acquire) > 0 {
            self.waiting.lock().values().for_each(|wait| wait.wake());
        }
    }

    fn insert(&self, wait: &Arc<FetchWait>) {
        let mut waiting = self.waiting.lock();
        waiting.insert(wait.id, Arc::clone(wait));
        self.count.store(waiting.len(), Ordering::Release);
    }

    fn remove(&self, wait: &Arc<FetchWait>) {
        let mut waiting = self.waiting.lock();
        waiting.remove(&wait.id);
        if waiting.is_empty() {
            waiting.shrink_to(16);
        }
        self.count.store(waiting.len(), Ordering::Release);
    }
}

/// A fetch's registration with its partitions; ends when dropped.
#[derive(Debug)]
pub(crate) struct FetchRegistration {
    wait: Arc<FetchWait>,
    waiter: Waiter,
    partitions: Vec<Arc<Partition>>,
}

/// Who waits: a consumer for what is committed, a follower for all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiter {
    Consumer,
    Follower,
}

impl Waiter {
    fn on(self, partition: &Partition) -> &FetchWaiters {
        match self {
            Self::Consumer => &partition.fetch_waiters,
            Self::Follower => &partition.follower_waiters,
        }
    }
}

impl FetchRegistration {
    pub(crate) fn new(waiter: Waiter, missing_bytes: i64, partitions: Vec<Arc<Partition>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let wait = Arc::new(FetchWait {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            missing: AtomicI64::new(missing_bytes.max(1)),
            notify: Notify::new(),
        });
        partitions.iter().for_each(|partition| waiter.on(partition).insert(&wait));
        Self { wait, waiter, partitions }
    }

    /// Resolves once the missing bytes have come (or a wake-up for another reason).
    pub(crate) async fn satisfied(&self) {
        self.wait.notify.notified().await;
    }
}

impl Drop for FetchRegistration {
    fn drop(&mut self) {
        self.partitions.iter().for_each(|partition| self.waiter.on(partition).remove(&self.wait));
    }
}
