//! What happened, for people to read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How much attention an event deserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// As it should be.
    Info,
    /// Worth a look.
    Warning,
    /// Someone has to act.
    Error,
}

impl Severity {
    /// The word used in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity of that word; what is not known is worth a look.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "info" => Self::Info,
            "error" => Self::Error,
            _ => Self::Warning,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Event {
    /// Rises with time.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// How much attention it deserves.
    pub severity: Severity,
    /// For programs, such as `broker_restarted`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The project concerned.
    pub project: Option<String>,
    /// The cluster concerned.
    pub cluster_id: Option<Uuid>,
    /// That cluster's name; stays readable after the cluster is gone.
    pub cluster_name: Option<String>,
    /// Whose key caused it.
    pub actor: Option<String>,
}
