//! Who is asking, and may they: every route says in its OpenAPI entry which role it needs, and this enforces it.
//!
//! A route without an entry is refused to everyone, so forgetting one cannot open a door.

use std::collections::HashMap;
use std::ops::Deref;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::{HttpMethod, OpenApi};
use uuid::Uuid;

use crate::app::App;
use crate::domain::api_key::Token;
use crate::domain::problem::Problem;
use crate::domain::role::Role;
use crate::store;
use crate::store::api_keys::Identity;

/// The role that each method of each route needs.
#[derive(Debug, Default)]
pub(crate) struct Roles(HashMap<(Method, String), Role>);

impl Roles {
    /// As the document declares them.
    pub(crate) fn of(document: &OpenApi) -> Self {
        let mut roles = HashMap::new();
        for (path, method, operation) in super::openapi::operations(document) {
            if let Some(role) = super::openapi::role(operation) {
                roles.insert((as_axum(&method), path.clone()), role);
            }
        }
        Self(roles)
    }

    fn needed(&self, method: &Method, path: &str) -> Option<Role> {
        // axum answers HEAD with the GET handler.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(method.clone(), path.to_owned())).copied()
    }

    fn knows(&self, path: &str) -> bool {
        self.0.keys().any(|(_, known)| known == path)
    }
}

fn as_axum(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Options => Method::OPTIONS,
        _ => Method::TRACE,
    }
}

/// Whoever sent the request.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Identity);

impl Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl Caller {
    /// The only project whose resources the key may see.
    pub(super) fn project_id(&self) -> Option<Uuid> {
        self.project.as_ref().map(|(id, _)| *id)
    }

    /// Whether the key may see this project's resources.
    pub(super) fn may_see(&self, project_id: Uuid) -> bool {
        self.project_id().is_none_or(|own| own == project_id)
    }

    /// Refuses keys that are limited to a project, for what concerns the whole service.
    pub(super) fn require_whole_service(&self) -> Result<(), Problem> {
        match &self.project {
            None => Ok(()),
            Some((_, project)) => Err(Problem::forbidden(format!(
                "This key is for project {project:?} only; use one for all projects."
            ))),
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

/// The layer around all `/v1` routes.
pub(super) async fn authorize(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let checked = match needed(&app, &request) {
        Ok(Some((role, token))) => identify(&app, role, &token).await.map(Some),
        Ok(None) => Ok(None),
        Err(problem) => Err(problem),
    };
    match checked {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The role that the request needs and the token that it carries; `None` when there is no such route.
fn needed(app: &App, request: &Request) -> Result<Option<(Role, Token)>, Problem> {
    // No route: on to the 404.
    let Some(path) = request.extensions().get::<MatchedPath>() else { return Ok(None) };
    let role = match app.roles().needed(request.method(), path.as_str()) {
        Some(role) => role,
        // A known path with another method: on to the 405.
        None if app.roles().knows(path.as_str()) => return Ok(None),
        None => return Err(Problem::forbidden("This route declares no role, so nobody may use it.")),
    };
    Ok(Some((role, bearer(request).ok_or_else(unauthorized)?)))
}

async fn identify(app: &App, needed: Role, token: &Token) -> Result<Caller, Problem> {
    let mut connection = app.store().connection().await?;
    let identity = store::api_keys::identify(&mut connection, token).await?.ok_or_else(unauthorized)?;
    if !identity.role.covers(needed) {
        let (own, needed) = (identity.role.as_str(), needed.as_str());
        return Err(Problem::forbidden(format!(
            "This needs a key with the role {needed}; this one's is {own}."
        )));
    }
    Ok(Caller(identity))
}

fn bearer(request: &Request) -> Option<Token> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Token::parse(token) } else { None }
}

fn unauthorized() -> Problem {
    let detail = "Send a valid API key as `Authorization: Bearer KEY`. The first admin key is in the file admin-key of the data directory.";
    Problem::new(401, "unauthorized", detail)
}
