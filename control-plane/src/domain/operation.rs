//! An operation: a change to a cluster while it happens, step by step.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationKind)]
pub(crate) enum Kind {
    /// Makes a cluster.
    #[serde(rename = "cluster.create")]
    ClusterCreate,
    /// Brings a changed request into effect.
    #[serde(rename = "cluster.update")]
    ClusterUpdate,
    /// Adds brokers to a cluster, and brings whatever else was changed with that into effect.
    #[serde(rename = "cluster.scale_out")]
    ClusterScaleOut,
    /// Replaces all brokers by ones of another version, one at a time.
    #[serde(rename = "cluster.upgrade")]
    ClusterUpgrade,
    /// Restarts all brokers, one at a time.
    #[serde(rename = "cluster.restart")]
    ClusterRestart,
    /// Has a broker begin again with an empty disk.
    #[serde(rename = "broker.replace")]
    BrokerReplace,
    /// Removes a cluster with its data.
    #[serde(rename = "cluster.delete")]
    ClusterDelete,
}

impl Kind {
    /// The word used in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterCreate => "cluster.create",
            Self::ClusterUpdate => "cluster.update",
            Self::ClusterScaleOut => "cluster.scale_out",
            Self::ClusterUpgrade => "cluster.upgrade",
            Self::ClusterRestart => "cluster.restart",
            Self::BrokerReplace => "broker.replace",
            Self::ClusterDelete => "cluster.delete",
        }
    }

    /// The kind of that word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let all = [
            Self::ClusterCreate,
            Self::ClusterUpdate,
            Self::ClusterScaleOut,
            Self::ClusterUpgrade,
            Self::ClusterRestart,
            Self::BrokerReplace,
            Self::ClusterDelete,
        ];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How far an operation, or one of its steps, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OperationState)]
pub(crate) enum State {
    /// Not begun.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Succeeded,
    /// Given up; the error says why.
    Failed,
    /// Overtaken by another, such as a create by a delete.
    Cancelled,
}

impl State {
    /// The word used in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Whether nothing more will happen.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How far one step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StepState {
    /// Not begun.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Succeeded,
    /// Given up; the message says why.
    Failed,
    /// There was nothing to do.
    Skipped,
}

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationStep)]
pub(crate) struct Step {
    /// For programs, such as `start_brokers`.
    pub name: String,
    /// For people, such as `Start the brokers`.
    pub title: String,
    /// How far it is.
    pub state: StepState,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it is doing or why it failed.
    pub message: Option<String>,
}

/// A change to a cluster while it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Operation {
    /// Never changes.
    pub id: Uuid,
    /// What it does.
    pub kind: Kind,
    /// To which cluster.
    pub cluster_id: Uuid,
    /// That cluster's name; stays readable after the cluster is gone.
    pub cluster_name: String,
    /// The project that owns the cluster.
    pub project: String,
    /// How far it is.
    pub state: State,
    /// Share of the steps that are done, in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: u8,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When anything here last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}
