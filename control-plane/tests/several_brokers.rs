//! Clusters of several brokers on the local provider with a stand-in for the binary: how they begin, grow and are
//! restarted.

mod support;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};
use support::{Place, Server, read};

fn folder(place: &Place, cluster: &Value, node: i32) -> PathBuf {
    let id = cluster["id"].as_str().expect("an id");
    place.dir.path().join("clusters").join(id).join(format!("broker-{node}"))
}

fn pid(place: &Place, cluster: &Value, node: i32) -> i32 {
    let path = folder(place, cluster, node).join("broker.pid");
    std::fs::read_to_string(path).expect("a pid file").trim().parse().expect("a pid")
}

fn pids(place: &Place, cluster: &Value, nodes: std::ops::RangeInclusive<i32>) -> Vec<i32> {
    nodes.map(|node| pid(place, cluster, node)).collect()
}

fn property(place: &Place, cluster: &Value, node: i32, key: &str) -> Option<String> {
    let text =
        std::fs::read_to_string(folder(place, cluster, node).join("broker.properties")).expect("written");
    let mut pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.find(|(found, _)| *found == key).map(|(_, value)| value.to_owned())
}

fn started(place: &Place, cluster: &Value, node: i32) -> SystemTime {
    let file = folder(place, cluster, node).join("fake-started");
    file.metadata().and_then(|file| file.modified()).expect("a broker that was started")
}

async fn create(server: &Server<'_>, body: Value) -> Value {
    let (status, operation) = server.post("/v1/clusters", &body).await;
    assert_eq!(status, 202, "{operation}");
    let ended = server.ended(&operation).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    server.get("/v1/clusters/orders").await.1
}

async fn patch(server: &Server<'_>, body: Value) -> Value {
    let request = server.request(Method::PATCH, "/v1/clusters/orders").json(&body);
    let (status, operation) = read(request.send().await.expect("answered")).await;
    assert_eq!(status, 202, "{operation}");
    operation
}

async fn patched(server: &Server<'_>, body: Value) -> Value {
    let operation = patch(server, body).await;
    let ended = server.ended(&operation).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    ended
}

async fn in_sync(server: &Server<'_>) {
    let path = "/v1/clusters/orders";
    server.until(path, |_, cluster| cluster["status"]["partitions"]["under_replicated"] == 0).await;
}

fn step<'v>(operation: &'v Value, name: &str) -> &'v Value {
    let steps = operation["steps"].as_array().expect("steps");
    steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name} in {operation}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_begin_together_and_show_how_they_are() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = create(&server, json!({"name": "orders", "brokers": 3})).await;
    let voters = property(&place, &cluster, 1, "controller.quorum.voters").expect("voters");
    assert_eq!(voters.split(',').count(), 3, "{voters}");
    for node in 1..=3 {
        for (key, expected) in [
            ("controller.quorum.voters", voters.as_str()),
            ("default.replication.factor", "3"),
            ("min.insync.replicas", "2"),
            ("offsets.topic.replication.factor", "3"),
        ] {
            assert_eq!(
                property(&place, &cluster, node, key).as_deref(),
                Some(expected),
                "{key} of broker {node}"
            );
        }
    }
    let bootstrap = cluster["status"]["bootstrap_servers"].as_str().expect("bootstrap servers");
    assert_eq!(bootstrap.split(',').count(), 3, "{bootstrap}");
    let well = json!({"total": 1, "under_replicated": 0, "under_min_isr": 0, "offline": 0});
    let cluster =
        server.until("/v1/clusters/orders", |_, cluster| cluster["status"]["partitions"] == well).await;
    assert_eq!(
        (&cluster["status"]["controller_id"], &cluster["status"]["brokers_ready"]),
        (&json!(1), &json!(3))
    );
    server
        .until("/v1/clusters/orders/brokers", |_, brokers| {
            (0..3).all(|place| {
                let broker = &brokers["items"][place];
                broker["membership"] == "running"
                    && broker["is_controller"] == json!(place == 0)
                    && broker["is_voter"] == json!(true)
                    && broker["leaders"] == json!(u32::from(place == 0))
                    && broker["partitions"] == json!(1)
            })
        })
        .await;

    // Fewer are not to be had yet, and nothing has changed by asking.
    let request = server.request(Method::PATCH, "/v1/clusters/orders").json(&json!({"brokers": 2}));
    let (status, problem) = read(request.send().await.expect("answered")).await;
    assert_eq!((status.as_u16(), &problem["errors"][0]["field"]), (422, &json!("brokers")), "{problem}");
    assert!(problem["detail"].as_str().expect("a detail").contains("scale in"), "{problem}");
    assert_eq!(server.get("/v1/clusters/orders").await.1["generation"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_restarts_one_broker_at_a_time_and_the_controller_last() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = create(&server, json!({"name": "orders", "brokers": 3})).await;
    in_sync(&server).await;
    let before = pids(&place, &cluster, 1..=3);
    let ended = patched(&server, json!({"config": {"num.partitions": "6"}})).await;
    assert_eq!(step(&ended, "restart_brokers")["state"], "succeeded");
    let after = pids(&place, &cluster, 1..=3);
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?} {after:?}");
    // A replica takes 400 ms to be in sync, and the next broker waits for it.
    let [second, third, controller] = [2, 3, 1].map(|node| started(&place, &cluster, node));
    for (earlier, later) in [(second, third), (third, controller)] {
        let between = later.duration_since(earlier).expect("in this order");
        assert!(between >= Duration::from_millis(400), "only {between:?} between two restarts");
    }

    // A broker that died comes back, with the new configuration, before any other is stopped for it.
    let dead = pid(&place, &cluster, 3);
    let killed = std::process::Command::new("kill").args(["-9", &dead.to_string()]).status().expect("kill");
    assert!(killed.success());
    patched(&server, json!({"config": {"num.partitions": "7"}})).await;
    assert!(started(&place, &cluster, 3) < started(&place, &cluster, 2));
    assert_eq!(property(&place, &cluster, 3, "num.partitions").as_deref(), Some("7"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_waits_for_what_it_would_take_below_min_isr_and_says_so() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = create(&server, json!({"name": "orders", "brokers": 3})).await;
    in_sync(&server).await;
    let behind = folder(&place, &cluster, 1).parent().expect("the cluster's folder").join("fake-behind");
    std::fs::write(&behind, "3").expect("written");
    let before = pids(&place, &cluster, 1..=2);
    let operation = patch(&server, json!({"config": {"num.partitions": "6"}})).await;
    let path = format!("/v1/operations/{}", operation["id"].as_str().expect("an id"));
    // The broker that lags is no loss; without another, one replica would be left where two are needed.
    let waiting = server
        .until(&path, |_, operation| {
            let message = &step(operation, "restart_brokers")["message"];
            message.as_str().is_some_and(|message| message.contains("not in sync yet of t-0"))
        })
        .await;
    assert_eq!(waiting["state"], "running", "{waiting}");
    let cluster = server
        .until("/v1/clusters/orders", |_, cluster| {
            let conditions = cluster["status"]["conditions"].as_array().expect("conditions");
            conditions.iter().any(|condition| condition["reason"] == "Waiting")
        })
        .await;
    assert_eq!(cluster["status"]["partitions"]["under_replicated"], 1, "{cluster}");
    assert_eq!(pids(&place, &cluster, 1..=2), before);
    std::fs::remove_file(&behind).expect("removed");
    assert_eq!(server.ended(&waiting).await["state"], "succeeded");
    assert!(pids(&place, &cluster, 1..=2).iter().all(|pid| !before.contains(pid)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broker_grows_to_three_and_three_to_four() {
    let place = Place::new().await;
    let server = place.start().await;
    let cluster = create(&server, json!({"name": "orders"})).await;
    assert_eq!(property(&place, &cluster, 1, "controller.quorum.voters"), None, "it begins alone");
    let first = pid(&place, &cluster, 1);

    let operation = patched(&server, json!({"brokers": 3})).await;
    assert_eq!(operation["kind"], "cluster.scale_out");
    for name in ["reserve_addresses", "start_brokers", "await_brokers", "add_voters", "restart_brokers"] {
        assert_eq!(step(&operation, name)["state"], "succeeded", "{name} in {operation}");
    }
    for node in [2, 3] {
        let servers =
            property(&place, &cluster, node, "controller.quorum.bootstrap.servers").expect("servers");
        assert_eq!(servers.split(',').count(), 2, "{servers}");
        assert_eq!(property(&place, &cluster, node, "controller.quorum.voters"), None);
    }
    // The defaults for new topics have changed, so the first broker was restarted, after the others were in.
    assert_ne!(pid(&place, &cluster, 1), first);
    assert_eq!(property(&place, &cluster, 1, "min.insync.replicas").as_deref(), Some("2"));
    // With an empty disk the first would join the others now, not begin again.
    assert!(property(&place, &cluster, 1, "controller.quorum.bootstrap.servers").is_some());
    assert!(started(&place, &cluster, 3) < started(&place, &cluster, 1));
    let is_voter = |broker: &Value| broker["is_voter"] == true;
    server
        .until("/v1/clusters/orders/brokers", |_, brokers| {
            brokers["items"]
                .as_array()
                .is_some_and(|brokers| brokers.len() == 3 && brokers.iter().all(is_voter))
        })
        .await;

    let before = pids(&place, &cluster, 1..=3);
    let operation = patched(&server, json!({"brokers": 4})).await;
    assert_eq!(step(&operation, "restart_brokers")["state"], "skipped", "{operation}");
    assert_eq!(step(&operation, "add_voters")["state"], "skipped", "{operation}");
    assert_eq!(pids(&place, &cluster, 1..=3), before, "nobody is restarted");
    let servers = property(&place, &cluster, 4, "controller.quorum.bootstrap.servers").expect("servers");
    assert_eq!(servers.split(',').count(), 3, "{servers}");
    server.until("/v1/clusters/orders/brokers/4", |_, broker| broker["is_voter"] == false).await;

    let (status, operation) = server.send(Method::DELETE, "/v1/clusters/orders").await;
    assert_eq!(status, 202, "{operation}");
    assert_eq!(server.ended(&operation).await["state"], "succeeded");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_for_by_name_stays_when_a_cluster_grows() {
    let place = Place::new().await;
    let server = place.start().await;
    let asked = json!({
        "name": "orders", "brokers": 2, "replication_factor": 2, "min_insync_replicas": 1,
        // An engine that does not tell who votes is not asked to change that.
        "config": {"fake.quorum": "false", "offsets.topic.replication.factor": "1"}
    });
    let cluster = create(&server, asked).await;
    assert_eq!(cluster["replication_factor"], 2);
    let before = pids(&place, &cluster, 1..=2);
    let operation = patched(&server, json!({"brokers": 3})).await;
    assert_eq!(step(&operation, "add_voters")["state"], "skipped");
    assert_eq!(pids(&place, &cluster, 1..=2), before, "nothing of theirs has changed");
    server.until("/v1/clusters/orders/brokers/1", |_, broker| broker["is_voter"].is_null()).await;
    patched(&server, json!({"replication_factor": 3})).await;
    assert_eq!(property(&place, &cluster, 3, "default.replication.factor").as_deref(), Some("3"));
    server.stop().await;
}
