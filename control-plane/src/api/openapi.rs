//! The OpenAPI document: collected from the handlers, and completed with what is the same for all of them.

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, Object, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};

use crate::domain::problem::{FieldError, Problem};
use crate::domain::role::Role;

/// The name of the security scheme that routes declare their role under.
pub(super) const SECURITY_SCHEME: &str = "api_key";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Headrace",
        description = "Kafka clusters on request.\n\nEvery request needs `Authorization: Bearer KEY`; each route names the role that its key must have. \
                       Errors are problem documents (RFC 9457) with a stable `code` and an `errors` list that names each bad field. \
                       A change to a cluster answers 202 with an operation to watch.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "clusters", description = "Kafka clusters"),
        (name = "operations", description = "Changes to clusters while they happen"),
        (name = "brokers", description = "The brokers of a cluster"),
        (name = "topics", description = "The topics of a cluster"),
        (name = "metrics", description = "Throughput over time"),
        (name = "events", description = "What happened"),
        (name = "projects", description = "Who owns clusters"),
        (name = "api-keys", description = "Who may do what"),
        (name = "service", description = "What this service can do"),
        (name = "agent", description = "Where brokers' agents report"),
    ),
)]
struct Base;

/// The document, as it is served at `/openapi.json` and committed in `openapi/`.
pub(crate) fn document() -> OpenApi {
    complete(super::v1().into_openapi())
}

/// Adds to the handlers' part what they have in common.
fn complete(handlers: OpenApi) -> OpenApi {
    let mut document = Base::openapi();
    document.merge(handlers);
    let components = document.components.get_or_insert_default();
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some("An API key. The roles that a route names are those of the key.".to_owned());
    components.add_security_scheme(SECURITY_SCHEME, SecurityScheme::Http(http));
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.patch, &mut item.delete].into_iter().flatten() {
            add_problem(operation);
        }
        for operation in item.post.iter_mut() {
            add_problem(operation);
            if role(operation) != Some(Role::Agent) {
                operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
            }
        }
    }
    document
}

/// Any refusal is a problem document.
fn add_problem(operation: &mut Operation) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
    let response = ResponseBuilder::new()
        .description("A problem")
        .content("application/problem+json", content)
        .header("Retry-After", Header::new(Schema::Object(Object::with_type(Type::Integer))))
        .build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(response));
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("A key of your own making: a repeated request with the same key and body answers what the first one answered."))
        .schema(Some(Schema::Object(Object::with_type(Type::String))))
        .build()
}

/// Every operation of a document with its path and method.
pub(super) fn operations(document: &OpenApi) -> impl Iterator<Item = (&String, HttpMethod, &Operation)> {
    document.paths.paths.iter().flat_map(|(path, item)| {
        [
            (HttpMethod::Get, &item.get),
            (HttpMethod::Post, &item.post),
            (HttpMethod::Put, &item.put),
            (HttpMethod::Patch, &item.patch),
            (HttpMethod::Delete, &item.delete),
        ]
        .into_iter()
        .filter_map(move |(method, operation)| Some((path, method, operation.as_ref()?)))
    })
}

/// The role that an operation declares.
pub(super) fn role(operation: &Operation) -> Option<Role> {
    let requirements = serde_json::to_value(operation.security.as_ref()?).ok()?;
    Role::parse(requirements.get(0)?.get(SECURITY_SCHEME)?.get(0)?.as_str()?)
}
