//! `/v1/agent`: where agents report. A key of role `agent` is bound to one broker of one cluster.

use super::prelude::*;
use crate::domain::report::{
    Accepted, ENTRIES_PER_REPORT_MAX, PARTITIONS_PER_REPORT_MAX, REPORTS_PER_REQUEST_MAX, Register, Reports,
};

/// Agents are asked to report this often.
pub(super) const REPORT_INTERVAL_MS: i64 = 2_000;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(reports))
}

/// Say that an agent started
#[utoipa::path(
    post, path = "/v1/agent/register", operation_id = "registerAgent", tag = "agent",
    request_body = Register,
    responses((status = 200, description = "Where to go on", body = Accepted)),
    security(("api_key" = ["agent"]))
)]
async fn register(
    State(app): State<App>,
    caller: Caller,
    body: TypedJson<Register>,
) -> Result<Json<Accepted>, Problem> {
    let TypedJson(hello) = body;
    check_bound(&caller, hello.cluster_id, hello.node_id)?;
    let mut db = app.store().connection().await?;
    let accepted_sequence =
        store::reports::register(&mut db, hello.cluster_id, hello.node_id, hello.incarnation).await?;
    let (cluster, host) = (hello.cluster_id, hello.host.unwrap_or_default());
    tracing::info!(%cluster, node = hello.node_id, host, pid = hello.pid, "an agent registered");
    Ok(Json(Accepted { accepted_sequence, report_interval_ms: REPORT_INTERVAL_MS }))
}

/// Send reports
///
/// Reports that were accepted before are ignored, so that a request can be repeated.
#[utoipa::path(
    post, path = "/v1/agent/reports", operation_id = "sendReports", tag = "agent",
    request_body = Reports,
    responses((status = 200, description = "How far they are stored", body = Accepted)),
    security(("api_key" = ["agent"]))
)]
async fn reports(
    State(app): State<App>,
    caller: Caller,
    body: TypedJson<Reports>,
) -> Result<Json<Accepted>, Problem> {
    let TypedJson(batch) = body;
    check_bound(&caller, batch.cluster_id, batch.node_id)?;
    check_sizes(&batch)?;
    let mut transaction = app.store().begin().await?;
    let db = &mut *transaction;
    let (cluster, node) = (batch.cluster_id, batch.node_id);
    let known = store::reports::accepted(db, cluster, node, batch.incarnation).await?;
    let Some(accepted) = known else {
        let detail = "This start of the agent is not known; send it to /v1/agent/register first.";
        return Err(Problem::new(409, "agent_not_registered", detail));
    };
    let mut accepted_sequence = accepted;
    let mut newest = None;
    for report in &batch.reports {
        // Sequences begin at 1, so nothing accepted is like 0.
        if report.sequence > accepted_sequence.unwrap_or(0) {
            store::reports::add_sample(db, cluster, node, report).await?;
            accepted_sequence = Some(report.sequence);
            newest = Some(report);
        }
    }
    if let Some(newest) = newest {
        store::reports::keep_newest(db, cluster, node, newest).await?;
    }
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(Json(Accepted { accepted_sequence, report_interval_ms: REPORT_INTERVAL_MS }))
}

/// An agent's key is good for one broker.
fn check_bound(caller: &Caller, cluster: Uuid, node: i32) -> Result<(), Problem> {
    if caller.broker == Some((cluster, node)) {
        return Ok(());
    }
    Err(Problem::forbidden("This agent's key belongs to another broker."))
}

fn check_sizes(batch: &Reports) -> Result<(), Problem> {
    let mut errors = Vec::new();
    if !(1..=REPORTS_PER_REQUEST_MAX).contains(&batch.reports.len()) {
        let rule = format!("must have 1 to {REPORTS_PER_REQUEST_MAX} entries");
        errors.push(FieldError::new("reports", "out_of_range", rule));
    }
    for (place, report) in batch.reports.iter().enumerate() {
        let mut check = |field: &str, count: usize, max: usize| {
            if count > max {
                let rule = format!("must have at most {max} entries");
                errors.push(FieldError::new(format!("reports[{place}].{field}"), "too_many", rule));
            }
        };
        check("partitions", report.partitions.len(), PARTITIONS_PER_REPORT_MAX);
        check("checks", report.checks.len(), ENTRIES_PER_REPORT_MAX);
        check("disk", report.disk.len(), ENTRIES_PER_REPORT_MAX);
        if report.sequence < 1 {
            errors.push(FieldError::new(
                format!("reports[{place}].sequence"),
                "out_of_range",
                "must be at least 1",
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}
