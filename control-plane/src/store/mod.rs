//! Everything that is kept: Postgres, through checked queries. One file per table or two that belong together.
//!
//! Functions take a connection, so that callers decide what one transaction holds. Times come from the database where
//! two control planes compare them (leases, report ages), for their clocks may differ.

pub(crate) mod api_keys;
pub(crate) mod clusters;
pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod instances;
pub(crate) mod nodes;
pub(crate) mod operations;
pub(crate) mod projects;
pub(crate) mod reports;
pub(crate) mod work;

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

/// The schema; sqlx takes an advisory lock while it migrates, so control planes may start at once.
static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");
/// Connections of one control plane.
const CONNECTIONS_MAX: u32 = 16;
/// A request waits this long for a connection before it is told to come again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// No query of ours takes this long unless something is wrong.
const STATEMENT_TIMEOUT: &str = "15s";
/// A transaction that is left open (by a process that hangs) is ended by the server after this.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "60s";

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away or overloaded: trying again may help.
    #[error("the database does not answer: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused.
    #[error("a query failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A stored value does not read back: a newer version wrote it, or someone by hand.
    #[error("stored {what} does not read back: {source}")]
    Corrupt {
        /// Which value.
        what: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            // 08: connection; 53: resources; 57P0x: the server is going down or coming up; 25006: a standby.
            sqlx::Error::Database(database)
                if database.code().is_some_and(|code| {
                    code.starts_with("08")
                        || code.starts_with("53")
                        || code.starts_with("57P0")
                        || code == "25006"
                }) =>
            {
                Self::Unavailable(error)
            }
            _ => Self::Database(error),
        }
    }
}

/// Forgets a node with its agent's key and reports. The caller commits.
pub(crate) async fn forget_node(db: &mut PgConnection, cluster: Uuid, node: i32) -> Result<(), Error> {
    nodes::delete(db, cluster, node).await?;
    api_keys::delete_agent_key(db, cluster, node).await?;
    reports::forget(db, cluster, node).await
}

/// The database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: PgPool,
}

impl Store {
    /// Connects lazily: the first query fails when the database is away.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub(crate) fn open(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(Error::Database)?
            .application_name("headrace-control-plane")
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
            ])
            .log_statements(tracing::log::LevelFilter::Trace);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When the database is away, or was migrated by a newer version.
    pub(crate) async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        MIGRATIONS.run(&self.pool).await
    }

    /// A connection for one query or a few.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn connection(&self) -> Result<sqlx::pool::PoolConnection<Postgres>, Error> {
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction; dropping it rolls back.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        let pool = self.pool.clone();
        // A task of its own, which comes to its end even if the caller is dropped: a connection that was given back between BEGIN
        // and its answer would keep the transaction open, and with it the locks of whoever has it next.
        let begun = tokio::spawn(async move { pool.begin().await }).await;
        begun.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed)).map_err(Error::from)
    }

    /// The pool, for the listener.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        sqlx::query_scalar!("SELECT 1 AS one").fetch_one(&mut *connection).await?;
        Ok(())
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Serialises whoever uses the same key until their transactions end.
///
/// # Errors
/// When the database is away.
pub(crate) async fn lock(connection: &mut PgConnection, key: &str) -> Result<(), Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key).fetch_one(connection).await?;
    Ok(())
}

/// A stored JSON value as its type.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    value: serde_json::Value,
) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|source| Error::Corrupt { what, source })
}

/// A type as JSON to store.
pub(crate) fn write_json<T: serde::Serialize>(
    what: &'static str,
    value: &T,
) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value).map_err(|source| Error::Corrupt { what, source })
}
