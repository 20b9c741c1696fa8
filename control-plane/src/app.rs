//! What request handlers share.

use std::sync::Arc;

use crate::api::Roles;
use crate::store::Store;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    roles: Roles,
}

impl App {
    /// Postgres.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Who may use which route.
    pub(crate) fn roles(&self) -> &Roles {
        &self.inner.roles
    }
}
