//! What is taken away: pods that are to be replaced, volumes, whole clusters.

use std::time::Duration;

use kube::api::PropagationPolicy;

use super::kinds::Kind;
use super::{Kubernetes, names, observe, trouble};
use crate::provision::Error;
use crate::store;
use crate::store::clusters::Stored;

/// A pod is gone within this, grace and all, or it is looked at again later.
const GONE_WAIT: Duration = Duration::from_secs(120);
/// A pod whose data is removed has nothing to hand over.
const END_GRACE_SECONDS: u32 = 1;

impl Kubernetes {
    /// Has the pod replaced by one as it should be now.
    pub(super) async fn stop_broker(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        // The StatefulSet controller makes the next pod by what it has seen, not by what was written.
        let up_to_date = || {
            let Some(set) = self.seen(cluster, Kind::StatefulSet, &cluster.name) else { return true };
            let set = set.body();
            set["status"]["observedGeneration"] == set["metadata"]["generation"]
        };
        if !self.server.await_cache(up_to_date).await {
            return Err(Error::Waiting("the StatefulSet controller has not seen the change yet".to_owned()));
        }
        self.remove_pod(cluster, node, None).await
    }

    /// Nobody is to go on: the StatefulSet goes first, so that it makes no other pod.
    pub(super) async fn end_broker(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        if let Some(set) = self.seen(cluster, Kind::StatefulSet, &cluster.name) {
            let orphan = PropagationPolicy::Orphan;
            self.server
                .delete(self.namespace(cluster), Kind::StatefulSet, &cluster.name, &set.uid, None, orphan)
                .await?;
            let gone = || self.seen(cluster, Kind::StatefulSet, &cluster.name).is_none();
            self.server.await_cache(gone).await;
        }
        self.remove_pod(cluster, node, Some(END_GRACE_SECONDS)).await
    }

    async fn remove_pod(&self, cluster: &Stored, node: i32, grace_seconds: Option<u32>) -> Result<(), Error> {
        let name = names::pod(&cluster.name, node);
        let Some(seen) = self.seen(cluster, Kind::Pod, &name) else { return Ok(()) };
        let policy = PropagationPolicy::Background;
        self.server
            .delete(self.namespace(cluster), Kind::Pod, &name, &seen.uid, grace_seconds, policy)
            .await?;
        let gone = || self.seen(cluster, Kind::Pod, &name).is_none_or(|now| now.uid != seen.uid);
        self.await_gone(gone, &format!("pod {name}")).await
    }

    async fn await_gone(&self, gone: impl Fn() -> bool, what: &str) -> Result<(), Error> {
        let until = tokio::time::Instant::now() + GONE_WAIT;
        while !self.server.await_cache(&gone).await {
            if tokio::time::Instant::now() >= until {
                return Err(Error::Waiting(format!("{what} is asked to go but is still there")));
            }
        }
        Ok(())
    }

    pub(super) async fn remove_data(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let name = names::claim(&cluster.name, node);
        let Some(seen) = self.seen(cluster, Kind::PersistentVolumeClaim, &name) else { return Ok(()) };
        let policy = PropagationPolicy::Background;
        self.server
            .delete(self.namespace(cluster), Kind::PersistentVolumeClaim, &name, &seen.uid, None, policy)
            .await?;
        let gone = || self.seen(cluster, Kind::PersistentVolumeClaim, &name).is_none();
        self.await_gone(gone, &format!("the volume claim {name}")).await
    }

    /// The claim is only gone when its pod is; the StatefulSet controller then makes both anew. A pod whose node is lost would never
    /// be gone, and is not waited for: nobody needs what it has.
    pub(super) async fn replace(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let name = names::claim(&cluster.name, node);
        let claim = self.seen(cluster, Kind::PersistentVolumeClaim, &name);
        let policy = PropagationPolicy::Background;
        if let Some(claim) = &claim {
            let kind = Kind::PersistentVolumeClaim;
            self.server.delete(self.namespace(cluster), kind, &name, &claim.uid, None, policy).await?;
        }
        let lost = self.pod(cluster, node).as_ref().is_some_and(trouble::is_lost);
        self.remove_pod(cluster, node, lost.then_some(0)).await?;
        let gone = || {
            let now = self.seen(cluster, Kind::PersistentVolumeClaim, &name);
            now.map(|now| now.uid.clone()) != claim.as_ref().map(|claim| claim.uid.clone())
        };
        match claim {
            Some(_) => self.await_gone(gone, &format!("the volume claim {name}")).await,
            None => Ok(()),
        }
    }

    pub(super) async fn release(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        for ((kind, name), seen) in self.objects(cluster)? {
            if kind == Kind::Service && observe::is_of_broker(&cluster.name, &name, node) {
                let policy = PropagationPolicy::Background;
                self.server.delete(self.namespace(cluster), kind, &name, &seen.uid, None, policy).await?;
            }
        }
        let mut db = self.store.begin().await?;
        store::forget_node(&mut db, cluster.id, node).await?;
        db.commit().await.map_err(store::Error::from)?;
        Ok(())
    }

    /// Everything that is left, but for volumes that are to stay. The owner is last, so that a delete which is cut off is found
    /// again.
    pub(super) async fn remove_rest(&self, cluster: &Stored) -> Result<(), Error> {
        let retain = cluster.spec.kubernetes.as_ref().is_some_and(|pods| pods.storage.retain);
        let stays = |kind: Kind| retain && kind == Kind::PersistentVolumeClaim;
        for ((kind, name), seen) in self.objects(cluster)? {
            if stays(kind) {
                continue;
            }
            if kind == Kind::ConfigMap {
                self.server.drop_finalizer(self.namespace(cluster), kind, &name, &seen).await?;
            }
            let policy = PropagationPolicy::Background;
            self.server.delete(self.namespace(cluster), kind, &name, &seen.uid, None, policy).await?;
        }
        let gone = || {
            let left = self.cache.objects(cluster.id).unwrap_or_default();
            left.keys().all(|(kind, _)| stays(*kind))
        };
        self.await_gone(gone, "what was the cluster's").await
    }
}
