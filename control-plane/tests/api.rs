//! The API as a client sees it: keys and roles, problems, idempotency, pages.

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Place, read};

/// A path with something in its place-holders.
fn filled(path: &str) -> String {
    let id = "00000000-0000-7000-8000-000000000000";
    path.replace("{cluster}", "nosuch")
        .replace("{operation}", id)
        .replace("{api_key}", id)
        .replace("{topic}", "nosuch")
        .replace("{broker}", "1")
}

#[tokio::test]
async fn every_route_refuses_without_a_key_and_with_too_weak_a_role() {
    let place = Place::new().await;
    let server = place.start().await;
    let viewer = server.key_of("viewer", None).await;
    let developer = server.key_of("developer", None).await;
    let operator = server.key_of("operator", None).await;
    let document = serde_json::to_value(headrace_control_plane::openapi_document()).expect("JSON");
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let role = operation["security"][0]["api_key"][0]
                .as_str()
                .unwrap_or_else(|| panic!("{method} {path} names no role"));
            // The strongest key that is still too weak. Nobody but an agent may do what an agent does.
            let weak = match role {
                "admin" => Some(&operator),
                "operator" => Some(&developer),
                "developer" => Some(&viewer),
                "agent" => Some(&server.key),
                "viewer" => None,
                other => panic!("{method} {path} names an unknown role {other}"),
            };
            let method: Method = method.to_uppercase().parse().expect("a method");
            let url = format!("{}{}", server.url, filled(path));
            let request = || server.http.request(method.clone(), &url).json(&json!({}));
            for wrong in [None, Some("hr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Some("nonsense")] {
                let request = wrong.into_iter().fold(request(), reqwest::RequestBuilder::bearer_auth);
                let response = request.send().await.expect("answered");
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                assert!(response.headers().contains_key("www-authenticate"));
                let (status, problem) = read(response).await;
                assert_eq!(
                    (status.as_u16(), &problem["code"]),
                    (401, &json!("unauthorized")),
                    "{method} {path}"
                );
            }
            if let Some(weak) = weak {
                let (status, problem) =
                    read(request().bearer_auth(weak).send().await.expect("answered")).await;
                assert_eq!(
                    (status.as_u16(), &problem["code"]),
                    (403, &json!("forbidden")),
                    "{method} {path}"
                );
            } else {
                // Only the status: a watch goes on for as long as somebody reads.
                let response = request().bearer_auth(&viewer).send().await.expect("answered");
                assert_ne!(response.status(), 403, "{method} {path}");
            }
            if method == Method::GET {
                let head = server.http.head(&url).send().await.expect("answered");
                assert_eq!(head.status(), 401, "HEAD {path}");
            }
            routes += 1;
        }
    }
    assert!(routes > 20, "only {routes} routes");
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_as_a_problem() {
    let place = Place::new().await;
    let server = place.start().await;
    let post = |body: &str, content_type: &str| {
        let request = server.request(Method::POST, "/v1/clusters").header("content-type", content_type);
        request.body(body.to_owned()).send()
    };
    let json = "application/json";
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(1024 * 1024));
    let deep = format!("{{\"name\":{}", "[".repeat(100_000));
    for (body, content_type, status, code, fields) in [
        ("{", json, 400, "malformed_json", vec![]),
        ("", json, 400, "malformed_json", vec![]),
        (deep.as_str(), json, 400, "malformed_json", vec![]),
        ("[]", json, 422, "validation_failed", vec![""]),
        ("{}", json, 422, "validation_failed", vec!["name"]),
        ("{}", "text/plain", 415, "unsupported_media_type", vec![]),
        (large.as_str(), json, 413, "payload_too_large", vec![]),
        (
            r#"{"name":"Bad_Name","brokers":-1,"nope":1,"config":{"node.id":"7"},"engine":{"kind":"other"},"labels":[]}"#,
            json,
            422,
            "validation_failed",
            vec!["name", "brokers", "engine.kind", "config.node.id", "labels", "nope"],
        ),
        (
            r#"{"name":"a","config":{"unknown.key":"1"}}"#,
            json,
            422,
            "validation_failed",
            vec!["config.unknown.key"],
        ),
        // The test's twelve ports are good for four brokers.
        (r#"{"name":"a","brokers":5}"#, json, 422, "validation_failed", vec!["brokers"]),
        (
            r#"{"name":"a","brokers":2,"replication_factor":3,"min_insync_replicas":0}"#,
            json,
            422,
            "validation_failed",
            vec!["min_insync_replicas", "replication_factor"],
        ),
        (
            r#"{"name":"a","brokers":3,"replication_factor":2,"min_insync_replicas":3}"#,
            json,
            422,
            "validation_failed",
            vec!["min_insync_replicas"],
        ),
        (
            r#"{"name":"a","min_insync_replicas":1,"config":{"min.insync.replicas":"1"}}"#,
            json,
            422,
            "validation_failed",
            vec!["min_insync_replicas"],
        ),
        (r#"{"name":"a","brokers":1e99}"#, json, 422, "validation_failed", vec!["brokers"]),
        (r#"{"name":"a","project":"nosuch"}"#, json, 422, "validation_failed", vec!["project"]),
    ] {
        let response = post(body, content_type).await.expect("answered");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let (got, problem) = read(response).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{shown}: {problem}");
        let named: Vec<&str> = problem["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .filter_map(|error| error["field"].as_str())
            .collect();
        assert_eq!(named, fields, "{shown}");
        assert_eq!(problem["instance"], "/v1/clusters");
        assert_eq!(problem["status"], status);
    }
    for (method, path, status, code) in [
        (Method::GET, "/v1/nosuch", 404, "not_found"),
        (Method::GET, "/v1/clusters/nosuch", 404, "not_found"),
        (Method::PUT, "/v1/clusters", 405, "method_not_allowed"),
        (Method::GET, "/v1/clusters?page_size=0", 422, "validation_failed"),
        (Method::GET, "/v1/clusters?page_token=made-up", 422, "validation_failed"),
        (Method::GET, "/v1/clusters?colour=red", 422, "validation_failed"),
        (Method::GET, "/v1/clusters/%ff", 400, "malformed_path"),
        (Method::GET, "/nosuch.js", 404, "not_found"),
        (Method::GET, "/assets/nosuch.js", 404, "not_found"),
        (Method::POST, "/nosuch", 404, "not_found"),
    ] {
        let (got, problem) = server.send(method.clone(), path).await;
        assert_eq!(
            (got.as_u16(), problem["code"].as_str()),
            (status, Some(code)),
            "{method} {path}: {problem}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_idempotency_key_answers_as_the_first_time() {
    let place = Place::new().await;
    let server = place.start().await;
    let post = async |path: &str, key: &str, body: Value| {
        let request = server.request(Method::POST, path).header("idempotency-key", key).json(&body);
        read(request.send().await.expect("answered")).await
    };
    let body = json!({"name": "orders"});
    // Duplicates at the same time wait for the first.
    let many = (0..5).map(|_| post("/v1/clusters", "one", body.clone()));
    let answers = futures_util::future::join_all(many).await;
    let (status, first) = answers[0].clone();
    assert_eq!(status, 202, "{first}");
    assert!(
        answers.iter().all(|(status, operation)| *status == 202 && operation["id"] == first["id"]),
        "{answers:?}"
    );

    let (status, problem) = post("/v1/clusters", "one", json!({"name": "other"})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("idempotency_key_reused")));
    assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    let (status, problem) = post("/v1/clusters", "two", body.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("name_taken")));
    // A refusal is not kept: the same key is good for the corrected request.
    let (status, _) = post("/v1/clusters", "two", json!({"name": "third"})).await;
    assert_eq!(status, 202);

    let key = json!({"name": "ci", "role": "viewer"});
    let (_, created) = post("/v1/api-keys", "three", key.clone()).await;
    let (_, again) = post("/v1/api-keys", "three", key).await;
    assert_eq!((&again["id"], &again["key"]), (&created["id"], &Value::Null), "a secret is not shown twice");
    server.stop().await;
}

#[tokio::test]
async fn changes_honour_if_match_protection_and_validate_only() {
    let place = Place::new().await;
    let server = place.start().await;
    let asked = json!({"name": "orders", "deletion_protection": true, "config": {"num.partitions": 3}});
    let (status, planned) = server.post("/v1/clusters?validate_only=true", &asked).await;
    assert_eq!((status.as_u16(), &planned["config"]["num.partitions"]), (200, &json!("3")));
    assert_eq!(server.get("/v1/clusters").await.1["items"], json!([]), "nothing was made");
    assert_eq!(server.post("/v1/clusters", &asked).await.0, 202);
    assert_eq!(server.post("/v1/clusters?validate_only=true", &asked).await.0, 409);

    let response = server.request(Method::GET, "/v1/clusters/orders").send().await.expect("answered");
    assert_eq!(response.headers()["etag"], "\"1\"");
    let patch = async |tag: &str, body: Value| {
        let request =
            server.request(Method::PATCH, "/v1/clusters/orders").header("if-match", tag).json(&body);
        read(request.send().await.expect("answered")).await
    };
    let (status, problem) = patch("\"7\"", json!({"labels": {"team": "a"}})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (412, &json!("precondition_failed")));
    let (status, problem) = patch("\"1\"", json!({"brokers": 5})).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["field"]), (422, &json!("brokers")));
    let (status, problem) = server.send(Method::DELETE, "/v1/clusters/orders").await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("deletion_protected")));
    let (status, operation) = patch("\"1\"", json!({"deletion_protection": false})).await;
    assert_eq!((status.as_u16(), &operation["kind"]), (202, &json!("cluster.update")));
    let (status, _) = patch("\"1\"", json!({"labels": {}})).await;
    assert_eq!(status, 412);
    assert_eq!(server.send(Method::DELETE, "/v1/clusters/orders").await.0, 202);
    let (_, problem) = server.send(Method::DELETE, "/v1/clusters/orders").await;
    assert!(["being_deleted", "not_found"].contains(&problem["code"].as_str().expect("a code")), "{problem}");
    server.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_and_a_key_sees_only_its_project() {
    let place = Place::new().await;
    let server = place.start().await;
    for name in ["alpha", "beta"] {
        assert_eq!(server.post("/v1/projects", &json!({"name": name})).await.0, 201);
    }
    assert_eq!(server.post("/v1/projects", &json!({"name": "beta"})).await.0, 409);
    for (name, project) in [("a1", "alpha"), ("a2", "alpha"), ("b1", "beta"), ("b2", "beta"), ("b3", "beta")]
    {
        assert_eq!(server.post("/v1/clusters", &json!({"name": name, "project": project})).await.0, 202);
    }
    let mut path = "/v1/clusters?page_size=2".to_owned();
    let mut names = Vec::new();
    loop {
        let (_, page) = server.get(&path).await;
        names.extend(page["items"].as_array().expect("items").iter().map(|item| item["name"].clone()));
        let Some(token) = page["next_page_token"].as_str() else { break };
        path = format!("/v1/clusters?page_size=2&page_token={token}");
    }
    assert_eq!(json!(names), json!(["a1", "a2", "b1", "b2", "b3"]));

    let own = server.key_of("operator", Some("alpha")).await;
    let get = async |path: &str| {
        read(
            server
                .http
                .get(format!("{}{path}", server.url))
                .bearer_auth(&own)
                .send()
                .await
                .expect("answered"),
        )
        .await
    };
    assert_eq!(get("/v1/clusters").await.1["items"].as_array().expect("items").len(), 2);
    assert_eq!(get("/v1/clusters/b1").await.0, 404);
    assert_eq!(get("/v1/clusters/a1/brokers").await.0, 200);
    assert_eq!(get("/v1/operations?cluster=b1").await.1["items"], json!([]));
    assert_eq!(get("/v1/whoami").await.1["project"], "alpha");
    server.stop().await;
}

#[tokio::test]
async fn what_needs_no_key_is_open() {
    let place = Place::new().await;
    let server = place.start().await;
    for (path, content_type) in [
        ("/healthz", "text/plain"),
        ("/readyz", "text/plain"),
        ("/metrics", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html"),
        ("/docs/docs.js", "text/javascript"),
        ("/", "text/html"),
        ("/clusters/orders", "text/html"),
    ] {
        let response = server.http.get(format!("{}{path}", server.url)).send().await.expect("answered");
        assert_eq!(response.status(), 200, "{path}");
        let got = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(got.starts_with(content_type), "{path} is {got}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_last_admin_key_stays() {
    let place = Place::new().await;
    let server = place.start().await;
    let (_, me) = server.get("/v1/whoami").await;
    let path = format!("/v1/api-keys/{}", me["id"].as_str().expect("an id"));
    let (status, problem) = server.send(Method::DELETE, &path).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("last_admin_key")));
    server.key_of("admin", None).await;
    assert_eq!(server.send(Method::DELETE, &path).await.0, 204);
    assert_eq!(server.get("/v1/whoami").await.0, 401);
    server.stop().await;
}
