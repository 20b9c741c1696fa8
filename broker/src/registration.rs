//! This broker's membership in its cluster: it registers its process, sends heartbeats, and asks to be let go when it stops (KIP-631).
//!
//! What it says of its former life decides whether its replicas may lead without having fetched first (KIP-966): the epoch it had is
//! named only if nothing can have been lost since, because the stop was clean or because the machine has not been restarted since, so
//! that the page cache still has what was written and not yet synced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use headrace_disk::{Disk, read_small, write_atomically};
use headrace_protocol::messages::broker_heartbeat::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use headrace_protocol::messages::broker_registration::{
    BrokerRegistrationRequest, BrokerRegistrationResponse, Listener,
};
use headrace_protocol::{ErrorCode, Str, Uuid};
use headrace_state::metadata::Image;

use crate::broker::Broker;
use crate::config::Config;
use crate::{controller, open};

const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 2;
/// The wait before another attempt, twice as long every time, up to a bound.
const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_millis(500);
/// How long one attempt may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a broker that is still fenced asks to be let in.
const FENCED_INTERVAL: Duration = Duration::from_millis(20);
/// After how long without success that is said in the log.
const COMPLAIN_AFTER: Duration = Duration::from_secs(10);
/// The most of the former process's file that is read, in bytes.
const INCARNATION_BYTES_MAX: u64 = 64 * 1024;
/// Its length, so that it can be written over in place.
const INCARNATION_BYTES: usize = 256;

/// Why this process must not go on as this broker.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "another process has registered as broker {id}: two processes have the same node.id, or this one was replaced"
    )]
    Replaced { id: i32 },
    #[error("the cluster does not take this broker: {0}")]
    Registration(String),
    #[error("{0}")]
    Storage(String),
}

/// Makes this process known to the cluster, however long it takes to find a controller.
pub(crate) async fn register(broker: &Arc<Broker>, listeners: &[Listener]) -> Result<(), Refused> {
    let former = Incarnation::read(&*broker.disk, &incarnation_paths(&broker.config));
    let request = BrokerRegistrationRequest {
        broker_id: broker.node_id(),
        cluster_id: broker.cluster_id(),
        incarnation_id: Uuid::from_random(rand::random()),
        listeners: listeners.to_vec(),
        features: Vec::new(),
        rack: broker.config.broker_rack.as_deref().map(Str::from),
        is_migrating_zk_broker: false,
        log_dirs: broker.replicas.dirs().dirs().iter().map(|dir| Uuid(dir.directory_id.0)).collect(),
        previous_broker_epoch: if broker.replicas.has_lost_records() {
            -1
        } else {
            former.epoch_if_nothing_is_lost(&broker.boot_id)
        },
    };
    let mut wait = RETRY_MIN;
    let mut complained = tokio::time::Instant::now();
    let epoch = loop {
        let answer = controller::call(broker, REGISTRATION_VERSION, &request, CALL_TIMEOUT).await;
        let reason = match answer {
            Ok(BrokerRegistrationResponse { error_code: ErrorCode::NONE, broker_epoch, .. }) => {
                break broker_epoch;
            }
            Ok(BrokerRegistrationResponse { error_code, .. }) => match error_code {
                ErrorCode::INCONSISTENT_CLUSTER_ID | ErrorCode::INVALID_REGISTRATION => {
                    let reason = format!("{}: {}", error_code.name(), error_code.message());
                    return Err(Refused::Registration(reason));
                }
                // The former process was heard of a moment ago; its session has yet to end.
                code => code.name().to_owned(),
            },
            Err(error) => error.to_string(),
        };
        if complained.elapsed() >= COMPLAIN_AFTER {
            complained = tokio::time::Instant::now();
            tracing::warn!(%reason, "this broker could not register yet");
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    };
    broker.metadata.admit();
    broker.lifecycle.epoch.store(epoch, Ordering::Release);
    note_incarnation(broker, false);
    broker.replicas.dirs().forget_lost_records();
    // What it led before its restart must not be taken up again: its own registration has changed that.
    let id = broker.node_id();
    let has_it = |image: &Arc<Image>| image.broker(id).is_some_and(|known| known.epoch >= epoch);
    tracing::info!(epoch, previous = request.previous_broker_epoch, "registered");
    // However long that takes. An error means that the quorum has stopped, and with it this broker.
    let _ = broker.metadata.watch().wait_for(has_it).await;
    Ok(())
}

/// Sends heartbeats until the process ends. Returns only if it must not go on.
pub(crate) async fn heartbeats(broker: Arc<Broker>, listeners: Vec<Listener>) -> Refused {
    let interval =
        Duration::from_millis(u64::from(broker.config.broker_heartbeat_interval_ms.unsigned_abs()));
    let mut wants_to_go = broker.lifecycle.wants_to_go();
    let mut dirs_failed = broker.replicas.dirs_failed.subscribe();
    let mut retry = RETRY_MIN;
    loop {
        let want_shut_down = *wants_to_go.borrow_and_update();
        let request = BrokerHeartbeatRequest {
            broker_id: broker.node_id(),
            broker_epoch: broker.epoch(),
            current_metadata_offset: i64::try_from(broker.image().offset()).unwrap_or(i64::MAX),
            want_fence: false,
            want_shut_down,
            offline_log_dirs: broker.replicas.failed_directory_ids(),
            ..Default::default()
        };
        let fatal = broker.replicas.fatal_failure(&open::metadata_dir(&broker.config));
        let timeout = CALL_TIMEOUT.min(interval * 2);
        let wait = match controller::call(&broker, HEARTBEAT_VERSION, &request, timeout).await {
            Ok(BrokerHeartbeatResponse {
                error_code: ErrorCode::NONE, is_fenced, should_shut_down, ..
            }) => {
                retry = RETRY_MIN;
                broker.lifecycle.heard_ms.store(broker.clock.monotonic_ms(), Ordering::Relaxed);
                broker.lifecycle.set_fenced(is_fenced);
                if should_shut_down {
                    broker.lifecycle.may_go.send_replace(true);
                }
                if is_fenced || want_shut_down { FENCED_INTERVAL } else { interval }
            }
            Ok(BrokerHeartbeatResponse { error_code: ErrorCode::STALE_BROKER_EPOCH, .. }) => {
                return Refused::Replaced { id: broker.node_id() };
            }
            Ok(BrokerHeartbeatResponse { error_code: ErrorCode::BROKER_ID_NOT_REGISTERED, .. }) => {
                tracing::warn!("this broker was unregistered: it registers again");
                if let Err(refused) = register(&broker, &listeners).await {
                    return refused;
                }
                FENCED_INTERVAL
            }
            Ok(BrokerHeartbeatResponse { error_code, .. }) => {
                tracing::debug!(error = %error_code, "a heartbeat was refused");
                retry = (retry * 2).min(RETRY_MAX);
                retry
            }
            Err(error) => {
                tracing::debug!(%error, "a heartbeat was not answered");
                retry = (retry * 2).min(RETRY_MAX);
                retry
            }
        };
        // The controller has heard of it, or may be nobody but this node.
        if let Some(reason) = fatal {
            return Refused::Storage(reason);
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // So is a directory that failed. The sender lives as long as the broker.
            _ = dirs_failed.changed() => {}
            // Going is said at once.
            _ = wants_to_go.wait_for(|wants| *wants && !want_shut_down) => {}
        }
    }
}

/// What this broker's process leaves for the next one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Incarnation {
    epoch: Option<i64>,
    boot_id: String,
    clean: bool,
}

impl Incarnation {
    /// Says nothing unless every directory says the same: in one that failed, or was exchanged, records may have been lost.
    fn read(disk: &dyn Disk, paths: &[PathBuf]) -> Self {
        let mut all = paths.iter().map(|path| Self::read_one(disk, path));
        let first = all.next().unwrap_or_default();
        if all.all(|other| other == first) { first } else { Self::default() }
    }

    /// A file that is missing or damaged says nothing.
    fn read_one(disk: &dyn Disk, path: &Path) -> Self {
        let text = read_small(disk, path, INCARNATION_BYTES_MAX).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        Self {
            epoch: value("broker.epoch").and_then(|epoch| epoch.parse().ok()),
            boot_id: value("boot.id").unwrap_or_default().to_owned(),
            clean: value("clean.shutdown") == Some("true"),
        }
    }

    fn write(&self, disk: &dyn Disk, path: &Path) -> io::Result<()> {
        let Some(epoch) = self.epoch else { return Ok(()) };
        let text = format!("broker.epoch={epoch}\nboot.id={}\nclean.shutdown={}\n", self.boot_id, self.clean);
        let text = format!("{text:<INCARNATION_BYTES$}");
        match write_atomically(disk, path, text.as_bytes()) {
            // No room for another file: the one that is there is written over, which takes none. It is one sector, old or new.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                let file = disk.open(path)?;
                file.write_all_at(&[io::IoSlice::new(text.as_bytes())], 0)?;
                file.sync_data()
            }
            written => written,
        }
    }

    fn epoch_if_nothing_is_lost(&self, boot_id: &str) -> i64 {
        let same_boot = !self.boot_id.is_empty() && self.boot_id == boot_id;
        self.epoch.filter(|_| self.clean || same_boot).unwrap_or(-1)
    }
}

fn incarnation_paths(config: &Config) -> Vec<PathBuf> {
    config.log_dirs.iter().map(|dir| Path::new(dir).join("broker.incarnation")).collect()
}

/// Writes down the epoch that this broker has, and whether it has stopped cleanly.
pub(crate) fn note_incarnation(broker: &Broker, clean: bool) {
    if broker.epoch() < 0 && clean {
        // It never came to register: what its predecessor left still holds.
        return;
    }
    let nothing_failed = broker.replicas.dirs().failed_dirs().is_empty();
    let boot_id = if nothing_failed { broker.boot_id.clone() } else { String::new() };
    let incarnation = Incarnation { epoch: Some(broker.epoch()), boot_id, clean: clean && nothing_failed };
    for path in incarnation_paths(&broker.config) {
        if let Err(error) = incarnation.write(&*broker.disk, &path) {
            tracing::warn!(path = %path.display(), %error, "the broker's epoch could not be written down: its next start counts as unclean");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use headrace_disk::RealDisk;

    use super::*;

    const BOOT: &str = "this boot";

    #[test]
    fn a_former_epoch_counts_only_if_nothing_can_have_been_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.incarnation");
        let read = || Incarnation::read(&RealDisk, std::slice::from_ref(&path));
        assert_eq!(read().epoch_if_nothing_is_lost(BOOT), -1);
        let elsewhere = Incarnation { epoch: Some(7), boot_id: "another".into(), clean: false };
        for (incarnation, expected) in [
            (elsewhere.clone(), -1),
            (Incarnation { clean: true, ..elsewhere.clone() }, 7),
            (Incarnation { boot_id: BOOT.into(), ..elsewhere.clone() }, 7),
            (Incarnation { boot_id: String::new(), ..elsewhere }, -1),
        ] {
            incarnation.write(&RealDisk, &path).unwrap();
            let read = read();
            assert_eq!(read, incarnation);
            assert_eq!(read.epoch_if_nothing_is_lost(BOOT), expected, "{incarnation:?}");
        }
        let other = dir.path().join("other.incarnation");
        let clean = Incarnation { epoch: Some(7), boot_id: BOOT.into(), clean: true };
        for (there, expected) in [(Incarnation { clean: false, ..clean.clone() }, -1), (clean.clone(), 7)] {
            clean.write(&RealDisk, &path).unwrap();
            there.write(&RealDisk, &other).unwrap();
            let both = Incarnation::read(&RealDisk, &[path.clone(), other.clone()]);
            assert_eq!(both.epoch_if_nothing_is_lost(BOOT), expected);
        }
        fs::write(&path, "broker.epoch=x").unwrap();
        assert_eq!(read().epoch_if_nothing_is_lost(BOOT), -1);
    }
}
