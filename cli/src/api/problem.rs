//! Turns the server's refusals (RFC 9457 problems) into failures. Pure.

use reqwest::StatusCode;
use serde_json::Value;

use crate::failure::{Failure, Kind};

/// Text of a body that is no problem document, shown at most this far.
const BODY_CHARS_SHOWN: usize = 300;

/// What a refused request says to the user.
pub(super) fn failure(doing: &str, status: StatusCode, body: &[u8], had_key: bool, server: &str) -> Failure {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default();
    let kind = match status.as_u16() {
        401 | 403 => Kind::Auth,
        404 | 410 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        408 | 504 => Kind::TimedOut,
        400 | 405 | 413 | 415 | 422 => Kind::Invalid,
        502 | 503 => Kind::Unreachable,
        _ => Kind::Failed,
    };
    let mut failure = Failure::new(kind, format!("{doing}: {}", explanation(&problem, status, body)));
    failure.details = problem["errors"].as_array().into_iter().flatten().map(field_error).collect();
    if let Some(hint) = hint(status, code, had_key, server) {
        failure = failure.hint(hint);
    }
    failure
}

fn explanation(problem: &Value, status: StatusCode, body: &[u8]) -> String {
    let (title, detail) = (problem["title"].as_str(), problem["detail"].as_str());
    match (title, detail.filter(|detail| !detail.is_empty())) {
        (_, Some(detail)) => detail.to_owned(),
        (Some(title), None) => title.to_owned(),
        (None, None) => {
            let text: String = String::from_utf8_lossy(body).chars().take(BODY_CHARS_SHOWN).collect();
            match text.trim() {
                "" => format!("the server answered {status}"),
                text => format!("the server answered {status}: {text}"),
            }
        }
    }
}

/// One entry of `errors[]`: `name: must not be empty (too_short)`.
fn field_error(error: &Value) -> String {
    let part = |key: &str| error[key].as_str().unwrap_or_default();
    let (field, message, code) = (part("field"), part("message"), part("code"));
    let mut line = match field {
        "" => message.to_owned(),
        field => format!("{field}: {message}"),
    };
    if !code.is_empty() {
        line.push_str(&format!(" ({code})"));
    }
    line
}

fn hint(status: StatusCode, code: &str, had_key: bool, server: &str) -> Option<String> {
    let hint = match (status.as_u16(), code) {
        (401, _) if had_key => {
            format!("{server} does not know this key: check --api-key or HEADRACE_API_KEY")
        }
        (401, _) => {
            "pass --api-key KEY or set HEADRACE_API_KEY; on the server's machine the key is in DIR/admin-key"
                .into()
        }
        (403, _) => "this key may not do that: use one with a higher role, or of the right project".into(),
        (409, "deletion_protected") => {
            "switch it off first: `headrace cluster update NAME --deletion-protection false`".into()
        }
        (412, _) => "it was changed since you read it: read it again and repeat".into(),
        (429, _) => "wait a little and repeat".into(),
        (500, _) => "that is a fault of the server: its log says more".into(),
        (502..=504, _) => "the server is starting or overloaded: wait a little and repeat".into(),
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).expect("status");
        failure("creating cluster x", status, body.as_bytes(), true, "http://s")
    }

    #[test]
    fn every_wrong_field_is_a_line() {
        let failure = failed(
            422,
            r#"{"title":"Invalid","code":"validation_failed","detail":"the request is not valid",
                "errors":[{"field":"name","code":"bad_name","message":"must be lower case"},{"message":"odd"}]}"#,
        );
        assert_eq!(failure.kind, Kind::Invalid);
        assert_eq!(failure.message, "creating cluster x: the request is not valid");
        assert_eq!(failure.details, ["name: must be lower case (bad_name)", "odd"]);
    }

    #[test]
    fn each_status_has_its_exit_code() {
        for (status, kind) in [
            (400, Kind::Invalid),
            (401, Kind::Auth),
            (403, Kind::Auth),
            (404, Kind::NotFound),
            (409, Kind::Conflict),
            (412, Kind::Conflict),
            (422, Kind::Invalid),
            (500, Kind::Failed),
            (503, Kind::Unreachable),
        ] {
            assert_eq!(failed(status, "").kind, kind, "{status}");
        }
    }

    #[test]
    fn a_protected_cluster_says_how_to_unprotect_it() {
        let failure = failed(409, r#"{"title":"Conflict","code":"deletion_protected"}"#);
        assert!(failure.hint.expect("hint").contains("--deletion-protection false"));
    }

    #[test]
    fn something_else_than_a_problem_is_quoted_in_part() {
        let failure = failed(502, &"<html>".repeat(1000));
        assert!(failure.message.contains("502") && failure.message.len() < 500, "{}", failure.message);
    }
}
