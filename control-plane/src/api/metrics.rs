//! `/v1/clusters/{cluster}/metrics`: throughput over time.

use super::prelude::*;
use crate::domain::metric::{BrokerSeries, Metric, MetricSeries};

/// The window unless asked otherwise.
const WINDOW_SECONDS_DEFAULT: i64 = 900;
/// Samples are kept for this long.
const WINDOW_SECONDS_MAX: i64 = 6 * 3600;
/// A chart has about this many points at most.
const POINTS_MAX: i64 = 180;
/// Agents report every two seconds: a step holds two reports or three.
const STEP_SECONDS_MIN: i64 = 5;

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
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
) -> Result<Json<MetricSeries>, Problem> {
    let QueryFields(mut fields) = query;
    fields.require("metric");
    let word =
        fields.text("metric", |word| metric_of(word).is_some(), "must be bytes_in, bytes_out or messages_in");
    let window_seconds =
        fields.integer("window_seconds", 1..=WINDOW_SECONDS_MAX).unwrap_or(WINDOW_SECONDS_DEFAULT);
    fields.finish()?;
    let metric = word.as_deref().and_then(metric_of).ok_or_else(Problem::internal)?;
    let mut db = app.store().connection().await?;
    let cluster = find_cluster(&mut db, &caller, &cluster).await?;
    let step_seconds = (window_seconds / POINTS_MAX).max(STEP_SECONDS_MIN);
    let points = store::reports::series(&mut db, cluster, window_seconds, step_seconds).await?;
    let mut series: Vec<BrokerSeries> = Vec::new();
    for point in points {
        let value = match metric {
            Metric::BytesIn => point.bytes_in,
            Metric::BytesOut => point.bytes_out,
            Metric::MessagesIn => point.messages_in,
        };
        if series.last().is_none_or(|last| last.broker != point.node_id) {
            series.push(BrokerSeries { broker: point.node_id, points: Vec::new() });
        }
        // What could not be measured leaves a gap.
        if let (Some(last), Some(value)) = (series.last_mut(), value) {
            last.points.push([point.unix_ms, value]);
        }
    }
    Ok(Json(MetricSeries { metric, unit: metric.unit().to_owned(), step_seconds, series }))
}

fn metric_of(word: &str) -> Option<Metric> {
    Metric::WORDS.iter().find(|(known, _)| *known == word).map(|(_, metric)| *metric)
}
