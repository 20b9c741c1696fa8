//! Who waits for a change is woken by Postgres: one LISTEN connection per control plane, fanned out in the process.
//!
//! A wake-up may be lost (the connection breaks, a receiver lags), so everybody who waits here also looks by itself
//! now and then.

use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::Store;

const OPERATIONS: &str = "headrace_operations";
const EVENTS: &str = "headrace_events";
const WORK: &str = "headrace_work";
/// Changes of operations that a slow watcher may be behind; after that it is told that it lags and reads anew.
const OPERATIONS_BEHIND_MAX: usize = 256;
/// Wait before the connection is made again.
const RECONNECT_WAIT: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    operations: broadcast::Sender<Uuid>,
    events: watch::Sender<u64>,
    work: watch::Sender<u64>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            operations: broadcast::channel(OPERATIONS_BEHIND_MAX).0,
            events: watch::channel(0).0,
            work: watch::channel(0).0,
        }
    }

    /// The ids of operations as they change.
    pub(crate) fn operations(&self) -> broadcast::Receiver<Uuid> {
        self.operations.subscribe()
    }

    /// Changes when there is a new event.
    pub(crate) fn events(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Changes when there is new work.
    pub(crate) fn work(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// Listens until shutdown.
    pub(crate) async fn run(self, store: Store, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let result = tokio::select! {
                () = shutdown.cancelled() => return,
                result = self.listen(&store) => result,
            };
            if let Err(error) = result {
                tracing::warn!(%error, "lost the connection that listens for changes");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RECONNECT_WAIT) => {}
            }
        }
    }

    async fn listen(&self, store: &Store) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(store.pool()).await?;
        listener.listen_all([OPERATIONS, EVENTS, WORK]).await?;
        // Whatever changed while nobody listened.
        self.wake_all();
        loop {
            match listener.try_recv().await? {
                Some(notification) => self.tell(notification.channel(), notification.payload()),
                None => self.wake_all(),
            }
        }
    }

    fn tell(&self, channel: &str, payload: &str) {
        match channel {
            OPERATIONS => {
                if let Ok(id) = payload.parse() {
                    // Nobody may be watching.
                    let _ = self.operations.send(id);
                }
            }
            EVENTS => self.events.send_modify(|count| *count += 1),
            _ => self.work.send_modify(|count| *count += 1),
        }
    }

    fn wake_all(&self) {
        self.tell(EVENTS, "");
        self.tell(WORK, "");
    }
}
