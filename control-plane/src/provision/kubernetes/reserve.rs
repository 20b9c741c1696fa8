//! A broker's own Services, and where it is reached by them.

use std::collections::BTreeMap;

use kube::api::PropagationPolicy;
use serde_json::Value;

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
        let (owner, image) = (self.owner(cluster), self.image(cluster));
        let of = Of { cluster, settings: &self.settings, image: &image, owner: owner.as_deref() };
        let known = self.nodes(cluster).await?.into_iter().find(|known| known.node_id == node);
        for service in render::broker_services(&of, node, known.as_ref()) {
            self.server.apply(&of, &service).await?;
        }
        self.remove_closed_listeners(cluster, node).await?;
        let mut external = BTreeMap::new();
        for listener in &cluster.spec.listeners {
            let found = self.external(cluster, node, listener)?;
            external.insert(listener.name.clone(), found);
        }
        let mut db = self.store.connection().await?;
        let ports = [CLIENT_PORT, INTERNAL_PORT, ADMIN_PORT];
        store::nodes::set_addresses(&mut db, cluster.id, node, &of.host(node), ports, &external).await?;
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

    /// Where clients outside reach a broker by a listener.
    fn external(&self, cluster: &Stored, node: i32, listener: &Listener) -> Result<External, Error> {
        let template = listener.advertised_host.as_ref();
        let advertised = template.map(|host| host.replace("{broker}", &node.to_string()));
        let waits = |for_what: &str| Error::Waiting(format!("broker {node} has no {for_what} yet"));
        let name = names::listener_service(&cluster.name, node, &listener.name);
        let service = self.seen(cluster, Kind::Service, &name).map(|seen| seen.body()).unwrap_or_default();
        let port = &service["spec"]["ports"][0];
        let number = |port: &Value| u16::try_from(port.as_u64()?).ok();
        match listener.kind {
            ListenerKind::NodePort => {
                let port = number(&port["nodePort"]).ok_or_else(|| waits("node port"))?;
                Ok(External { host: advertised, port, kind: listener.kind })
            }
            ListenerKind::LoadBalancer => {
                let port = number(&port["port"]).ok_or_else(|| waits("load balancer"))?;
                let ingress = &service["status"]["loadBalancer"]["ingress"][0];
                let given = [&ingress["hostname"], &ingress["ip"]].into_iter().find_map(Value::as_str);
                let host = advertised.or_else(|| given.map(ToOwned::to_owned));
                let host = host.ok_or_else(|| waits("address from its load balancer"))?;
                Ok(External { host: Some(host), port, kind: listener.kind })
            }
        }
    }
}
