//! What request handlers share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::api::Roles;
use crate::changes::Changes;
use crate::provision::{ConfigCheck, Machines, Provider, Room};
use crate::store::Store;
use crate::telemetry::Telemetry;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    roles: Roles,
    changes: Changes,
    telemetry: Arc<Telemetry>,
    provider: &'static str,
    room: Room,
    config_check: Arc<dyn ConfigCheck>,
    machines: Arc<dyn Machines>,
    shutdown: CancellationToken,
}

impl App {
    pub(crate) fn new(
        store: Store,
        changes: Changes,
        telemetry: Arc<Telemetry>,
        provider: &Arc<impl Provider>,
        shutdown: CancellationToken,
    ) -> Self {
        let config_check: Arc<dyn ConfigCheck> = Arc::clone(provider) as _;
        let machines: Arc<dyn Machines> = Arc::clone(provider) as _;
        let roles = Roles::of(&crate::api::document());
        Self {
            inner: Arc::new(Inner {
                store,
                roles,
                changes,
                telemetry,
                provider: provider.kind(),
                room: provider.room(),
                config_check,
                machines,
                shutdown,
            }),
        }
    }

    /// Postgres.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Who may use which route.
    pub(crate) fn roles(&self) -> &Roles {
        &self.inner.roles
    }

    /// What wakes those who watch.
    pub(crate) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    /// Counters.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// How clusters are run.
    pub(crate) fn provider(&self) -> &'static str {
        self.inner.provider
    }

    /// How large clusters can be.
    pub(crate) fn room(&self) -> &Room {
        &self.inner.room
    }

    /// Knows what brokers can be configured with.
    pub(crate) fn config_check(&self) -> &dyn ConfigCheck {
        &*self.inner.config_check
    }

    /// Knows where brokers run.
    pub(crate) fn machines(&self) -> &dyn Machines {
        &*self.inner.machines
    }

    /// Ends streams that would otherwise go on for ever.
    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.inner.shutdown
    }
}
