//! Everything that pods need, and the StatefulSet that makes them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PropagationPolicy;
use serde_json::Value;

use super::kinds::Kind;
use super::render::{self, Desired, Of};
use super::{Kubernetes, names, observe, trouble};
use crate::domain::api_key::Token;
use crate::domain::quantity;
use crate::provision::{Error, joining};
use crate::store;
use crate::store::clusters::Stored;

impl Kubernetes {
    /// Writes all that the pods need, and, where they are there already, how they should be.
    pub(super) async fn prepare(&self, cluster: &Stored) -> Result<(), Error> {
        let mut db = self.store.begin().await?;
        joining::decide_all(&mut db, cluster).await?;
        db.commit().await.map_err(store::Error::from)?;
        self.let_go_of_doomed_owner(cluster).await?;
        // First, for it owns the others.
        let nodes = self.wanted_nodes(cluster).await?;
        let image = self.wanted_image(cluster)?;
        let unowned = Of { cluster, settings: &self.settings, image: &image, owner: None };
        let missing = || Error::NotYet("where the brokers are reached is not decided yet".to_owned());
        let config = render::config_map(&unowned, &nodes).ok_or_else(missing)?;
        self.server.apply(&unowned, &config).await?;
        let owner = self.owner(cluster);
        let of = Of { owner: owner.as_deref(), ..unowned };
        let keys = self.keys(cluster, &nodes).await?;
        for object in shared(&of, &keys) {
            self.server.apply(&of, &object).await?;
        }
        // Before the template of new ones: where the class refuses to grow, that stays as it is, too.
        self.grow_volumes(&of).await?;
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_some() {
            return self.apply_pods(&of).await;
        }
        // Somebody removed it. Pods that go with it are waited for, since its controller would take them for the next one's; around
        // those that were left it is made anew.
        let there = self.objects(cluster)?;
        let pods = there.iter().filter(|((kind, _), _)| *kind == Kind::Pod);
        let pods: Vec<Pod> = pods.filter_map(|(_, pod)| serde_json::from_value(pod.body()).ok()).collect();
        // Or it lost the label by which it is seen.
        if pods.iter().any(goes_with_its_owner)
            && !self.server.is_there(of.namespace(), Kind::StatefulSet, &cluster.name).await?
        {
            return Err(Error::Waiting(
                "the pods of a StatefulSet that was removed are on their way out".to_owned(),
            ));
        }
        if pods.is_empty() { Ok(()) } else { self.apply_pods(&of).await }
    }

    async fn wanted_nodes(&self, cluster: &Stored) -> Result<Vec<store::nodes::Node>, Error> {
        let mut nodes = self.nodes(cluster).await?;
        let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
        nodes.retain(|node| (1..=last).contains(&node.node_id));
        Ok(nodes)
    }

    /// Somebody removes what owns all else. The finalizer holds that up: the others are made nobody's first, so that they stay,
    /// and it is made anew.
    async fn let_go_of_doomed_owner(&self, cluster: &Stored) -> Result<(), Error> {
        let Some(doomed) = self.seen(cluster, Kind::ConfigMap, &cluster.name).filter(|seen| seen.deleting)
        else {
            return Ok(());
        };
        tracing::warn!(cluster = cluster.name, "somebody removes the ConfigMap; it is made anew");
        let image = self.wanted_image(cluster)?;
        let of = Of { cluster, settings: &self.settings, image: &image, owner: None };
        let nodes = self.nodes(cluster).await?;
        let keys = self.keys(cluster, &nodes).await?;
        let mut objects = shared(&of, &keys);
        for node in &nodes {
            objects.extend(render::broker_services(&of, node.node_id, Some(node)));
        }
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_some() {
            objects.push(render::stateful_set(&of));
        }
        for object in objects {
            self.server.apply(&of, &object).await?;
        }
        self.server.drop_finalizer(self.namespace(cluster), Kind::ConfigMap, &cluster.name, &doomed).await?;
        let uid = doomed.uid.clone();
        let gone = || self.seen(cluster, Kind::ConfigMap, &cluster.name).is_none_or(|seen| seen.uid != uid);
        self.server.await_cache(gone).await;
        Ok(())
    }

    /// The StatefulSet. What of it cannot be changed (the template of volumes) is changed by making it anew around its pods.
    async fn apply_pods(&self, of: &Of<'_>) -> Result<(), Error> {
        let cluster = of.cluster;
        let desired = render::stateful_set(of);
        if let Some(seen) = self.seen(cluster, Kind::StatefulSet, &cluster.name) {
            let fixed = |set: &Value| {
                let claim =
                    &set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"];
                claim.as_str().map(ToOwned::to_owned)
            };
            let same = |live: &Value| {
                let (one, other) = (fixed(&desired.body), fixed(live));
                one.zip(other).is_none_or(|(one, other)| quantity::same(&one, &other))
            };
            if !same(&seen.body()) {
                let orphan = PropagationPolicy::Orphan;
                self.server
                    .delete(
                        self.namespace(cluster),
                        Kind::StatefulSet,
                        &cluster.name,
                        &seen.uid,
                        None,
                        orphan,
                    )
                    .await?;
                let gone = || {
                    let now = self.seen(cluster, Kind::StatefulSet, &cluster.name);
                    now.is_none_or(|now| now.uid != seen.uid)
                };
                if !self.server.await_cache(gone).await {
                    return Err(Error::Waiting(
                        "the StatefulSet is on its way out, to be made anew".to_owned(),
                    ));
                }
            }
        }
        self.server.apply(of, &desired).await
    }

    /// Volumes that are smaller than asked for grow, where their class allows it; else the API server says why not.
    async fn grow_volumes(&self, of: &Of<'_>) -> Result<(), Error> {
        let objects = self.objects(of.cluster)?;
        for claim in observe::small_claims(of, &objects) {
            self.server.apply(of, &claim).await?;
        }
        Ok(())
    }

    /// The agents' keys as they are, with one for each broker that has none that works.
    async fn keys(
        &self,
        cluster: &Stored,
        nodes: &[store::nodes::Node],
    ) -> Result<BTreeMap<String, String>, Error> {
        let seen = self.seen(cluster, Kind::Secret, &names::keys(&cluster.name));
        let body = seen.map(|seen| seen.body()).unwrap_or_default();
        let mut keys = BTreeMap::new();
        let mut db = self.store.begin().await?;
        for node in nodes {
            let pod = names::pod(&cluster.name, node.node_id);
            let written = body["data"][&pod].as_str();
            let decoded = written.and_then(|text| STANDARD.decode(text).ok());
            let token = decoded.and_then(|text| Token::parse(std::str::from_utf8(&text).ok()?));
            if let (Some(written), Some(token)) = (written, token)
                && store::api_keys::is_agent_key(&mut db, cluster.id, node.node_id, &token).await?
            {
                keys.insert(pod, written.to_owned());
                continue;
            }
            let token =
                Token::generate().map_err(|error| Error::NotYet(format!("no randomness: {error}")))?;
            keys.insert(pod, STANDARD.encode(format!("{}\n", token.expose())));
            store::api_keys::replace_agent_key(
                &mut db,
                cluster.id,
                node.node_id,
                &token,
                crate::clock::now(),
            )
            .await?;
        }
        db.commit().await.map_err(store::Error::from)?;
        Ok(keys)
    }

    pub(super) async fn start_broker(&self, cluster: &Stored) -> Result<(), Error> {
        let (owner, image) = (self.owner(cluster), self.wanted_image(cluster)?);
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        if self.seen(cluster, Kind::StatefulSet, &cluster.name).is_none() {
            let last = i32::try_from(cluster.spec.brokers).unwrap_or(i32::MAX);
            for node in 1..=last {
                self.server
                    .refuse_foreign(&of, Kind::PersistentVolumeClaim, &names::claim(&cluster.name, node))
                    .await?;
            }
        }
        self.apply_pods(&of).await
    }
}

/// Whether a pod whose StatefulSet is gone will be so soon. One whose node is lost will not, and must not hold up the others.
fn goes_with_its_owner(pod: &Pod) -> bool {
    let owned = pod.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    (owned || pod.metadata.deletion_timestamp.is_some()) && !trouble::is_lost(pod)
}

/// All objects but the ConfigMap, the pods and what is one broker's.
pub(super) fn shared(of: &Of<'_>, keys: &BTreeMap<String, String>) -> Vec<Desired> {
    let mut objects = vec![
        render::keys(of, keys),
        render::service_account(of),
        render::disruption_budget(of),
        render::network_policy(of),
    ];
    objects.extend(render::cluster_services(of));
    objects.extend(of.settings.pod_monitors.then(|| render::pod_monitor(of)));
    objects
}
