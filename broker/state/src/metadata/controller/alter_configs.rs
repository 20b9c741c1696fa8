//! IncrementalAlterConfigs, and AlterConfigs, which replaces all values of a resource at once.

use std::collections::BTreeMap;

use headrace_protocol::messages::{alter_configs as whole, incremental_alter_configs as incremental};
use headrace_protocol::{ErrorCode, Str};

use super::partition_change::Change;
use super::{Context, Outcome, Refusal, refuse, repeated};
use crate::metadata::configs::{
    BROKER, ConfigDef, ConfigError, Kind, Scope, TOPIC, broker_config, topic_config, unknown_config,
    validate_topic, validate_value,
};
use crate::metadata::image::{ConfigResource, Image, ResourceType};
use crate::metadata::model::BrokerId;
use crate::metadata::record::{ConfigRecord, MetadataRecord};

/// Kafka's numbers of the operations.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

const MIN_ISR: &str = "min.insync.replicas";

/// A resource's values, as they are or as they are to be.
type Values = BTreeMap<Str, Str>;

/// Changes single values of topics and brokers. A resource changes as a whole or not at all.
pub fn incremental_alter_configs(
    image: &Image,
    request: &incremental::IncrementalAlterConfigsRequest,
    cx: &Context,
) -> Outcome<incremental::IncrementalAlterConfigsResponse> {
    let twice = repeated(request.resources.iter().map(|r| (r.resource_type, &r.resource_name)));
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    for wanted in &request.resources {
        let key = (wanted.resource_type, &wanted.resource_name);
        let changed = one_of_each(&twice, &key, wanted.configs.iter().map(|config| &config.name))
            .and_then(|()| Target::find(image, wanted.resource_type, &wanted.resource_name))
            .and_then(|target| {
                let mut values = target.values(image);
                for config in &wanted.configs {
                    target.change(image, cx, config, &mut values)?;
                }
                target.records(image, &values)
            });
        let (error_code, error_message) = answer(changed, &mut records);
        let (resource_type, resource_name) = (wanted.resource_type, wanted.resource_name.clone());
        responses.push(incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        });
    }
    if request.validate_only {
        records.clear();
    }
    follow_min_isr(image, cx, &mut records);
    (records, incremental::IncrementalAlterConfigsResponse { throttle_time_ms: 0, responses })
}

/// Replaces all values of topics and brokers: what the request does not name is removed.
pub fn alter_configs(
    image: &Image,
    request: &whole::AlterConfigsRequest,
    cx: &Context,
) -> Outcome<whole::AlterConfigsResponse> {
    let twice = repeated(request.resources.iter().map(|r| (r.resource_type, &r.resource_name)));
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    for wanted in &request.resources {
        let key = (wanted.resource_type, &wanted.resource_name);
        let changed = one_of_each(&twice, &key, wanted.configs.iter().map(|config| &config.name))
            .and_then(|()| Target::find(image, wanted.resource_type, &wanted.resource_name))
            .and_then(|target| {
                let mut values = Values::new();
                for config in &wanted.configs {
                    let Some(value) = &config.value else { return null_value(&config.name) };
                    target.define(&config.name)?;
                    values.insert(config.name.clone(), value.clone());
                }
                target.records(image, &values)
            });
        let (error_code, error_message) = answer(changed, &mut records);
        let (resource_type, resource_name) = (wanted.resource_type, wanted.resource_name.clone());
        responses.push(whole::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        });
    }
    if request.validate_only {
        records.clear();
    }
    follow_min_isr(image, cx, &mut records);
    (records, whole::AlterConfigsResponse { throttle_time_ms: 0, responses })
}

/// Who is eligible to lead hangs on `min.insync.replicas`: with a lower one, the in-sync replicas alone may suffice to acknowledge from now
/// on, and those that are not among them have everything no longer (KIP-966).
fn follow_min_isr(image: &Image, cx: &Context, records: &mut Vec<MetadataRecord>) {
    let names_it = |record: &MetadataRecord| matches!(record, MetadataRecord::Config(config) if config.name.as_str() == MIN_ISR);
    if !records.iter().any(names_it) {
        return;
    }
    // Records of this function's own making fit the image that they were made from.
    let Ok(after) = image.apply(records, image.offset()) else { return };
    for topic in after.topics() {
        let with_eligible = topic.partitions.iter().filter(|partition| !partition.elr.is_empty());
        let changes =
            with_eligible.filter_map(|partition| Change::of(&after, &cx.defaults, topic, partition).record());
        records.extend(changes.map(MetadataRecord::from));
    }
}

fn answer(
    changed: Result<Vec<MetadataRecord>, Refusal>,
    records: &mut Vec<MetadataRecord>,
) -> (ErrorCode, Option<Str>) {
    match changed {
        Ok(new) => {
            records.extend(new);
            (ErrorCode::NONE, None)
        }
        Err(refusal) => (refusal.code, Some(refusal.message)),
    }
}

fn one_of_each<'a, K: Ord>(
    twice: &std::collections::BTreeSet<K>,
    key: &K,
    names: impl Iterator<Item = &'a Str>,
) -> Result<(), Refusal> {
    if twice.contains(key) {
        return refuse(ErrorCode::INVALID_REQUEST, "Each resource must appear at most once.");
    }
    match repeated(names).first() {
        Some(name) => {
            refuse(ErrorCode::INVALID_REQUEST, format!("Error due to duplicate config keys: {name}"))
        }
        None => Ok(()),
    }
}

fn null_value<T>(name: &str) -> Result<T, Refusal> {
    refuse(ErrorCode::INVALID_REQUEST, format!("Null value not supported for: {name}"))
}

fn invalid(error: &ConfigError) -> Refusal {
    Refusal { code: ErrorCode::INVALID_CONFIG, message: error.to_string().into() }
}

/// The resource of a request, which exists.
struct Target {
    resource: ConfigResource,
}

impl Target {
    fn find(image: &Image, number: i8, name: &Str) -> Result<Self, Refusal> {
        let resource = |kind| Ok(Self { resource: ConfigResource { kind, name: name.clone() } });
        match ResourceType::from_wire(number) {
            Some(ResourceType::Topic) => match image.topic(name) {
                Some(_) => resource(ResourceType::Topic),
                None => refuse(
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    format!("The topic '{name}' does not exist."),
                ),
            },
            Some(ResourceType::Broker) if name.is_empty() => resource(ResourceType::Broker),
            Some(ResourceType::Broker) => match name.parse::<BrokerId>() {
                Ok(id) if image.broker(id).is_some() && *name == id.to_string() => {
                    resource(ResourceType::Broker)
                }
                Ok(id) => {
                    refuse(ErrorCode::BROKER_ID_NOT_REGISTERED, format!("No broker with id {id} found."))
                }
                Err(_) => refuse(
                    ErrorCode::INVALID_REQUEST,
                    format!("A broker's name is its id, or empty for all brokers; '{name}' is neither."),
                ),
            },
            _ => refuse(
                ErrorCode::INVALID_REQUEST,
                format!("Resource type {number} cannot be altered: topics (2) and brokers (4) can."),
            ),
        }
    }

    fn is_topic(&self) -> bool {
        self.resource.kind == ResourceType::Topic
    }

    fn values(&self, image: &Image) -> Values {
        image.config_overrides(&self.resource).map(|values| values.as_ref().clone()).unwrap_or_default()
    }

    /// The definition, if the setting may be changed here.
    fn define(&self, name: &str) -> Result<&'static ConfigDef, Refusal> {
        if self.is_topic() {
            return topic_config(name).ok_or_else(|| invalid(&unknown_config("topic", TOPIC, name)));
        }
        let Some(def) = broker_config(name) else {
            return Err(invalid(&unknown_config("broker", BROKER, name)));
        };
        let one_broker = !self.resource.name.is_empty();
        match def.scope {
            Scope::ReadOnly => refuse(
                ErrorCode::INVALID_REQUEST,
                format!("Cannot update {name} dynamically: it is read when a broker starts, from its file."),
            ),
            Scope::PerBroker if !one_broker => refuse(
                ErrorCode::INVALID_REQUEST,
                format!("Cannot set {name} for all brokers: it must be set for each broker on its own."),
            ),
            _ => Ok(def),
        }
    }

    fn change(
        &self,
        image: &Image,
        cx: &Context,
        config: &incremental::AlterableConfig,
        values: &mut Values,
    ) -> Result<(), Refusal> {
        let def = match config.config_operation {
            // What an older version set must be removable though it is no longer known.
            DELETE => {
                values.remove(&config.name);
                return Ok(());
            }
            SET | APPEND | SUBTRACT => self.define(&config.name)?,
            other => return refuse(ErrorCode::INVALID_REQUEST, format!("Unknown operation {other}.")),
        };
        let Some(value) = &config.value else { return null_value(&config.name) };
        if config.config_operation == SET {
            values.insert(config.name.clone(), value.clone());
            return Ok(());
        }
        if def.kind != Kind::List {
            let what = if config.config_operation == APPEND { "APPEND to" } else { "SUBTRACT from" };
            let text = format!("Can't {what} key {} because its type is not LIST.", def.name);
            return refuse(ErrorCode::INVALID_CONFIG, text);
        }
        let now =
            values.get(&config.name).map_or_else(|| self.inherited(image, cx, def), ToString::to_string);
        let changed = edit_list(&now, value, config.config_operation == APPEND);
        values.insert(config.name.clone(), changed.into());
        Ok(())
    }

    /// What counts while nothing is set here.
    fn inherited(&self, image: &Image, cx: &Context, def: &'static ConfigDef) -> String {
        let value = if self.is_topic() {
            image.topic_config(&self.resource.name, &cx.defaults).get(def.name)
        } else {
            image.broker_config(&cx.defaults).get(def.name)
        };
        value.map(std::borrow::Cow::into_owned).unwrap_or_default()
    }

    /// The records that lead from the values as they are to `values`, if those are valid.
    fn records(&self, image: &Image, values: &Values) -> Result<Vec<MetadataRecord>, Refusal> {
        let now = self.values(image);
        let changed: Vec<(&Str, Option<&Str>)> = values
            .iter()
            .filter(|(name, value)| now.get(*name) != Some(value))
            .map(|(name, value)| (name, Some(value)))
            .chain(now.keys().filter(|name| !values.contains_key(*name)).map(|name| (name, None)))
            .collect();
        if self.is_topic() {
            // Old values that are no longer known must not forbid a change of others.
            let known = values
                .iter()
                .filter(|(name, value)| topic_config(name).is_some() || now.get(*name) != Some(value));
            validate_topic(known.map(|(name, value)| (name.as_str(), value.as_str())))
                .map_err(|e| invalid(&e))?;
        } else {
            for (name, value) in changed.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
                validate_value(self.define(name)?, value).map_err(|e| invalid(&e))?;
            }
        }
        let record = |(name, value): (&Str, Option<&Str>)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: self.resource.kind.wire(),
                resource_name: self.resource.name.clone(),
                name: name.clone(),
                value: value.cloned(),
            })
        };
        Ok(changed.into_iter().map(record).collect())
    }
}

fn edit_list(now: &str, change: &str, append: bool) -> String {
    let split = |text: &str| {
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    };
    let (mut items, change): (Vec<String>, Vec<String>) = (split(now), split(change));
    if append {
        for item in change {
            if !items.contains(&item) {
                items.push(item);
            }
        }
    } else {
        items.retain(|item| !change.contains(item));
    }
    items.join(",")
}

#[cfg(test)]
#[path = "alter_configs_tests.rs"]
mod tests;
