//! A log directory that fails while the broker runs: its replicas go out of reach, the controller hears of it by the next heartbeat and
//! lets others lead them, and the broker goes on with the directories that it still has.

use std::path::Path;
use std::sync::Arc;

use headrace_protocol::Uuid;

use super::ReplicaManager;
use crate::broker::{Broker, Leadership};
use crate::registration;

/// Waits for directories to fail, as long as the broker runs.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut stopping = broker.stopping();
    loop {
        tokio::select! {
            () = broker.replicas.dirs_alarm.notified() => {}
            () = stopping.stopped() => return,
        }
        for dir in broker.replicas.dirs().failed_dirs() {
            tracing::error!(path = %dir.path.display(), reason = %dir.reason, "a log directory has failed: its replicas are offline");
        }
        // A replica's lock may be held by who waits for the disk.
        let taking = {
            let (broker, listener) = (Arc::clone(&broker), Leadership(Arc::clone(&broker)));
            broker.blocking.clone().run(move || {
                let lost = broker.replicas.take_offline(&listener);
                // What was acknowledged may be lost with the directory: whatever comes of it, the next start must not count as one that
                // has everything.
                registration::note_incarnation(&broker, false);
                lost
            })
        };
        match taking.await {
            Ok(lost) => broker.replicas.fetchers.update(&broker, &lost),
            Err(error) => tracing::error!(%error, "replicas could not be taken offline"),
        }
        broker.replicas.dirs_failed.send_modify(|times| *times += 1);
    }
}

impl ReplicaManager {
    /// The failed directories as the controller knows them.
    pub(crate) fn failed_directory_ids(&self) -> Vec<Uuid> {
        let dirs = self.dirs().failed_dirs();
        dirs.into_iter().filter_map(|dir| dir.directory_id).map(|id| Uuid(id.0)).collect()
    }

    /// Why the broker cannot go on: no directory is left, or the one with the metadata has failed.
    pub(crate) fn fatal_failure(&self, metadata_dir: &Path) -> Option<String> {
        let failed = self.dirs().failed_dirs();
        if self.dirs().dirs().is_empty() {
            let all: Vec<_> =
                failed.iter().map(|dir| format!("{} ({})", dir.path.display(), dir.reason)).collect();
            return Some(format!("every log directory has failed: {}", all.join(", ")));
        }
        let lost = failed.iter().find(|dir| metadata_dir.starts_with(&dir.path))?;
        Some(format!("{}, which holds the metadata log, has failed: {}", lost.path.display(), lost.reason))
    }
}
