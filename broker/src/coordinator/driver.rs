//! The one task of a shard: loads it, then waits for its deadlines and for its writes to be committed.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::ErrorCode;
use headrace_state::group::Shard;

use super::load;
use super::shard::{LedShard, Outlook};

/// After a log could not be read it is tried again, for the disk may have been away for a moment.
const LOAD_ATTEMPTS_MAX: u32 = 5;
const LOAD_RETRY_MS: u64 = 1_000;

pub(super) async fn drive(shard: Arc<LedShard>) {
    if shard.is_loading() && !load_shard(&shard).await {
        return;
    }
    while let Some(outlook) = shard.outlook() {
        wait(&shard, &outlook).await;
    }
}

/// Until something that the outlook speaks of has happened and was dealt with, or the outlook is another.
async fn wait(shard: &LedShard, outlook: &Outlook) {
    tokio::select! {
        () = shard.changed.notified() => {}
        () = until(shard, outlook.deadline_ms) => shard.tick(),
        () = until(shard, outlook.commit.map(|(_, give_up_ms)| give_up_ms)) => shard.give_up_late(),
        committed = commit(shard, outlook) => match committed {
            Ok(()) => shard.advance(),
            // Leadership is lost, which is final for this epoch.
            Err(error) => {
                tracing::debug!(partition = shard.index(), %error, "a write will not be committed");
                shard.close(ErrorCode::NOT_COORDINATOR);
            }
        },
    }
}

async fn commit(shard: &LedShard, outlook: &Outlook) -> Result<(), ErrorCode> {
    match outlook.commit {
        Some((end_offset, _)) => shard.log.committed(end_offset).await,
        None => pending().await,
    }
}

async fn until(shard: &LedShard, deadline_ms: Option<u64>) {
    match deadline_ms {
        Some(deadline_ms) => {
            let wait_ms = deadline_ms.saturating_sub(shard.now().monotonic_ms);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
        None => pending().await,
    }
}

/// `false` if the shard cannot be loaded, and was closed.
async fn load_shard(shard: &LedShard) -> bool {
    for attempt in 1..=LOAD_ATTEMPTS_MAX {
        let began_ms = shard.now().monotonic_ms;
        let mut machine = Shard::new(shard.settings.group.clone());
        match load::load(&*shard.log, &mut machine, shard.settings.load_buffer_bytes).await {
            Ok(loaded) => {
                tracing::info!(
                    partition = shard.index(),
                    records = loaded.records,
                    skipped = loaded.skipped,
                    bytes = loaded.bytes,
                    offsets = machine.offset_count(),
                    took_ms = shard.now().monotonic_ms - began_ms,
                    "loaded the groups of this partition"
                );
                shard.open(machine, loaded.end_offset);
                return true;
            }
            Err(error) => {
                tracing::warn!(partition = shard.index(), %error, attempt, "could not load the groups of this partition");
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(LOAD_RETRY_MS)) => {}
                    () = shard.changed.notified() => {}
                }
                if !shard.is_loading() {
                    return false;
                }
            }
        }
    }
    tracing::error!(
        partition = shard.index(),
        "gave up loading the groups of this partition; elect another leader, or repair its log"
    );
    shard.close(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    false
}
