//! BrokerRegistration (62), versions 0–4, to the controller: a broker's process makes itself known, under a fresh incarnation id. It stays
//! fenced until it has caught up with the metadata and says so by its heartbeats. Version 2 brings its log directories (KIP-858), 3 the
//! epoch it had before (KIP-966).

use std::sync::Arc;
use std::time::Duration;

use headrace_metadata::Memory;
use headrace_protocol::ErrorCode;
use headrace_protocol::messages::broker_registration::{
    BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use headrace_state::metadata::Endpoint;
use headrace_state::metadata::controller::{self, RegisterBroker};

use crate::broker::Broker;
use crate::handlers::Context;

/// How long it may take to make the broker a member of the metadata quorum.
const JOIN_TIMEOUT: Duration = Duration::from_secs(4);
/// How long it may take to say whether it has its metadata.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long it may take to let it go.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(4);

pub(crate) async fn handle(cx: &Context, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse {
    match register(cx, request).await {
        Ok(broker_epoch) => BrokerRegistrationResponse { broker_epoch, ..Default::default() },
        Err(error_code) => BrokerRegistrationResponse { error_code, ..Default::default() },
    }
}

async fn register(cx: &Context, request: BrokerRegistrationRequest) -> Result<i64, ErrorCode> {
    let broker = &cx.broker;
    if request.cluster_id != broker.cluster_id() {
        tracing::warn!(
            broker = request.broker_id, theirs = %request.cluster_id, ours = %broker.cluster_id(),
            "a broker of another cluster tried to register; check its cluster.id and controller.quorum.voters"
        );
        return Err(ErrorCode::INCONSISTENT_CLUSTER_ID);
    }
    let id = request.broker_id;
    let mut register = RegisterBroker {
        id,
        incarnation: request.incarnation_id,
        endpoints: request
            .listeners
            .iter()
            .map(|listener| Endpoint {
                listener: listener.name.detached(),
                host: listener.host.detached(),
                port: listener.port,
                security_protocol: listener.security_protocol,
            })
            .collect(),
        rack: request.rack,
        log_dirs: request.log_dirs,
        fenced: true,
        previous_alive: false,
        previous_epoch: request.previous_broker_epoch,
    };
    register.previous_alive = former_lives_elsewhere(broker, &register);
    let address = broker.inter_broker_endpoint(&register.endpoints);
    if !register.previous_alive
        && let Some(address) = &address
        && has_lost_its_metadata(broker, &register, address).await?
    {
        leave_quorum(broker, id).await?;
    }
    let defaults = Arc::clone(&broker.defaults);
    let outcome = broker
        .metadata
        .run(move |image| controller::register_broker(image, &defaults, &register))
        .await
        .map_err(|error| error.error_code())?;
    let epoch = outcome?;
    if let Some(address) = address
        && let Err(error) = broker.metadata.ensure_learner(id, &address, JOIN_TIMEOUT).await
    {
        tracing::warn!(broker = id, %error, "a broker could not be made a member of the metadata quorum");
        return Err(error.error_code());
    }
    broker.sessions.touch(id, broker.clock.monotonic_ms());
    Ok(epoch)
}

/// Only the broker itself knows: a lost log directory need not be the one that had its metadata. A voter that is named in
/// `controller.quorum.voters` begins a log when it finds none, at the cluster's first start as after a loss; what it had then is gone if
/// all its directories are.
async fn has_lost_its_metadata(
    broker: &Broker,
    register: &RegisterBroker,
    address: &str,
) -> Result<bool, ErrorCode> {
    let id = register.id;
    match broker.metadata.memory(id, address, ASK_TIMEOUT).await {
        Ok(Memory::Everything) => Ok(false),
        Ok(Memory::SinceStart) => {
            let image = broker.image();
            let known = image.broker(id).map_or(&[][..], |known| &known.log_dirs);
            Ok(!known.is_empty() && !known.iter().any(|dir| register.log_dirs.contains(dir)))
        }
        Ok(Memory::Nothing) => Ok(true),
        Err(error) => {
            tracing::warn!(broker = id, address, %error, "whether a broker that registers has its metadata could not be asked; it has to try again");
            Err(error.error_code())
        }
    }
}

/// What a member of the metadata quorum had is neither there any more nor to be counted on. It leaves, so that the leader forgets what
/// it acknowledged, and is let in again as an observer that is sent everything. Whoever looks after the cluster then makes a former
/// voter one again (AddRaftVoter).
async fn leave_quorum(broker: &Broker, id: i32) -> Result<(), ErrorCode> {
    if broker.metadata.status().voters.contains(&id) {
        tracing::warn!(
            broker = id,
            "a voter of the metadata quorum has lost its disk: it is an observer from now on"
        );
    }
    broker.metadata.remove_node(id, LEAVE_TIMEOUT).await.map_err(|error| {
        tracing::warn!(broker = id, %error, "a broker that lost its disk could not be taken out of the metadata quorum");
        error.error_code()
    })
}

/// Whether another process lives under this id, at another address: then two have the same `node.id` by mistake. At the same address the
/// former one must be gone, for only one can listen there, and so must the controller's own; one that was asked to go may be followed at
/// once.
fn former_lives_elsewhere(broker: &Broker, register: &RegisterBroker) -> bool {
    let image = broker.image();
    let Some(known) = image.broker(register.id) else { return false };
    let session_ms = u64::from(broker.config.broker_session_timeout_ms.unsigned_abs());
    register.id != broker.node_id()
        && known.incarnation != register.incarnation
        && !known.shutting_down
        && known.endpoints != register.endpoints
        && broker.sessions.is_alive(register.id, broker.clock.monotonic_ms(), session_ms)
}
