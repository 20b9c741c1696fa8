//! `/v1/clusters`: ask for clusters, change them, remove them.

mod pods;
mod replace;
mod request;
mod size;

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::idempotency::Begun;
use super::prelude::*;
use crate::clock;
use crate::domain::cluster::{Cluster, Create, State as ClusterState, Status, Update};
use crate::domain::operation::{self, Kind, Operation};
use crate::domain::project;
use crate::reconcile::progress;
use crate::store::clusters::Stored;

pub(super) use request::check_config_key;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, update, delete))
        .routes(routes!(restart))
        .merge(replace::routes())
}

/// List clusters
#[utoipa::path(
    get, path = "/v1/clusters", operation_id = "listClusters", tag = "clusters",
    params(ListParams),
    responses((status = 200, description = "A page of clusters, by name", body = Page<Cluster>)),
    security(("api_key" = ["viewer"]))
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
) -> Result<Json<Page<Cluster>>, Problem> {
    let QueryFields(mut fields) = query;
    let paging = Paging::read(&mut fields, "clusters");
    fields.finish()?;
    let mut db = app.store().connection().await?;
    let after = paging.after.as_deref();
    let found = store::clusters::list(&mut db, caller.project_id(), after, paging.limit()).await?;
    let clusters = found.into_iter().map(Cluster::from).collect();
    Ok(Json(paging.page(clusters, |cluster: &Cluster| cluster.name.clone())))
}

/// Make a cluster
///
/// Answers at once with an operation; the cluster is there when that has succeeded.
#[utoipa::path(
    post, path = "/v1/clusters", operation_id = "createCluster", tag = "clusters",
    params(ValidateOnlyParams),
    request_body = Create,
    responses(
        (status = 202, description = "Accepted: the operation that makes it", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: what would be made", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn create(
    State(app): State<App>,
    caller: Caller,
    query: QueryFields,
    idempotency: Idempotency,
    body: JsonFields,
) -> Result<Response, Problem> {
    let validate_only = read_validate_only(query)?;
    let asked = request::read_create(body.fields, app.room())?;
    check_config(&app, &asked.spec.config).await?;
    if validate_only {
        let mut db = app.store().connection().await?;
        let cluster = new_cluster(&mut db, &caller, asked).await?;
        if store::clusters::find(&mut db, &cluster.name, None).await?.is_some() {
            return Err(name_taken("cluster", &cluster.name));
        }
        return Ok(Json(Cluster::from(cluster)).into_response());
    }
    let mut work = match idempotency.begin(app.store(), &caller, body.hash).await? {
        Begun::Fresh(work) => work,
        Begun::Replayed(response) => return Ok(response),
    };
    let db = work.db();
    let cluster = new_cluster(db, &caller, asked).await?;
    if !store::clusters::insert(db, &cluster).await? {
        return Err(name_taken("cluster", &cluster.name));
    }
    let operation = begin(db, &caller, &cluster, Kind::ClusterCreate).await?;
    work.finish(StatusCode::ACCEPTED, Some(&path(&operation)), &operation, &operation, cluster.created_at)
        .await
}

/// Get a cluster
#[utoipa::path(
    get, path = "/v1/clusters/{cluster}", operation_id = "getCluster", tag = "clusters",
    params(ClusterPath),
    responses((status = 200, description = "The cluster", body = Cluster,
        headers(("ETag" = String, description = "The generation, for If-Match")))),
    security(("api_key" = ["viewer"]))
)]
async fn get(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
) -> Result<Response, Problem> {
    let mut db = app.store().connection().await?;
    let stored = read(&mut db, &caller, &cluster).await?;
    let tag = [(header::ETAG, etag(stored.generation))];
    Ok((tag, Json(Cluster::from(stored))).into_response())
}

/// Change a cluster
///
/// What is absent stays as it is; `config` and `labels` are replaced as a whole.
///
/// What changes the brokers' configuration restarts them one at a time: each only while every partition keeps
/// `min.insync.replicas` without it, and the next when its replicas are in sync again.
#[utoipa::path(
    patch, path = "/v1/clusters/{cluster}", operation_id = "updateCluster", tag = "clusters",
    params(ClusterPath, IfMatchParams, ValidateOnlyParams),
    request_body = Update,
    responses(
        (status = 202, description = "Accepted: the operation that brings it into effect", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: what the cluster would be", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn update(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
    if_match: IfMatch,
    body: JsonFields,
) -> Result<Response, Problem> {
    let validate_only = read_validate_only(query)?;
    let asked = request::read_update(body.fields, app.room())?;
    if let Some(config) = &asked.config {
        check_config(&app, config).await?;
    }
    let mut transaction = app.store().begin().await?;
    let mut stored = lock(&mut transaction, &caller, &cluster).await?;
    if_match.check(stored.generation)?;
    if stored.deletion_requested_at.is_some() {
        return Err(being_deleted(&stored));
    }
    let version = stored.spec.engine.version.clone();
    let grows = asked.brokers.is_some_and(|brokers| brokers > stored.spec.brokers);
    let volume = app.machines().volume_size(&stored);
    request::apply(&mut stored.spec, &asked, app.room(), volume.as_deref())?;
    stored.generation += 1;
    stored.updated_at = clock::now();
    if validate_only {
        return Ok(Json(Cluster::from(stored)).into_response());
    }
    store::clusters::write_request(&mut transaction, &stored).await?;
    let kind = if stored.spec.engine.version != version {
        // One that is under way is overtaken: it must not be told to have succeeded.
        let overtaken = Some(Kind::ClusterUpgrade);
        store::operations::cancel_unfinished(&mut transaction, stored.id, overtaken, stored.updated_at)
            .await?;
        Kind::ClusterUpgrade
    } else if grows {
        Kind::ClusterScaleOut
    } else {
        Kind::ClusterUpdate
    };
    let operation = begin(&mut transaction, &caller, &stored, kind).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(accepted(&operation))
}

/// Delete a cluster with its data
///
/// Refused with `deletion_protected` while `deletion_protection` is on.
#[utoipa::path(
    delete, path = "/v1/clusters/{cluster}", operation_id = "deleteCluster", tag = "clusters",
    params(ClusterPath, IfMatchParams, ValidateOnlyParams),
    responses(
        (status = 202, description = "Accepted: the operation that removes it", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
        (status = 200, description = "With validate_only: the cluster that would be removed", body = Cluster),
    ),
    security(("api_key" = ["operator"]))
)]
async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    query: QueryFields,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let validate_only = read_validate_only(query)?;
    let mut transaction = app.store().begin().await?;
    let mut stored = lock(&mut transaction, &caller, &cluster).await?;
    if_match.check(stored.generation)?;
    if stored.spec.deletion_protection {
        let detail = "Deletion protection is on: set deletion_protection to false with PATCH first.";
        return Err(Problem::new(409, "deletion_protected", detail));
    }
    if stored.deletion_requested_at.is_some() {
        return Err(being_deleted(&stored));
    }
    let now = clock::now();
    stored.deletion_requested_at = Some(now);
    stored.generation += 1;
    stored.updated_at = now;
    if validate_only {
        return Ok(Json(Cluster::from(stored)).into_response());
    }
    store::operations::cancel_unfinished(&mut transaction, stored.id, None, now).await?;
    stored.status.state = ClusterState::Deleting;
    store::clusters::write_request(&mut transaction, &stored).await?;
    store::clusters::write_status(&mut transaction, stored.id, &stored.status).await?;
    let operation = begin(&mut transaction, &caller, &stored, Kind::ClusterDelete).await?;
    transaction.commit().await.map_err(store::Error::from)?;
    Ok(accepted(&operation))
}

/// Restart a cluster's brokers, one at a time
///
/// Each only while every partition keeps `min.insync.replicas` without it, and the next when its replicas are in sync again;
/// the leader of the metadata quorum is last. Whoever asks again before the end has all of them restarted once more.
#[utoipa::path(
    post, path = "/v1/clusters/{cluster}/restart", operation_id = "restartCluster", tag = "clusters",
    params(ClusterPath, IfMatchParams),
    responses(
        (status = 202, description = "Accepted: the operation that restarts them", body = Operation,
            headers(("Location" = String, description = "The operation's path"))),
    ),
    security(("api_key" = ["operator"]))
)]
async fn restart(
    State(app): State<App>,
    caller: Caller,
    InPath(cluster): InPath<String>,
    if_match: IfMatch,
    idempotency: Idempotency,
) -> Result<Response, Problem> {
    let asked = Asked { caller, cluster, if_match, idempotency };
    asked
        .begin(&app, Kind::ClusterRestart, |stored| {
            stored.spec.restarts = stored.spec.restarts.wrapping_add(1);
            Ok(())
        })
        .await
}

/// A request without a body that something be done to a cluster's brokers.
struct Asked {
    caller: Caller,
    cluster: String,
    if_match: IfMatch,
    idempotency: Idempotency,
}

impl Asked {
    /// Begins the operation, unless it has been under this idempotency key; `change` writes what is asked for into the definition.
    async fn begin(
        self,
        app: &App,
        kind: Kind,
        change: impl FnOnce(&mut Stored) -> Result<(), Problem>,
    ) -> Result<Response, Problem> {
        let Self { caller, cluster, if_match, idempotency } = self;
        let mut work = match idempotency.begin(app.store(), &caller, [0; 32]).await? {
            Begun::Fresh(work) => work,
            Begun::Replayed(response) => return Ok(response),
        };
        let db = work.db();
        let mut stored = lock(db, &caller, &cluster).await?;
        if_match.check(stored.generation)?;
        if stored.deletion_requested_at.is_some() {
            return Err(being_deleted(&stored));
        }
        change(&mut stored)?;
        stored.generation += 1;
        stored.updated_at = clock::now();
        store::clusters::write_request(db, &stored).await?;
        let operation = begin(db, &caller, &stored, kind).await?;
        work.finish(StatusCode::ACCEPTED, Some(&path(&operation)), &operation, &operation, stored.updated_at)
            .await
    }
}

fn read_validate_only(query: QueryFields) -> Result<bool, Problem> {
    let QueryFields(mut fields) = query;
    let validate_only = fields.boolean("validate_only").unwrap_or(false);
    fields.finish()?;
    Ok(validate_only)
}

/// Refuses what no broker could be configured with.
async fn check_config(app: &App, config: &BTreeMap<String, String>) -> Result<(), Problem> {
    if config.is_empty() {
        return Ok(());
    }
    let problems = app.config_check().check_config(config).await.map_err(|error| {
        tracing::error!(%error, "a cluster's configuration cannot be checked");
        Problem::unavailable("The configuration cannot be checked now; the service's log says why.")
    })?;
    let errors: Vec<FieldError> = problems
        .into_iter()
        .map(|problem| FieldError::new(format!("config.{}", problem.key), "invalid_config", problem.message))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// The cluster that a request asks for.
async fn new_cluster(db: &mut PgConnection, caller: &Caller, asked: request::New) -> Result<Stored, Problem> {
    let own = caller.project.as_ref().map(|(_, name)| name.as_str());
    let project =
        find_project(db, caller, asked.project.as_deref().or(own).unwrap_or(project::DEFAULT)).await?;
    let now = clock::now();
    Ok(Stored {
        id: Uuid::now_v7(),
        name: asked.name,
        project_id: project.id,
        project: project.name,
        spec: asked.spec,
        status: Status::pending(),
        generation: 1,
        deletion_requested_at: None,
        created_at: now,
        updated_at: now,
    })
}

async fn read(db: &mut PgConnection, caller: &Caller, cluster: &str) -> Result<Stored, Problem> {
    let id = find_cluster(db, caller, cluster).await?;
    store::clusters::get(db, id).await?.ok_or_else(|| Problem::not_found("cluster", cluster))
}

/// The cluster as it is now, with nobody else changing it until the transaction ends.
async fn lock(db: &mut PgConnection, caller: &Caller, cluster: &str) -> Result<Stored, Problem> {
    let id = find_cluster(db, caller, cluster).await?;
    store::work::lock(db, id).await?;
    store::clusters::get(db, id).await?.ok_or_else(|| Problem::not_found("cluster", cluster))
}

/// Notes the operation and wakes a worker.
async fn begin(
    db: &mut PgConnection,
    caller: &Caller,
    cluster: &Stored,
    kind: Kind,
) -> Result<Operation, Problem> {
    let operation = Operation {
        id: Uuid::now_v7(),
        kind,
        cluster_id: cluster.id,
        cluster_name: cluster.name.clone(),
        project: cluster.project.clone(),
        state: operation::State::Pending,
        progress: 0,
        steps: progress::steps(kind),
        error: None,
        created_at: cluster.updated_at,
        updated_at: cluster.updated_at,
        finished_at: None,
    };
    let stored = store::operations::Stored {
        operation,
        project_id: cluster.project_id,
        generation: cluster.generation,
        actor: Some(caller.name.clone()),
    };
    store::operations::insert(db, &stored).await?;
    store::work::signal(db, cluster.id).await?;
    Ok(stored.operation)
}

fn path(operation: &Operation) -> String {
    format!("/v1/operations/{}", operation.id)
}

fn accepted(operation: &Operation) -> Response {
    (StatusCode::ACCEPTED, [(header::LOCATION, path(operation))], Json(operation)).into_response()
}

fn being_deleted(cluster: &Stored) -> Problem {
    Problem::new(409, "being_deleted", format!("Cluster {:?} is being deleted.", cluster.name))
}
