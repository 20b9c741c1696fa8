//! What concerns a cluster as a whole: asked of its brokers over Kafka's own protocol, whoever provides them.
//!
//! Waits here are bounded and short, for a worker that waits does nothing else: what is not done by then is looked at again
//! in another pass.

use std::time::Duration;

use headrace_client::{Client, Resource};
use headrace_protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use uuid::Uuid;

use super::view::{MinIsr, Quorum, View, short_topics};
use crate::domain::cluster::kafka_id;
use crate::domain::replication::MIN_ISR_KEY;
use crate::provision::{Error, INTERNAL_LISTENER, Peer, Peers};

/// One request to a broker, at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// One look at a cluster, at most.
const LOOK_TIMEOUT: Duration = Duration::from_secs(8);
/// One wait, at most.
const WAIT: Duration = Duration::from_secs(10);
/// How often is looked meanwhile.
const WAIT_POLL: Duration = Duration::from_millis(250);
/// A broker becomes a voter within this: it has to read the metadata log to its end first.
const VOTER_WAIT: Duration = Duration::from_secs(30);
/// Topics whose `min.insync.replicas` is asked for in one look. Where more are short of replicas, a broker is down, and
/// then nothing is stopped anyway.
const MIN_ISR_TOPICS_MAX: usize = 200;

/// A cluster as its brokers see it.
pub(super) async fn look(peers: &Peers) -> Result<View, String> {
    let asked = async {
        let client = connect(peers).await?;
        // The controller's word, for others may lag behind it.
        let request = MetadataRequest { topics: None, ..MetadataRequest::default() };
        let metadata = client.request_controller(&request).await?;
        let min_isr = min_isr(&client, &metadata).await?;
        let (leader, quorum) = quorum(&client).await?.unzip();
        let view = View::new(&metadata, &min_isr, quorum);
        Ok(View { controller: leader.or(view.controller), ..view })
    };
    match tokio::time::timeout(LOOK_TIMEOUT, asked).await {
        Ok(Ok(view)) => Ok(view),
        Ok(Err::<_, headrace_client::Error>(error)) => Err(error.to_string()),
        Err(_) => Err("the brokers do not answer in time".to_owned()),
    }
}

async fn connect(peers: &Peers) -> Result<Client, headrace_client::Error> {
    let addresses: Vec<String> = peers.values().map(|Peer { host, port }| format!("{host}:{port}")).collect();
    Client::connect(&addresses, REQUEST_TIMEOUT).await
}

async fn min_isr(client: &Client, metadata: &MetadataResponse) -> Result<MinIsr, headrace_client::Error> {
    let short = short_topics(metadata).into_iter().take(MIN_ISR_TOPICS_MAX);
    let resources: Vec<Resource> = short.map(|topic| Resource::Topic(topic.to_owned())).collect();
    let described = client.describe_configs(&resources).await?;
    let mut found = MinIsr::new();
    for (resource, configs) in described {
        let (Resource::Topic(topic), Ok(configs)) = (resource, configs) else { continue };
        let config = configs.into_iter().find(|config| &*config.name == MIN_ISR_KEY);
        if let Some(min_isr) = config.and_then(|config| config.value?.parse().ok()) {
            found.insert(topic, min_isr);
        }
    }
    Ok(found)
}

/// The quorum and its leader; `None` when the brokers do not offer to tell.
async fn quorum(client: &Client) -> Result<Option<(i32, Quorum)>, headrace_client::Error> {
    let Some(described) = client.describe_quorum().await? else { return Ok(None) };
    let voters = described.current_voters.iter().map(|voter| voter.replica_id).collect();
    let grows = client.offers_raft_voters().await?;
    Ok(Some((described.leader_id, Quorum { voters, grows })))
}

/// Waits until a broker can be stopped without harm.
pub(super) async fn await_spare(peers: &Peers, id: i32) -> Result<(), Error> {
    // The others are asked: this one may be what does not answer.
    await_view(&without(peers, id), |view| view.may_stop(id)).await
}

/// Waits until every record that a broker has is held by another that serves.
pub(super) async fn await_copies(peers: &Peers, id: i32) -> Result<(), Error> {
    await_view(&without(peers, id), |view| view.may_lose(id)).await
}

/// Waits until a broker is back among those that serve, and all its replicas are in sync.
pub(super) async fn await_in_sync(peers: &Peers, id: i32) -> Result<(), Error> {
    let in_sync = |view: &View| match view.behind(id) {
        _ if !view.live.contains(&id) => {
            Err(format!("the cluster does not count broker {id} as serving yet"))
        }
        Some(behind) => Err(format!("the replicas on broker {id} are not in sync yet of {behind}")),
        None => Ok(()),
    };
    await_view(&without(peers, id), in_sync).await
}

fn without(peers: &Peers, id: i32) -> Peers {
    peers.iter().filter(|(other, _)| **other != id).map(|(other, peer)| (*other, peer.clone())).collect()
}

async fn await_view(peers: &Peers, right: impl Fn(&View) -> Result<(), String>) -> Result<(), Error> {
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let waits_for = match look(peers).await {
            Ok(view) => match right(&view) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            },
            Err(why) => format!("the other brokers do not say how they are: {why}"),
        };
        if tokio::time::Instant::now() >= until {
            return Err(Error::Waiting(waits_for));
        }
        tokio::time::sleep(WAIT_POLL).await;
    }
}

/// Makes a broker a voter of the metadata quorum, and waits until the quorum says so.
pub(super) async fn add_voter(cluster: Uuid, peers: &Peers, id: i32) -> Result<(), Error> {
    let failed = |error: headrace_client::Error| Error::NotYet(error.to_string());
    let Some(peer) = peers.get(&id) else {
        return Err(Error::NotYet(format!("broker {id} has no addresses yet")));
    };
    let client = connect(peers).await.map_err(failed)?;
    let listener = (INTERNAL_LISTENER, peer.host.as_str(), peer.port);
    client.add_raft_voter(&kafka_id(cluster), id, listener).await.map_err(failed)?;
    let waiting = async {
        loop {
            if let Some((_, quorum)) = quorum(&client).await.map_err(failed)?
                && quorum.voters.contains(&id)
            {
                return Ok(());
            }
            tokio::time::sleep(WAIT_POLL).await;
        }
    };
    tokio::time::timeout(VOTER_WAIT, waiting).await.unwrap_or_else(|_| {
        let seconds = VOTER_WAIT.as_secs();
        Err(Error::NotYet(format!("the metadata quorum does not name broker {id} a voter after {seconds} s")))
    })
}
