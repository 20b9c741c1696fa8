//! An error as the API tells it: RFC 9457 problem details with a stable `code` and a list of the bad fields.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Problem details (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words; the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// A stable word for programs, such as `name_taken`.
    pub code: String,
    /// What went wrong this time, and what to do about it.
    pub detail: String,
    /// The path of the request that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Each field that was wrong; empty when it was not about fields.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field's path in the body, such as `config.retention.ms`, or the name of the parameter.
    pub field: String,
    /// A stable word for programs, such as `out_of_range`.
    pub code: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FieldError {
    /// An error of one field.
    pub(crate) fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: code.to_owned(), message: message.into() }
    }
}

impl Problem {
    /// A problem of one kind; `title` is derived from the code.
    pub(crate) fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        let mut title = code.replace('_', " ");
        if let Some(first) = title.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self {
            kind: format!("urn:headrace:problem:{code}"),
            title,
            status,
            code: code.to_owned(),
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
        }
    }

    /// 422 with each bad field.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{}: {}", only.field, only.message),
            several => format!("{} fields are not valid; see errors.", several.len()),
        };
        Self { errors, ..Self::new(422, "validation_failed", detail) }
    }

    /// 404 for a resource that is not there, or that the key may not see.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(404, "not_found", format!("There is no {what} {name:?} that this key may see."))
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(403, "forbidden", detail)
    }

    /// 500: our fault; the log has the rest.
    pub(crate) fn internal() -> Self {
        Self::new(500, "internal_error", "Something went wrong inside the service; its log says what.")
    }

    /// 503: try again soon.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(503, "unavailable", detail)
    }
}
