//! Clusters from create to delete, on the local provider with a stand-in for the binary: healing, adoption, failures,
//! several control planes, agents' reports.

mod support;

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Place, Server, read};

/// The folder of a cluster's only broker.
fn folder(place: &Place, cluster: &Value) -> PathBuf {
    let id = cluster["id"].as_str().expect("an id");
    place.dir.path().join("clusters").join(id).join("broker-1")
}

fn pid(place: &Place, cluster: &Value, process: &str) -> i32 {
    let path = folder(place, cluster).join(format!("{process}.pid"));
    std::fs::read_to_string(path).expect("a pid file").trim().parse().expect("a pid")
}

fn kill(pid: i32) {
    let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(status.success());
}

async fn delete(server: &Server<'_>, name: &str) {
    let (status, operation) = server.send(Method::DELETE, &format!("/v1/clusters/{name}")).await;
    assert_eq!(status, 202, "{operation}");
    let ended = server.ended(&operation).await;
    assert_eq!((&ended["state"], &ended["progress"]), (&json!("succeeded"), &json!(100)), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_made_runs_and_is_removed_with_its_data() {
    let place = Place::new().await;
    let server = place.start().await;
    let (status, operation) = server.post("/v1/clusters", &json!({"name": "orders"})).await;
    assert_eq!((status.as_u16(), &operation["state"]), (202, &json!("pending")));
    let watch = format!("/v1/operations/{}/watch", operation["id"].as_str().expect("an id"));
    // The stream ends by itself when the operation has.
    let events =
        server.request(Method::GET, &watch).send().await.expect("answered").text().await.expect("events");
    let seen: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    let last = seen.last().expect("an event");
    assert_eq!((&last["state"], &last["progress"]), (&json!("succeeded"), &json!(100)), "{events}");
    assert!(seen.len() > 2, "the steps show as they happen: {events}");
    let steps = last["steps"].as_array().expect("steps");
    assert!(steps.iter().all(|step| step["state"] == "succeeded"), "{last}");

    let (_, cluster) = server.get("/v1/clusters/orders").await;
    assert_eq!(cluster["status"]["state"], "running", "{cluster}");
    assert_eq!(cluster["status"]["brokers_ready"], 1);
    assert_eq!(cluster["status"]["observed_generation"], 1);
    let first_port = place.ports.start();
    assert_eq!(cluster["status"]["bootstrap_servers"], format!("127.0.0.1:{first_port}"));
    let key = std::fs::metadata(folder(&place, &cluster).join("agent-key")).expect("the agent's key");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);

    delete(&server, "orders").await;
    assert_eq!(server.get("/v1/clusters/orders").await.0, 404);
    assert!(!folder(&place, &cluster).parent().expect("a parent").exists());
    // The ports are free again.
    let again = server.running_cluster("orders").await;
    assert_eq!(again["status"]["bootstrap_servers"], cluster["status"]["bootstrap_servers"]);
    let (_, events) = server.get("/v1/events?cluster=orders").await;
    assert_eq!(events["items"][0]["reason"], "cluster.create");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_died_is_started_again_and_a_living_one_is_adopted() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = server.running_cluster("orders").await;
    let first = pid(&place, &cluster, "broker");
    kill(first);
    kill(pid(&place, &cluster, "agent"));
    server
        .until("/v1/events?cluster=orders", |_, events| {
            let reasons: Vec<_> =
                events["items"].as_array().into_iter().flatten().map(|event| &event["reason"]).collect();
            reasons.contains(&&json!("broker_restarted")) && reasons.contains(&&json!("agent_restarted"))
        })
        .await;
    server.until("/v1/clusters/orders", |_, cluster| cluster["status"]["state"] == "running").await;
    let second = pid(&place, &cluster, "broker");
    assert_ne!(first, second);

    // Brokers outlive the control plane, and the next one finds them, even when nothing was written down.
    server.stop().await;
    std::fs::remove_file(folder(&place, &cluster).join("broker.process")).expect("removed");
    let server = place.start().await;
    server.until("/v1/clusters/orders", |_, cluster| cluster["status"]["state"] == "running").await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(pid(&place, &cluster, "broker"), second);
    delete(&server, "orders").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_restarts_the_broker_on_the_same_address() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = server.running_cluster("orders").await;
    let first = pid(&place, &cluster, "broker");
    let change = async |body: Value| {
        let request = server.request(Method::PATCH, "/v1/clusters/orders").json(&body);
        let (status, operation) = read(request.send().await.expect("answered")).await;
        assert_eq!(status, 202, "{operation}");
        server.ended(&operation).await
    };
    assert_eq!(change(json!({"labels": {"team": "a"}})).await["state"], "succeeded");
    assert_eq!(pid(&place, &cluster, "broker"), first, "labels are no reason to restart");
    assert_eq!(change(json!({"config": {"num.partitions": "6"}})).await["state"], "succeeded");
    assert_ne!(pid(&place, &cluster, "broker"), first);
    let written =
        std::fs::read_to_string(folder(&place, &cluster).join("broker.properties")).expect("written");
    assert!(written.contains("num.partitions=6\n"), "{written}");
    let (_, after) = server.get("/v1/clusters/orders").await;
    assert_eq!(after["status"]["bootstrap_servers"], cluster["status"]["bootstrap_servers"]);
    assert_eq!(after["status"]["observed_generation"], after["generation"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_cannot_start_fails_the_operation_with_what_it_said() {
    let place = Place::new().await;
    let server = place.start().await;
    let body = json!({"name": "orders", "config": {"fake.fails": "true"}});
    let (_, operation) = server.post("/v1/clusters", &body).await;
    let ended = server.ended(&operation).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let detail = ended["error"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("the configuration has 1 problem: fake.fails"), "{detail}");
    let (_, cluster) = server.get("/v1/clusters/orders").await;
    assert_eq!(cluster["status"]["state"], "failed", "{cluster}");
    // The user corrects it.
    let fix = server.request(Method::PATCH, "/v1/clusters/orders").json(&json!({"config": {}}));
    let (_, operation) = read(fix.send().await.expect("answered")).await;
    assert_eq!(server.ended(&operation).await["state"], "succeeded");
    server.until("/v1/clusters/orders", |_, cluster| cluster["status"]["state"] == "running").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_free_ports_an_operation_fails_at_once_and_a_delete_overtakes_a_create() {
    let place = Place::new().await;
    let server = place.start().await;
    // Twelve ports are good for four brokers.
    for name in ["a", "b", "c", "d"] {
        server.running_cluster(name).await;
    }
    let (_, operation) = server.post("/v1/clusters", &json!({"name": "e"})).await;
    let ended = server.ended(&operation).await;
    assert_eq!(ended["state"], "failed");
    assert!(ended["error"]["detail"].as_str().expect("a detail").contains("--kafka-ports"), "{ended}");
    delete(&server, "a").await;
    delete(&server, "e").await;
    let (_, create) = server.post("/v1/clusters", &json!({"name": "f"})).await;
    delete(&server, "f").await;
    let ended = server.ended(&create).await;
    assert!(["cancelled", "succeeded"].contains(&ended["state"].as_str().expect("a state")), "{ended}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_control_planes_share_the_work() {
    let place = Place::new().await;
    let (one, two) = (place.start().await, place.start().await);
    assert_eq!(one.key, two.key);
    let mut operations = Vec::new();
    for (place, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let server = if place % 2 == 0 { &one } else { &two };
        operations.push(server.post("/v1/clusters", &json!({"name": name})).await.1);
    }
    // One leaves in the middle; what it had begun is finished by the other.
    one.stop().await;
    for operation in &operations {
        assert_eq!(two.ended(operation).await["state"], "succeeded");
    }
    for name in ["a", "b", "c", "d"] {
        let (_, cluster) = two.get(&format!("/v1/clusters/{name}")).await;
        let (broker, config) =
            (pid(&place, &cluster, "broker"), folder(&place, &cluster).join("broker.properties"));
        let running = processes_with(&config.display().to_string());
        assert_eq!(running, [broker], "one broker only");
    }
    two.stop().await;
}

/// The processes whose command line names a file.
fn processes_with(file: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(file) {
            found.extend(entry.file_name().to_string_lossy().parse::<i32>());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_stored_once_and_age() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = server.running_cluster("orders").await;
    let brokers = async || server.get("/v1/clusters/orders/brokers").await.1["items"][0].clone();
    assert_eq!(brokers().await["state"], "starting");
    let key = std::fs::read_to_string(folder(&place, &cluster).join("agent-key")).expect("the agent's key");
    let post = async |path: &str, body: Value| {
        let request = server.http.post(format!("{}{path}", server.url)).bearer_auth(key.trim()).json(&body);
        read(request.send().await.expect("answered")).await
    };
    let agent = json!({"cluster_id": cluster["id"], "node_id": 1, "incarnation": "7b0c2a52-3f0e-4f0b-8a39-2d1c2b3a4d5e"});
    let with = |more: Value| {
        let mut body = agent.clone();
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    let at = chrono_now();
    let report = |sequence: i64, bytes: f64| json!({"sequence": sequence, "at": at, "healthy": true, "bytes_in_per_second": bytes, "partitions_total": 7});
    let (status, problem) = post("/v1/agent/reports", with(json!({"reports": [report(1, 1.0)]}))).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("agent_not_registered")));
    let (status, hello) = post("/v1/agent/register", agent.clone()).await;
    assert_eq!((status.as_u16(), &hello["accepted_sequence"]), (200, &Value::Null), "{hello}");
    let two = with(json!({"reports": [report(1, 1000.0), report(2, 1000.0)]}));
    for _ in 0..2 {
        let (status, accepted) = post("/v1/agent/reports", two.clone()).await;
        assert_eq!((status.as_u16(), &accepted["accepted_sequence"]), (200, &json!(2)), "{accepted}");
    }
    let broker = brokers().await;
    assert_eq!((&broker["state"], &broker["partitions"]), (&json!("healthy"), &json!(7)), "{broker}");
    assert!(broker["report_age_ms"].as_i64().expect("an age") < 6_000);
    let (_, metric) = server.get("/v1/clusters/orders/metrics?metric=bytes_in&window_seconds=600").await;
    assert_eq!(metric["series"][0]["points"][0][1], 1000.0, "{metric}");

    for (body, status, code) in [
        (with(json!({"node_id": 2, "reports": [report(3, 0.0)]})), 403, "forbidden"),
        (with(json!({"reports": []})), 422, "validation_failed"),
        (with(json!({"reports": [{"sequence": 3}]})), 422, "validation_failed"),
    ] {
        let (got, problem) = post("/v1/agent/reports", body).await;
        assert_eq!((got.as_u16(), problem["code"].as_str()), (status, Some(code)), "{problem}");
    }
    // Silence makes it unknown, not healthy.
    server.until("/v1/clusters/orders/brokers/1", |_, broker| broker["state"] == "unknown").await;
    server.stop().await;
}

fn chrono_now() -> String {
    let output =
        std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]).output().expect("date");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_all_stops_what_runs() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = server.running_cluster("orders").await;
    let broker = pid(&place, &cluster, "broker");
    server.stop().await;
    let grace = Duration::from_secs(5);
    let stopped = headrace_control_plane::local::stop_all(place.dir.path(), grace).await.expect("stopped");
    assert_eq!(stopped, 2);
    assert!(!std::path::Path::new(&format!("/proc/{broker}/exe")).exists());
    // The next start finds everything as it was.
    let server = place.start().await;
    server
        .until("/v1/clusters/orders", |_, after| {
            after["status"]["state"] == "running" && pid_of(&place, &cluster) != Some(broker)
        })
        .await;
    let (_, after) = server.get("/v1/clusters/orders").await;
    assert_eq!(after["status"]["bootstrap_servers"], cluster["status"]["bootstrap_servers"]);
    server.stop().await;
}

fn pid_of(place: &Place, cluster: &Value) -> Option<i32> {
    let path = folder(place, cluster).join("broker.pid");
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}
