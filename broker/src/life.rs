//! A broker's life on whatever machine it is given: its files and the quorum first, then the other brokers, the registration, and last
//! the clients. Stopping goes the other way: leaderships are handed over first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use headrace_protocol::messages::broker_registration::Listener;
use headrace_state::metadata::Image;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::background::Background;
use crate::broker::{Broker, Leadership};
use crate::controller;
use crate::registration::{self, Refused};
use crate::replica::{self, LeadershipListener};

/// How long others may take to take over what this broker leads, before it stops anyway.
const LET_GO_TIMEOUT: Duration = Duration::from_secs(20);
/// After how long without a controller nobody is waited for any more.
const NO_CONTROLLER_MS_MAX: u64 = 3_000;
/// How long ago a majority followed a controller that has one.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(1);
/// How long the metadata quorum may take to elect another leader when this one stops.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a stop looks whether the connections have ended.
const DRAIN_LOOK: Duration = Duration::from_millis(10);
/// How often replicas that could not be opened are tried again.
const OFFLINE_RETRY: Duration = Duration::from_secs(2);
/// How long a broker goes on at most whose node of the metadata quorum has ended.
const QUORUM_ENDED_GRACE: Duration = Duration::from_secs(3);

/// How others come in.
pub(crate) trait Doors: Send {
    /// The listeners as the registration names them.
    fn advertised(&self) -> Vec<Listener>;
    /// Other brokers may come.
    fn open_inner(&mut self, broker: &Arc<Broker>);
    /// Clients may come.
    fn open_outer(&mut self, broker: &Arc<Broker>);
}

/// Lives until `shutdown` resolves, then stops cleanly. An answer says why this process must not go on.
pub(crate) async fn live(
    broker: &Arc<Broker>,
    tasks: &Handle,
    mut doors: impl Doors,
    mut shutdown: BoxFuture<'_, ()>,
) -> io::Result<Option<Refused>> {
    let background = Background::start(broker)?;
    let started_ns = broker.clock.monotonic_ns();
    let advertised = doors.advertised();
    // The quorum needs the others before it has a leader, and a leader before anybody can register.
    doors.open_inner(broker);
    tasks.spawn(controller::service::run(Arc::clone(broker)));
    tasks.spawn(replica::isr::run(Arc::clone(broker)));
    tasks.spawn(replica::dir_reports::run(Arc::clone(broker)));
    tasks.spawn(replica::offline::run(Arc::clone(broker)));
    let member = {
        let (broker, inner_tasks) = (Arc::clone(broker), tasks.clone());
        let member = tasks.spawn(async move { live_with_quorum(&broker, advertised, &inner_tasks).await });
        async move { member.await.unwrap_or_else(|error| Refused::Registration(error.to_string())) }
    };
    let mut member = std::pin::pin!(member);
    let ended = tokio::select! {
        () = &mut shutdown => None,
        refused = &mut member => Some(refused),
        () = broker.lifecycle.unfenced() => {
            doors.open_outer(broker);
            broker.lifecycle.ready.store(true, Ordering::Release);
            let elapsed_ms = (broker.clock.monotonic_ns() - started_ns) / 1_000_000;
            tracing::info!(node = broker.node_id(), cluster = %broker.cluster_id, elapsed_ms, "the broker serves");
            tokio::select! {
                () = &mut shutdown => None,
                refused = &mut member => Some(refused),
            }
        }
    };
    if ended.is_none() {
        hand_over(broker).await;
    }
    stop(broker, background).await;
    Ok(ended)
}

/// Registers, follows the metadata and sends heartbeats. Returns only if this process must not go on.
async fn be_a_member(broker: &Arc<Broker>, advertised: Vec<Listener>, tasks: &Handle) -> Refused {
    if let Err(refused) = registration::register(broker, &advertised).await {
        return refused;
    }
    // The first image is applied before clients come.
    let _ = watch_image(broker, tasks).await;
    let strays = {
        let broker = Arc::clone(broker);
        broker.blocking.clone().run(move || broker.replicas.delete_strays(&broker.image()))
    };
    if let Err(error) = strays.await {
        tracing::error!(%error, "what no longer belongs here could not be deleted");
    }
    registration::heartbeats(Arc::clone(broker), advertised).await
}

/// [`be_a_member`], for as long as this node has a part in the metadata quorum.
async fn live_with_quorum(broker: &Arc<Broker>, advertised: Vec<Listener>, tasks: &Handle) -> Refused {
    let ended = async {
        let why = broker.metadata.ended().await;
        // Where a disk failed, the heartbeats tell the others first.
        tokio::time::sleep(QUORUM_ENDED_GRACE).await;
        why
    };
    tokio::select! {
        refused = be_a_member(broker, advertised, tasks) => refused,
        why = ended => Refused::Storage(format!("this node of the metadata quorum has ended: {why}")),
    }
}

/// Lets others take over: what this broker leads first, the lead of the metadata quorum last.
async fn hand_over(broker: &Arc<Broker>) {
    if !broker.is_ready() || broker.image().live_brokers().count() <= 1 {
        return;
    }
    tokio::select! {
        () = broker.lifecycle.let_go() => {}
        () = tokio::time::sleep(LET_GO_TIMEOUT) => {
            tracing::warn!("not everything that this broker leads was taken over");
        }
        () = nobody_decides(broker) => {
            tracing::warn!("nobody is left to take over what this broker leads");
            return;
        }
    }
    if let Err(error) = broker.metadata.transfer_leadership(None, HAND_OVER_TIMEOUT).await {
        tracing::warn!(%error, "the lead of the metadata quorum was not handed over");
    }
}

/// Resolves once there has been no controller for so long that there is none to come: the others have stopped too.
async fn nobody_decides(broker: &Broker) {
    let mut since_ms = broker.clock.monotonic_ms();
    // A controller that lost its majority goes on as one.
    let decides = || match broker.metadata.leader() {
        Some(id) if id == broker.node_id() => broker.metadata.was_followed_within(FOLLOWED_WITHIN),
        leader => leader.is_some(),
    };
    while broker.clock.monotonic_ms().saturating_sub(since_ms) < NO_CONTROLLER_MS_MAX {
        if decides() {
            since_ms = broker.clock.monotonic_ms();
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

/// Keeps this broker's partitions as the newest image says; the answer comes when the first image is applied.
fn watch_image(broker: &Arc<Broker>, tasks: &Handle) -> oneshot::Receiver<()> {
    let (first, ready) = oneshot::channel();
    let broker = Arc::clone(broker);
    tasks.spawn(async move {
        let mut first = Some(first);
        let mut images = broker.metadata.watch();
        let mut stopping = broker.stopping();
        let leadership: Arc<dyn LeadershipListener> = Arc::new(Leadership(Arc::clone(&broker)));
        let mut before = Arc::new(Image::empty());
        loop {
            let image = images.borrow_and_update().clone();
            let applying = {
                let (broker, leadership) = (Arc::clone(&broker), Arc::clone(&leadership));
                let (before, image) = (Arc::clone(&before), Arc::clone(&image));
                // Making and deleting directories blocks.
                let blocking = broker.blocking.clone();
                blocking.run(move || broker.replicas.apply(&before, &image, &*leadership))
            };
            match applying.await {
                Ok(concerned) => broker.replicas.fetchers.update(&broker, &concerned),
                Err(error) => tracing::error!(%error, "a metadata change could not be applied"),
            }
            before = image;
            if let Some(first) = first.take() {
                // Whoever asked may have gone; then nobody needs to know.
                let _ = first.send(());
            }
            tokio::select! {
                changed = images.changed() => if changed.is_err() { return },
                // Whatever kept them from being opened, a full disk for one, may be over.
                () = tokio::time::sleep(OFFLINE_RETRY), if broker.replicas.offline_count() > 0 => {}
                () = stopping.stopped() => return,
            }
        }
    });
    ready
}

/// Answers who waits, drains, forces everything to disk, marks the stop as clean.
async fn stop(broker: &Arc<Broker>, background: Background) {
    tracing::info!("stopping");
    broker.begin_stop();
    let grace = Duration::from_millis(broker.config.headrace_shutdown_grace_ms.unsigned_abs());
    let drained = async {
        while broker.metrics.connections.get() > 0 {
            tokio::time::sleep(DRAIN_LOOK).await;
        }
    };
    if tokio::time::timeout(grace, drained).await.is_err() {
        tracing::warn!("connections were still busy when the time for stopping was over");
    }
    let closing = {
        let broker = Arc::clone(broker);
        broker.blocking.clone().run(move || {
            background.stop();
            let now_ms = broker.clock.now_ms();
            broker.replicas.dirs().shutdown(&broker.replicas.high_watermarks(), now_ms)
        })
    };
    match closing.await {
        Ok(Ok(())) => registration::note_incarnation(broker, true),
        Ok(Err(error)) => {
            tracing::error!(%error, "the logs could not be closed cleanly; the next start will recover them");
        }
        Err(error) => tracing::error!(%error, "closing the logs failed"),
    }
    broker.metadata.shutdown().await;
    tracing::info!("stopped");
}
