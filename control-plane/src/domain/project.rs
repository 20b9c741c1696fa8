//! Projects own clusters; keys can be limited to one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The project that is there from the start.
pub(crate) const DEFAULT: &str = "default";

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Project {
    /// Never changes.
    pub id: Uuid,
    /// Unique.
    #[schema(example = "default")]
    pub name: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// The body of a request to make a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CreateProject)]
pub(crate) struct Create {
    /// Lower-case letters, digits and hyphens; starts with a letter; at most 40 characters.
    #[schema(example = "payments")]
    pub name: String,
}
