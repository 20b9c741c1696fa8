//! A broker's own Services, and where it is reached by them.

use std::collections::BTreeMap;

use kube::api::PropagationPolicy;
use serde_json::Value;

use super::cache::Objects;
use super::kinds::Kind;
use super::names::{self, ADMIN_PORT, CLIENT_PORT, INTERNAL_PORT};
use super::render::{self, Of};
use super::{Kubernetes, observe};
use crate::domain::pods::{Listener, ListenerKind};
use crate::provision::Error;
use crate::store;
use crate::store::clusters::Stored;
use crate::store::nodes::External;

impl Kubernetes {
    /// Makes a broker's own Services and notes where it is reached by them.
    pub(super) async fn reserve(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let (owner, image) = (self.owner(cluster), self.image(cluster).unwrap_or_default());
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        let known = self.nodes(cluster).await?.into_iter().find(|known| known.node_id == node);
        for service in render::broker_services(&of, node, known.as_ref()) {
            self.server.apply(&of, &service).await?;
        }
        self.remove_closed_listeners(cluster, node).await?;
        let objects = self.objects(cluster)?;
        let mut externals = BTreeMap::new();
        for listener in &cluster.spec.listeners {
            let found = external(cluster, node, listener, &objects);
            let found = found.map_err(|lacks| Error::Waiting(format!("broker {node} has no {lacks} yet")))?;
            externals.insert(listener.name.clone(), found);
        }
        let mut db = self.store.connection().await?;
        let ports = [CLIENT_PORT, INTERNAL_PORT, ADMIN_PORT];
        store::nodes::set_addresses(&mut db, cluster.id, node, &of.host(node), ports, &externals).await?;
        Ok(())
    }

    async fn remove_closed_listeners(&self, cluster: &Stored, node: i32) -> Result<(), Error> {
        let policy = PropagationPolicy::Background;
        for (name, seen) in observe::closed_listeners(cluster, node, &self.objects(cluster)?) {
            self.server
                .delete(self.namespace(cluster), Kind::Service, &name, &seen.uid, None, policy.clone())
                .await?;
        }
        Ok(())
    }
}

/// Where clients outside reach a broker by a listener; what is not there yet, if that cannot be said.
pub(super) fn external(
    cluster: &Stored,
    node: i32,
    listener: &Listener,
    objects: &Objects,
) -> Result<External, &'static str> {
    let template = listener.advertised_host.as_ref();
    let advertised = template.map(|host| host.replace("{broker}", &node.to_string()));
    let name = names::listener_service(&cluster.name, node, &listener.name);
    let service = objects.get(&(Kind::Service, name)).map(|seen| seen.body()).unwrap_or_default();
    let port = &service["spec"]["ports"][0];
    let number = |port: &Value| u16::try_from(port.as_u64()?).ok();
    let kind = listener.kind;
    match kind {
        ListenerKind::NodePort => {
            let port = number(&port["nodePort"]).ok_or("node port")?;
            Ok(External { host: advertised, port, kind })
        }
        ListenerKind::LoadBalancer => {
            let port = number(&port["port"]).ok_or("load balancer")?;
            let ingress = &service["status"]["loadBalancer"]["ingress"][0];
            let given = [&ingress["hostname"], &ingress["ip"]].into_iter().find_map(Value::as_str);
            let host = advertised.or_else(|| given.map(ToOwned::to_owned));
            Ok(External { host: Some(host.ok_or("address from its load balancer")?), port, kind })
        }
    }
}
