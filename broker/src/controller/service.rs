//! What the controller does unasked, on whichever node leads the quorum: it fences brokers that are gone, elects leaders where a change
//! of configuration allows more, and hands leaderships back to the preferred replicas.
//!
//! Idempotent, and without state but for the sessions: it acts on the image and on the time, on a timer.

use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::Str;
use headrace_protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use headrace_state::metadata::record::ConfigRecord;
use headrace_state::metadata::{ConfigResource, Image, ResourceType, controller};

use super::{Lost, recovery};
use crate::broker::Broker;

/// How often sessions are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often leaderless partitions are looked at, in looks.
const ELECT_EVERY_LOOKS: u64 = 50;
const MIN_ISR: &str = "min.insync.replicas";
const MIN_ISR_FROM_FILE: &str = "headrace.min.insync.replicas.from.file";
/// IncrementalAlterConfigs' number of "set".
const SET: i8 = 0;
/// Leaderships that are handed back at once.
const REBALANCED_AT_ONCE_MAX: usize = 1_000;

/// Runs as long as the broker; does something only while this node leads a quorum of several brokers.
pub(crate) async fn run(broker: Arc<Broker>) {
    let mut leadership = broker.metadata.watch_leader();
    let mut stopping = broker.stopping();
    loop {
        let leads = leadership.borrow_and_update().leader == Some(broker.node_id());
        if leads {
            tokio::select! {
                ((), ()) = async { tokio::join!(lead(&broker), recovery::run(&broker)) } => {}
                changed = leadership.changed() => if changed.is_err() { return },
                () = stopping.stopped() => return,
            }
        } else {
            tokio::select! {
                changed = leadership.changed() => if changed.is_err() { return },
                () = stopping.stopped() => return,
            }
        }
    }
}

/// One term of leadership; ends only by being dropped.
async fn lead(broker: &Arc<Broker>) {
    let ids: Vec<i32> = broker.image().brokers().map(|known| known.id).collect();
    broker.sessions.restart(ids.into_iter(), broker.clock.monotonic_ms());
    tracing::info!(node = broker.node_id(), "this node is the controller now");
    let mut images = broker.metadata.watch();
    let rebalance_ms = broker.config.leader_imbalance_check_interval_seconds.unsigned_abs() * 1_000;
    let mut rebalanced_ms = broker.clock.monotonic_ms();
    let mut looks = 0_u64;
    loop {
        if broker.image().brokers().count() <= 1 {
            // Nobody to watch: no timer either.
            if images.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            continue;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        agree_on_min_isr(broker).await;
        fence_the_lost(broker).await;
        looks += 1;
        if looks.is_multiple_of(ELECT_EVERY_LOOKS) {
            elect(broker).await;
        }
        let now_ms = broker.clock.monotonic_ms();
        if broker.config.auto_leader_rebalance_enable && now_ms.saturating_sub(rebalanced_ms) >= rebalance_ms
        {
            rebalanced_ms = now_ms;
            rebalance(broker).await;
        }
    }
}

/// Makes `min.insync.replicas` of this node's file the cluster's, unless somebody has set another by AlterConfigs. Which replicas are
/// eligible to lead is decided here, and when records are acknowledged by each leader: both must go by the same number, whatever stands in
/// their files at the moment (KIP-966). What was taken from a file is remembered beside it, so that a new file is noticed.
async fn agree_on_min_isr(broker: &Arc<Broker>) {
    let wanted = broker.config.min_insync_replicas.to_string();
    let value = |image: &Image, name: &str| {
        let overrides = image.config_overrides(&ConfigResource::all_brokers());
        overrides.and_then(|values| values.get(name)).map(ToString::to_string)
    };
    let is_due = move |image: &Image, wanted: &str| {
        let (set, from_file) = (value(image, MIN_ISR), value(image, MIN_ISR_FROM_FILE));
        set.is_none() || (set == from_file && set.as_deref() != Some(wanted))
    };
    if !is_due(&broker.image(), &wanted) {
        return;
    }
    let context = broker.controller_context(0);
    let agreed = broker
        .metadata
        .run(move |image| {
            if !is_due(image, &wanted) {
                return (Vec::new(), ());
            }
            let wanted = Some(Str::from(&wanted));
            let set = AlterableConfig {
                name: Str::from_static(MIN_ISR),
                config_operation: SET,
                value: wanted.clone(),
            };
            let resource_type = ResourceType::Broker.wire();
            let resource =
                AlterConfigsResource { resource_type, resource_name: Str::default(), configs: vec![set] };
            let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
            let (mut records, _) = controller::incremental_alter_configs(image, &request, &context);
            let name = Str::from_static(MIN_ISR_FROM_FILE);
            let remembered =
                ConfigRecord { resource_type, resource_name: Str::default(), name, value: wanted };
            records.push(remembered.into());
            (records, ())
        })
        .await;
    if let Err(error) = agreed {
        tracing::warn!(%error, "the cluster's min.insync.replicas could not be written down");
    }
}

async fn fence_the_lost(broker: &Arc<Broker>) {
    let session_ms = u64::from(broker.config.broker_session_timeout_ms.unsigned_abs());
    let now_ms = broker.clock.monotonic_ms();
    let image = broker.image();
    for known in image.brokers().filter(|known| !known.fenced && known.id != broker.node_id()) {
        let Some(why) = broker.sessions.lost(known.id, now_ms, session_ms) else { continue };
        let (id, epoch, defaults) = (known.id, known.epoch, Arc::clone(&broker.defaults));
        let fenced =
            broker.metadata.run(move |image| controller::set_fenced(image, &defaults, id, epoch, true)).await;
        let why = match why {
            Lost::Silent => "no heartbeat for a whole session",
            Lost::Refuses => "nothing listens on its port",
        };
        match fenced {
            Ok(Ok(())) => tracing::warn!(broker = id, why, "fenced: others lead its partitions now"),
            Ok(Err(code)) => tracing::debug!(broker = id, error = %code, "not fenced"),
            Err(error) => tracing::warn!(broker = id, %error, "could not be fenced; tried again"),
        }
    }
}

async fn elect(broker: &Arc<Broker>) {
    let image = broker.image();
    let leaderless = image.topics().any(|topic| topic.partitions.iter().any(|p| p.leader < 0));
    if !leaderless {
        return;
    }
    let defaults = Arc::clone(&broker.defaults);
    let elected = broker
        .metadata
        .run(move |image| (controller::elect_unclean_where_allowed(image, &defaults), ()))
        .await;
    if let Err(error) = elected {
        tracing::warn!(%error, "no unclean election could be held");
    }
}

async fn rebalance(broker: &Arc<Broker>) {
    let defaults = Arc::clone(&broker.defaults);
    let moved = broker
        .metadata
        .run(move |image| {
            let records = controller::elect_preferred(image, &defaults, REBALANCED_AT_ONCE_MAX);
            let count = records.len();
            (records, count)
        })
        .await;
    match moved {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "leaderships went back to the preferred replicas"),
        Err(error) => tracing::warn!(%error, "leaderships could not be handed back"),
    }
}
