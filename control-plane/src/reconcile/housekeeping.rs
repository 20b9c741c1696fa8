//! Deletes what is too old to be asked for, and says that this control plane is alive. Takes no input; doing it twice,
//! or by several control planes at once, does no harm.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{self, Store};

/// How often this control plane says that it is alive; agents look for one that did so within a minute.
const BEAT: Duration = Duration::from_secs(10);
/// How often old rows are deleted.
const PRUNE_EVERY_BEATS: u32 = 30;

/// Runs until shutdown.
pub(crate) async fn run(store: Store, instance: Uuid, url: String, shutdown: CancellationToken) {
    let mut beats = 0_u32;
    loop {
        if let Err(error) = beat(&store, instance, &url, beats.is_multiple_of(PRUNE_EVERY_BEATS)).await {
            tracing::warn!(%error, "housekeeping failed and is tried again");
        }
        beats = beats.wrapping_add(1);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

async fn beat(store: &Store, instance: Uuid, url: &str, prune: bool) -> Result<(), store::Error> {
    let mut db = store.connection().await?;
    store::instances::beat(&mut db, instance, url).await?;
    if prune {
        let samples = store::reports::prune(&mut db).await?;
        let events = store::events::prune(&mut db).await?;
        let operations = store::operations::prune(&mut db).await?;
        let answers = store::idempotency::prune(&mut db).await?;
        tracing::debug!(samples, events, operations, answers, "deleted old rows");
    }
    Ok(())
}
