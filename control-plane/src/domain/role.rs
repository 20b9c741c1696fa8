//! Roles, and which of them covers which.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may do. Admin covers operator, which covers developer, which covers viewer. An agent's key is for one
/// broker's agent and covers nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything, including projects and keys.
    Admin,
    /// Makes, changes and deletes clusters.
    Operator,
    /// Makes and deletes topics.
    Developer,
    /// Reads.
    Viewer,
    /// Sends one broker's reports.
    Agent,
}

impl Role {
    /// Every role, strongest first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Admin, Self::Operator, Self::Developer, Self::Viewer, Self::Agent];

    /// The word used in JSON, in the database and in the OpenAPI document.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
        }
    }

    /// The role of that word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// Whether a key of this role may use a route that asks for `needed`.
    pub(crate) fn covers(self, needed: Self) -> bool {
        match (self.rank(), needed.rank()) {
            (Some(own), Some(needed)) => own >= needed,
            _ => self == needed,
        }
    }

    const fn rank(self) -> Option<u8> {
        match self {
            Self::Admin => Some(4),
            Self::Operator => Some(3),
            Self::Developer => Some(2),
            Self::Viewer => Some(1),
            Self::Agent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;

    #[test]
    fn a_stronger_role_covers_the_weaker_ones_and_an_agent_only_itself() {
        for (own, needed, covered) in [
            (Role::Admin, Role::Viewer, true),
            (Role::Admin, Role::Admin, true),
            (Role::Operator, Role::Admin, false),
            (Role::Developer, Role::Operator, false),
            (Role::Viewer, Role::Viewer, true),
            (Role::Agent, Role::Viewer, false),
            (Role::Admin, Role::Agent, false),
            (Role::Agent, Role::Agent, true),
        ] {
            assert_eq!(own.covers(needed), covered, "{own:?} for {needed:?}");
        }
    }
}
