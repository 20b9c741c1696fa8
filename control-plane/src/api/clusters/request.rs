//! Reads what is asked of a cluster, and says what is wrong with each field.

use std::collections::BTreeMap;

use super::{pods, size};
use crate::api::fields::Fields;
use crate::domain::cluster::{Engine, Spec, Update, UpdateEngine};
use crate::domain::pods::choose_ports;
use crate::domain::problem::{FieldError, Problem};
use crate::domain::{engine, name};
use crate::provision::Room;

/// More brokers than this are a slip of the finger, whatever the engine can do.
const BROKERS_MAX: i64 = 1_000;
/// Longest key of a configuration or a label, in characters.
const KEY_CHARS_MAX: usize = 128;
/// What the service decides for each broker, so that a user cannot.
const RESERVED_KEYS: &[&str] = &[
    "node.id",
    "broker.id",
    "cluster.id",
    "process.roles",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "inter.broker.listener.name",
    "controller.listener.names",
    "controller.quorum.voters",
    "controller.quorum.bootstrap.servers",
    "log.dir",
    "log.dirs",
    "metadata.log.dir",
    "headrace.admin.listener",
];

/// A cluster that is asked for.
pub(super) struct New {
    pub(super) name: String,
    pub(super) project: Option<String>,
    pub(super) spec: Spec,
}

/// Reads the body of a create.
pub(super) fn read_create(mut fields: Fields, room: &Room) -> Result<New, Problem> {
    fields.require("name");
    let name = fields.text("name", name::is_resource_name, name::RESOURCE_NAME_RULE);
    let project = fields.text("project", |_| true, "");
    let brokers = read_count(&mut fields, "brokers");
    let replication_factor = read_count(&mut fields, "replication_factor");
    let min_insync_replicas = read_count(&mut fields, "min_insync_replicas");
    let engine = read_engine(&mut fields, room);
    let deletion_protection = fields.boolean("deletion_protection").unwrap_or(false);
    let config = read_config(&mut fields).unwrap_or_default();
    let labels = read_labels(&mut fields).unwrap_or_default();
    let kubernetes = pods::read_pods(&mut fields, room);
    let mut listeners = pods::read_listeners(&mut fields, room).unwrap_or_default();
    choose_ports(&mut listeners, &[]);
    let spec = Spec {
        brokers: brokers.unwrap_or(1),
        engine,
        replication_factor,
        min_insync_replicas,
        restarts: 0,
        deletion_protection,
        config,
        labels,
        kubernetes: room.pods.then(|| kubernetes.unwrap_or_default()),
        listeners,
        version_before: None,
        replacements: BTreeMap::new(),
    };
    let update = Update { brokers, replication_factor, min_insync_replicas, ..Update::default() };
    for error in size::check(&spec, &update, room) {
        fields.error(&error.field, &error.code, error.message);
    }
    fields.finish()?;
    Ok(New { name: name.unwrap_or_default(), project, spec })
}

/// Reads the body of an update.
pub(super) fn read_update(mut fields: Fields, room: &Room) -> Result<Update, Problem> {
    let update = Update {
        brokers: read_count(&mut fields, "brokers"),
        replication_factor: read_count(&mut fields, "replication_factor"),
        min_insync_replicas: read_count(&mut fields, "min_insync_replicas"),
        config: read_config(&mut fields),
        labels: read_labels(&mut fields),
        deletion_protection: fields.boolean("deletion_protection"),
        engine: read_new_version(&mut fields, room),
        kubernetes: pods::read_pods(&mut fields, room),
        listeners: pods::read_listeners(&mut fields, room),
    };
    fields.finish()?;
    Ok(update)
}

fn read_count(fields: &mut Fields, name: &str) -> Option<u32> {
    fields.integer(name, 1..=BROKERS_MAX).and_then(|count| u32::try_from(count).ok())
}

/// Changes what an update names, unless that cannot be. `volume` is the size of the cluster's largest volume.
pub(super) fn apply(
    spec: &mut Spec,
    update: &Update,
    room: &Room,
    volume: Option<&str>,
) -> Result<(), Problem> {
    let mut errors: Vec<FieldError> = size::scales_in(spec, update).into_iter().collect();
    if let (Some(now), Some(asked)) = (&spec.kubernetes, &update.kubernetes) {
        errors.extend(pods::check_change(now, asked, volume));
    }
    spec.brokers = update.brokers.unwrap_or(spec.brokers);
    spec.replication_factor = update.replication_factor.or(spec.replication_factor);
    spec.min_insync_replicas = update.min_insync_replicas.or(spec.min_insync_replicas);
    spec.deletion_protection = update.deletion_protection.unwrap_or(spec.deletion_protection);
    if let Some(config) = &update.config {
        spec.config.clone_from(config);
    }
    if let Some(labels) = &update.labels {
        spec.labels.clone_from(labels);
    }
    if let Some(UpdateEngine { version }) = &update.engine
        && *version != spec.engine.version
    {
        // What brokers have been all of: not the version of an upgrade that has not come to its end.
        let before = spec.version_before.take().unwrap_or_else(|| spec.engine.version.clone());
        let known = engine::find(&spec.engine.kind).map(|engine| engine.versions_with(&room.versions));
        if !known.is_some_and(|known| known.contains(&before)) {
            let message = format!(
                "the cluster could not go back to {before}, of which the service has no image: give it one first (clusters.versionImages of the chart)"
            );
            errors.push(FieldError::new("engine.version", "no_way_back", message));
        }
        spec.engine.version.clone_from(version);
        spec.version_before = Some(before).filter(|before| before != version);
    }
    if let Some(kubernetes) = &update.kubernetes {
        spec.kubernetes = Some(kubernetes.clone());
    }
    if let Some(listeners) = &update.listeners {
        let before = std::mem::replace(&mut spec.listeners, listeners.clone());
        choose_ports(&mut spec.listeners, &before);
    }
    errors.extend(size::check(spec, update, room));
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

fn read_engine(fields: &mut Fields, room: &Room) -> Engine {
    let mut chosen = &engine::ALL[0];
    let mut version = None;
    if let Some(mut inner) = fields.object("engine") {
        let kinds: Vec<&str> = engine::ALL.iter().map(|engine| engine.kind).collect();
        let rule = format!("must be one of: {}", kinds.join(", "));
        if let Some(kind) = inner.text("kind", |kind| engine::find(kind).is_some(), &rule) {
            chosen = engine::find(&kind).unwrap_or(chosen);
        }
        version = read_version(&mut inner, chosen, room);
        fields.close_object(inner);
    }
    let version = version.unwrap_or_else(|| chosen.versions[0].to_owned());
    Engine { kind: chosen.kind.to_owned(), version }
}

fn read_version(inner: &mut Fields, engine: &engine::Engine, room: &Room) -> Option<String> {
    let versions = engine.versions_with(&room.versions);
    let rule = format!("must be one of: {}", versions.join(", "));
    inner.text("version", |version| versions.iter().any(|known| known == version), &rule)
}

/// The version that a cluster is to have from now on. Its engine stays.
fn read_new_version(fields: &mut Fields, room: &Room) -> Option<UpdateEngine> {
    let mut inner = fields.object("engine")?;
    let version = read_version(&mut inner, &engine::ALL[0], room);
    fields.close_object(inner);
    Some(UpdateEngine { version: version? })
}

fn read_config(fields: &mut Fields) -> Option<BTreeMap<String, String>> {
    fields.text_map("config", |key| check_config_key(key, true))
}

fn read_labels(fields: &mut Fields) -> Option<BTreeMap<String, String>> {
    fields.text_map("labels", |key| {
        let fine = (1..=KEY_CHARS_MAX).contains(&key.chars().count()) && !key.chars().any(char::is_control);
        if fine { Ok(()) } else { Err(format!("a label's key has 1 to {KEY_CHARS_MAX} characters")) }
    })
}

/// Whether this can be a key of Kafka's configuration; a broker's may not be one that the service decides.
pub(in crate::api) fn check_config_key(key: &str, of_broker: bool) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(plain) {
        return Err("is not a name of Kafka's configuration".to_owned());
    }
    if of_broker && RESERVED_KEYS.contains(&key) {
        return Err("is decided by the service and cannot be set".to_owned());
    }
    Ok(())
}
