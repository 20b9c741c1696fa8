//! The REST API as the commands see it: find the server and the key, send, and turn every way it can fail into a
//! `Failure` that says what to do.

mod problem;
pub(crate) mod sse;
pub(crate) mod watch;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;

use crate::data_dir::{DataDir, read_line};
use crate::failure::{Failure, Kind};
use crate::output::Format;

/// The whole of one request but for watching.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// A larger answer is not one that a person asked for.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Pages followed for one list, so that a server that always names another one does not hold us for ever.
const PAGES_MAX: usize = 1_000;

/// Where the server is and how its answers are shown: the same for every user's command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct Remote {
    /// Address of the API [default: the service of the data directory]
    #[arg(long, env = "HEADRACE_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// API key [default: the admin key of the data directory]
    #[arg(long, env = "HEADRACE_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) api_key: Option<String>,
    /// Data directory of the service on this machine
    #[arg(long, env = "HEADRACE_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How to write the answer
    #[arg(short, long, env = "HEADRACE_OUTPUT", value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,
}

/// A server and a key.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    base: Url,
    key: Option<String>,
    http: reqwest::Client,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Path segments below `/v1`, not yet escaped.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Value>,
    pub(crate) headers: &'a [(&'static str, String)],
    /// What is being done, for the error: "creating cluster orders".
    pub(crate) doing: String,
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a [&'a str], doing: impl Into<String>) -> Self {
        Self { method: Method::GET, path, query: &[], body: None, headers: &[], doing: doing.into() }
    }

    pub(crate) fn post(path: &'a [&'a str], body: Value, doing: impl Into<String>) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path, doing) }
    }

    pub(crate) fn patch(path: &'a [&'a str], body: Value, doing: impl Into<String>) -> Self {
        Self { method: Method::PATCH, body: Some(body), ..Self::get(path, doing) }
    }

    pub(crate) fn delete(path: &'a [&'a str], doing: impl Into<String>) -> Self {
        Self { method: Method::DELETE, ..Self::get(path, doing) }
    }
}

impl Remote {
    /// The server and key that the flags, the environment or the data directory name.
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        let dir = DataDir::resolve(self.data_dir.as_deref())?;
        let (server, local) = match &self.server {
            Some(server) => (server.clone(), false),
            None => (self.local_server(&dir)?, true),
        };
        let key = match (&self.api_key, local) {
            (Some(key), _) => Some(key.trim().to_owned()),
            (None, local) => local_key(&dir, &server, local)?,
        };
        Api::new(&server, key)
    }

    fn local_server(&self, dir: &DataDir) -> Result<String, Failure> {
        let file = dir.endpoint();
        let found =
            read_line(&file).map_err(|error| Failure::doing(format!("reading {}", file.display()), error))?;
        found.ok_or_else(|| {
            Failure::new(Kind::Unreachable, format!("no service was ever started in {}", dir.path().display()))
                .hint("start it with `headrace up`, or pass --server URL (and --data-dir DIR where it is not the default)")
        })
    }
}

/// The data directory's admin key, if it is there and meant for that server.
fn local_key(dir: &DataDir, server: &str, local: bool) -> Result<Option<String>, Failure> {
    // An admin key goes only to the service that it belongs to, never to whatever --server names.
    let same = local
        || read_line(&dir.endpoint())
            .ok()
            .flatten()
            .is_some_and(|endpoint| endpoint.trim_end_matches('/') == server.trim_end_matches('/'));
    if !same {
        return Ok(None);
    }
    let file = dir.admin_key();
    match read_line(&file) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(Failure::new(Kind::Auth, format!("the admin key in {} is not yours to read", file.display()))
                .hint("pass --api-key KEY or set HEADRACE_API_KEY"))
        }
        Err(error) => Err(Failure::doing(format!("reading {}", file.display()), error)),
    }
}

impl Api {
    pub(crate) fn new(server: &str, key: Option<String>) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::usage(format!("the server {server:?} is not usable: {why}"));
        let with_scheme = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let base = Url::parse(&with_scheme).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(wrong("it must begin with http:// or https://"));
        }
        if key.as_deref().is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            return Err(Failure::new(Kind::Auth, "the API key has characters that no key has")
                .hint("pass the key alone, on one line"));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .user_agent(concat!("headrace/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none());
        if base.scheme() == "http" {
            // Without certificates to check there is no need to read the machine's.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| Failure::doing("setting up the HTTP client", error))?;
        Ok(Self { base, key, http })
    }

    pub(crate) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        for segment in path {
            // A URL drops these two, and then another resource would be meant.
            if segment.is_empty() || matches!(*segment, "." | "..") {
                return Err(Failure::usage(format!("{segment:?} is not a name")));
            }
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn request(&self, request: &Request<'_>) -> Result<reqwest::RequestBuilder, Failure> {
        let url = self.url(request.path, request.query)?;
        let mut builder = self.http.request(request.method.clone(), url);
        if let Some(key) = &self.key {
            builder = builder.bearer_auth(key);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Failure::usage(format!("{value:?} can't be sent as {name}")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        Ok(builder.headers(headers))
    }

    /// Sends, and gives the answer's JSON (`null` for an empty one).
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Value, Failure> {
        let builder = self.request(&request)?.timeout(REQUEST_DEADLINE);
        let answer = builder.send().await.map_err(|error| self.unreachable(&request.doing, &error))?;
        let answer = self.checked(answer, &request.doing).await?;
        let status = answer.status();
        let body = read_limited(answer).await.map_err(|why| Failure::doing(&request.doing, why))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| {
            Failure::failed(format!(
                "{}: {} answered {status} with something that is not JSON",
                request.doing,
                self.base()
            ))
            .hint("is that address Headrace's API?")
        })
    }

    /// All items of a list, page after page, as one answer.
    pub(crate) async fn list(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        doing: &str,
    ) -> Result<Value, Failure> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = query.to_vec();
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let mut page = self.send(Request { query: &query, ..Request::get(path, doing) }).await?;
            if let Value::Array(items) = page["items"].take() {
                all.extend(items);
            }
            token = page["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(serde_json::json!({ "items": all }))
    }

    /// Opens a stream of server-sent events.
    pub(crate) async fn open(&self, request: &Request<'_>) -> Result<reqwest::Response, Failure> {
        let builder = self.request(request)?.header("accept", "text/event-stream");
        let answer = builder.send().await.map_err(|error| self.unreachable(&request.doing, &error))?;
        self.checked(answer, &request.doing).await
    }

    async fn checked(&self, answer: reqwest::Response, doing: &str) -> Result<reqwest::Response, Failure> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = read_limited(answer).await.unwrap_or_default();
        Err(problem::failure(doing, status, &body, self.key.is_some(), self.base()))
    }

    fn unreachable(&self, doing: &str, error: &reqwest::Error) -> Failure {
        if error.is_timeout() && !error.is_connect() {
            return Failure::new(Kind::TimedOut, format!("{doing}: {} did not answer in time", self.base()))
                .hint("it may still have been done: look before you try again");
        }
        Failure::new(Kind::Unreachable, format!("{doing}: the server {} can't be reached", self.base()))
            .detail(root_cause(error))
            .hint("start it with `headrace up`, or pass --server URL")
    }
}

async fn read_limited(mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| root_cause(&error))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost cause: "connection refused" rather than "error sending request".
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
