//! The demo cluster: made once, at the first start, through the public REST API like any other. Whoever deletes it does
//! not get it back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Api, Request, watch};
use crate::data_dir::{DataDir, read_line, write_line};
use crate::failure::{Failure, Kind};
use crate::output::{safe, say};

const NAME: &str = "demo";
/// The topic that the Ready block's lines use.
const TOPIC: &str = "hello";
/// A broker starts in far less; a machine that is busy compiling takes longer.
const RUNNING_DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Makes the demo cluster if this is the first start, and waits until it answers if it is there. Gives its name and
/// address.
pub(crate) async fn ensure(
    api: &Api,
    dir: &DataDir,
    wanted: bool,
) -> Result<Option<(String, String)>, Failure> {
    let marker = dir.demo_marker();
    let decided =
        read_line(&marker).map_err(|error| Failure::doing(format!("reading {}", marker.display()), error))?;
    if decided.is_none() {
        if !wanted {
            write_line(&marker, "not wanted", 0o644)?;
            return Ok(None);
        }
        make(api).await?;
        write_line(&marker, "made", 0o644)?;
    }
    let first = decided.is_none();
    match wait_for(api, first).await {
        Ok(bootstrap) => Ok(bootstrap.map(|bootstrap| (NAME.to_owned(), bootstrap))),
        Err(failure) if first => Err(failure),
        Err(failure) => {
            say(&format!("the demo cluster is not there: {}", safe(&failure.message)));
            Ok(None)
        }
    }
}

/// Its address once it answers; `None` when there is no such cluster.
async fn wait_for(api: &Api, first: bool) -> Result<Option<String>, Failure> {
    let path = ["clusters", NAME];
    match api.send(Request::get(&path, "reading the demo cluster")).await {
        Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
        Ok(cluster) if matches!(cluster["status"]["state"].as_str(), Some("deleting" | "failed")) => {
            return Ok(None);
        }
        Ok(_) => {}
    }
    let bootstrap = tokio::time::timeout(RUNNING_DEADLINE, answering(api)).await.map_err(|_| {
        Failure::new(Kind::TimedOut, "the demo cluster does not run yet")
            .hint("`headrace cluster get demo` says how far it is; the logs are in the data directory below clusters/")
    })??;
    if first && bootstrap.is_some() {
        make_topic(api).await?;
    }
    Ok(bootstrap)
}

async fn make(api: &Api) -> Result<(), Failure> {
    say("making the demo cluster");
    // The same key after a start that was cut off here: the API answers with the operation of the first.
    let headers = [("idempotency-key", "headrace-up-demo".to_owned())];
    let body = json!({ "name": NAME, "brokers": 1, "labels": { "made-by": "headrace-up" } });
    let request =
        Request { headers: &headers, ..Request::post(&["clusters"], body, "making the demo cluster") };
    match api.send(request).await {
        Ok(operation) => watch::to_success(api, &operation, RUNNING_DEADLINE).await.map(drop),
        // Someone made one of that name in the meantime.
        Err(failure) if failure.kind == Kind::Conflict => Ok(()),
        Err(failure) => Err(failure),
    }
}

async fn make_topic(api: &Api) -> Result<(), Failure> {
    let path = ["clusters", NAME, "topics"];
    match api
        .send(Request::post(&path, json!({ "name": TOPIC, "partitions": 1 }), "making the demo topic"))
        .await
    {
        Ok(_) => Ok(()),
        Err(failure) if failure.kind == Kind::Conflict => Ok(()),
        Err(failure) => Err(failure),
    }
}

/// Waits until the cluster's brokers answer: after a restart its stored state still says "running" when nothing runs
/// yet. `None` if it was deleted meanwhile.
async fn answering(api: &Api) -> Result<Option<String>, Failure> {
    let path = ["clusters", NAME];
    loop {
        let cluster: Value = match api.send(Request::get(&path, "reading the demo cluster")).await {
            Ok(cluster) => cluster,
            Err(failure) if failure.kind == Kind::NotFound => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let bootstrap = cluster["status"]["bootstrap_servers"].as_str().unwrap_or_default();
        if !bootstrap.is_empty()
            && crate::commands::cluster_is_settled(&cluster)
            && first_answers(bootstrap).await
        {
            return Ok(Some(bootstrap.to_owned()));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn first_answers(bootstrap: &str) -> bool {
    match crate::kafka::connect(bootstrap).await {
        Ok(client) => client.metadata(Some(&[])).await.is_ok(),
        Err(_) => false,
    }
}
