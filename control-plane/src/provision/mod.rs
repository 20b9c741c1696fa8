//! Where clusters run. A provider looks at what is there and does one action at a time; it decides nothing.
//!
//! Every action may be repeated, may be interrupted at any line, and may meet what an interrupted one left behind.

mod check;
mod config;
mod joining;
pub(crate) mod kubernetes;
pub(crate) mod local;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use futures_util::future::BoxFuture;

use crate::reconcile::plan::{Action, Nodes, Troubles};
use crate::store;
use crate::store::clusters::Stored;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file or process could not be handled.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Trying again as things are will not help.
    #[error("{0}")]
    Permanent(String),
    /// It may work later.
    #[error("{0}")]
    NotYet(String),
    /// Nothing is wrong, but what has to be waited for takes long: it is looked at again soon.
    #[error("{0}")]
    Waiting(String),
    /// The same, where whoever waits is woken when it comes.
    #[error("{0}")]
    Watched(String),
}

impl Error {
    /// Of a file or process.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// The listener by which brokers reach each other.
pub(crate) const INTERNAL_LISTENER: &str = "INTERNAL";

/// Where a broker is reached by the others, and by us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Peers by node id.
pub(crate) type Peers = BTreeMap<i32, Peer>;

/// How large clusters can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    /// More brokers than this in one cluster are refused.
    pub(crate) brokers_max: u32,
    /// Why not more, and what to do about it.
    pub(crate) why: String,
    /// Whether brokers are pods: only these have storage classes, node selectors and listeners of their own.
    pub(crate) pods: bool,
    /// Whether a cluster can name the namespace in which it is.
    pub(crate) namespaces: bool,
    /// The versions of the default engine that clusters can have beside the service's own.
    pub(crate) versions: Vec<String>,
}

/// What is wrong with one key of a cluster's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    pub(crate) key: String,
    pub(crate) message: String,
}

/// Asks the brokers' own program, which alone knows its keys, before anything is accepted.
pub(crate) trait ConfigCheck: fmt::Debug + Send + Sync + 'static {
    /// Each key that no broker of this provider would start with, or that would mean nothing to it.
    fn check_config<'a>(
        &'a self,
        config: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ConfigProblem>, Error>>;
}

/// Knows the machines on which brokers run.
pub(crate) trait Machines: fmt::Debug + Send + Sync + 'static {
    /// The addresses of the machines of a cluster's brokers, where these may be reached at them.
    fn addresses(&self, cluster: &Stored) -> BTreeMap<i32, String>;

    /// The size of a cluster's largest volume, below which none can go; `None` where volumes have no sizes.
    fn volume_size(&self, cluster: &Stored) -> Option<String>;
}

/// Runs clusters somewhere.
pub(crate) trait Provider: ConfigCheck + Machines + Send + Sync + 'static {
    /// Its name in `GET /v1/capabilities`.
    fn kind(&self) -> &'static str;

    /// How large clusters can be here.
    fn room(&self) -> Room;

    /// What there is of a cluster.
    fn observe(&self, cluster: &Stored) -> impl Future<Output = Result<Nodes, Error>> + Send;

    /// Why nodes do not serve, as far as can be seen without asking them.
    fn troubles(&self, _cluster: &Stored) -> impl Future<Output = Result<Troubles, Error>> + Send {
        std::future::ready(Ok(Troubles::new()))
    }

    /// Where a cluster's brokers are asked about it.
    fn peers(&self, cluster: &Stored) -> impl Future<Output = Result<Peers, Error>> + Send;

    /// Does one thing to a node.
    fn apply(&self, cluster: &Stored, action: Action) -> impl Future<Output = Result<(), Error>> + Send;

    /// What Kafka clients are given to connect.
    fn bootstrap_servers(
        &self,
        cluster: &Stored,
    ) -> impl Future<Output = Result<Option<String>, Error>> + Send;

    /// Removes what belongs to the cluster as a whole, after its nodes are gone.
    fn remove_cluster(&self, cluster: &Stored) -> impl Future<Output = Result<(), Error>> + Send;
}
