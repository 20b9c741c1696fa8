//! `/v1/clusters/{cluster}/brokers/{broker}/replace`: a broker whose disk is broken, or lost with its machine.

use super::Asked;
use crate::api::prelude::*;
use crate::domain::operation::{Kind, Operation};

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(replace))
}

/// Have a broker begin again with an empty disk
///
/// For a broker whose disk or machine is lost, or whose data is not to be trusted. Its data is given up once every partition has all
/// its records on another broker that serves, and while every partition keeps `min.insync.replicas` without it; it then gets them
/// from there again, under the same id.
#[utoipa::path(
    post, path = "/v1/clusters/{cluster}/brokers/{broker}/replace", operation_id = "replaceBroker", tag = "brokers",
    params(ClusterPath, ("broker" = i32, Path, description = "Kafka's node id"), IfMatchParams),
    responses(
        (status = 202, description = "Accepted: the operation that replaces it", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
    ),
    security(("api_key" = ["operator"]))
)]
async fn replace(
    State(app): State<App>,
    caller: Caller,
    InPath((cluster, broker)): InPath<(String, String)>,
    if_match: IfMatch,
    idempotency: Idempotency,
) -> Result<Response, Problem> {
    let asked = Asked { caller, cluster, if_match, idempotency };
    asked
        .begin(&app, Kind::BrokerReplace, |stored| {
            let last = i32::try_from(stored.spec.brokers).unwrap_or(i32::MAX);
            let known = broker.parse().ok().filter(|id| (1..=last).contains(id));
            let id = known.ok_or_else(|| Problem::not_found("broker", &broker))?;
            if last == 1 {
                let detail = "It is the cluster's only broker: nobody else has its data.";
                return Err(Problem::new(409, "only_copy", detail));
            }
            *stored.spec.replacements.entry(id).or_default() += 1;
            Ok(())
        })
        .await
}
