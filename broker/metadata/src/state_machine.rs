//! The state machine: the image, and where in the log it stands.
//!
//! The image itself is only in memory; a restart begins with the snapshot on disk and applies the log again from
//! there. Whoever asks sees a published image: wait-free, never half of a batch.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use headrace_disk::Disk;
use headrace_state::metadata::Image;
use headrace_state::metadata::record::{decode_all, encode_all};
use openraft::entry::RaftEntry as _;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::watch;

use crate::blocking::Blocking;
use crate::types::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::{room, snapshot_file};

/// Where the newest applied image is to be had.
pub(crate) struct Published {
    image: ArcSwap<Image>,
    changes: watch::Sender<Arc<Image>>,
}

impl Published {
    pub(crate) fn new() -> Arc<Self> {
        let image = Arc::new(Image::empty());
        let (changes, _) = watch::channel(Arc::clone(&image));
        Arc::new(Self { image: ArcSwap::new(image), changes })
    }

    pub(crate) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Image>> {
        self.changes.subscribe()
    }

    fn publish(&self, image: &Arc<Image>) {
        self.image.store(Arc::clone(image));
        self.changes.send_replace(Arc::clone(image));
    }
}

/// Where snapshots are kept.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) blocking: Blocking,
    pub(crate) dir: PathBuf,
}

impl Place {
    /// Runs `work`, which may block, on the disk and the directory; again while the disk is full, for that is no reason for a node to
    /// stop.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&dyn Disk, &Path) -> io::Result<T> + Send + Sync + 'static,
    ) -> io::Result<T> {
        let work = Arc::new(work);
        loop {
            let (disk, dir, again) = (Arc::clone(&self.disk), self.dir.clone(), Arc::clone(&work));
            match self.blocking.run(move || again(&*disk, &dir)).await.map_err(io::Error::other)? {
                Err(error) if room::is_full(&error) => {
                    tracing::warn!(%error, "the metadata snapshot waits for room on the disk");
                    tokio::time::sleep(room::RETRY).await;
                }
                done => return done,
            }
        }
    }
}

pub(crate) struct StateMachine {
    place: Place,
    image: Arc<Image>,
    applied: Option<LogId>,
    membership: StoredMembership,
    published: Arc<Published>,
    /// The snapshot on disk is that of this log id.
    on_disk: Option<SnapshotMeta>,
}

/// A frozen state, to be written as a snapshot.
pub(crate) struct SnapshotBuilder {
    place: Place,
    image: Arc<Image>,
    meta: SnapshotMeta,
}

impl StateMachine {
    pub(crate) fn new(place: Place, published: Arc<Published>) -> Self {
        Self {
            place,
            image: published.image(),
            applied: None,
            membership: StoredMembership::default(),
            published,
            on_disk: None,
        }
    }
}

fn offset(log_id: Option<&LogId>) -> u64 {
    log_id.map_or(0, |log_id| log_id.index)
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut image = Image::clone(&self.image);
        let mut responders = Vec::new();
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let log_id = entry.log_id();
            let records = match entry.payload {
                EntryPayload::Blank => Vec::new(),
                EntryPayload::Normal(command) => decode_all(&command.0).map_err(io::Error::other)?,
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(log_id), membership);
                    Vec::new()
                }
            };
            // Tried on the leader before it was proposed, so this does not fail unless two versions disagree. Going
            // on with another state than the other nodes would be worse than stopping.
            image = image.apply(&records, log_id.index).map_err(io::Error::other)?;
            self.applied = Some(log_id);
            responders.extend(responder);
        }
        self.image = Arc::new(image);
        self.published.publish(&self.image);
        for responder in responders {
            responder.send(());
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let meta = SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() };
        SnapshotBuilder { place: self.place.clone(), image: Arc::clone(&self.image), meta }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Bytes) -> io::Result<()> {
        let records = decode_all(&snapshot).map_err(io::Error::other)?;
        let image =
            Image::empty().apply(&records, offset(meta.last_log_id.as_ref())).map_err(io::Error::other)?;
        // At a restart it was just read from there.
        if self.on_disk.as_ref() != Some(meta) {
            let meta = meta.clone();
            self.place.run(move |disk, dir| snapshot_file::write(disk, dir, &meta, &snapshot)).await?;
        }
        self.on_disk = Some(meta.clone());
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.image = Arc::new(image);
        self.published.publish(&self.image);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let snapshot = self.place.run(snapshot_file::read).await?;
        self.on_disk = snapshot.as_ref().map(|snapshot| snapshot.meta.clone());
        Ok(snapshot)
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let (image, meta) = (Arc::clone(&self.image), self.meta.clone());
        let build = move |disk: &dyn Disk, dir: &Path| {
            let data = encode_all(&image.to_records()).map_err(io::Error::other)?;
            snapshot_file::write(disk, dir, &meta, &data)?;
            Ok(Snapshot { meta: meta.clone(), snapshot: data })
        };
        self.place.run(build).await
    }
}
