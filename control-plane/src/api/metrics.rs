//! `/v1/clusters/{cluster}/metrics`: throughput over time.

use super::prelude::*;
use crate::domain::metric::{Metric, MetricSeries};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get))
}

/// What to read.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the query; the fields are read by name")]
struct MetricParams {
    /// Which metric.
    metric: Metric,
    /// How far back, in seconds; default 900, at most 21600.
    #[param(minimum = 1, maximum = 21600)]
    window_seconds: Option<i64>,
}

/// Read a metric
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}/metrics", operation_id = "getClusterMetric", tag = "metrics",
    params(ClusterPath, MetricParams),
    responses((status = 200, description = "One series per broker", body = MetricSeries)),
    security(("api_key" = ["viewer"]))
)]
async fn get(State(app): State<App>, caller: Caller, InPath(cluster): InPath<String>, query: QueryFields) -> Result<Json<MetricSeries>, Problem> {
    todo()
}
