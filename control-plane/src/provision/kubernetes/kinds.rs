//! The kinds of objects that make up a cluster.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;

/// One kind, in the order in which objects are removed: what makes others goes before what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    StatefulSet,
    Pod,
    PodDisruptionBudget,
    PodMonitor,
    NetworkPolicy,
    Service,
    PersistentVolumeClaim,
    Secret,
    ServiceAccount,
    ConfigMap,
}

impl Kind {
    /// Those that every Kubernetes has.
    pub(super) const BUILT_IN: [Self; 9] = [
        Self::StatefulSet,
        Self::Pod,
        Self::PodDisruptionBudget,
        Self::NetworkPolicy,
        Self::Service,
        Self::PersistentVolumeClaim,
        Self::Secret,
        Self::ServiceAccount,
        Self::ConfigMap,
    ];

    /// How the API server calls it.
    pub(super) fn resource(self) -> ApiResource {
        match self {
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::Pod => ApiResource::erase::<Pod>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::PodMonitor => ApiResource {
                group: "monitoring.coreos.com".to_owned(),
                version: "v1".to_owned(),
                api_version: "monitoring.coreos.com/v1".to_owned(),
                kind: "PodMonitor".to_owned(),
                plural: "podmonitors".to_owned(),
            },
        }
    }
}
