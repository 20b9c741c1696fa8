//! What a setting's value is in the end, and where it comes from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use headrace_protocol::Str;

use super::define::ConfigDef;
use super::validate::{ConfigError, split_list, validate_value};
use super::{broker_config, topic_config};
use crate::metadata::image::{ConfigOverrides, ConfigResource, Image};
use crate::metadata::model::BrokerId;

/// Where a value comes from, with Kafka's numbers in DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Topic,
    /// Set for this broker while it ran.
    DynamicBroker,
    /// Set for all brokers while they ran.
    DynamicDefault,
    /// From the broker's file.
    StaticBroker,
    Default,
}

impl Source {
    pub fn wire(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefault => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
        }
    }
}

/// What a broker's file (environment, flags) says, by Kafka's names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BrokerDefaults {
    node_id: BrokerId,
    values: BTreeMap<Str, Str>,
}

impl BrokerDefaults {
    /// Checks what has a definition; other names (those of this product's own) are kept as they are.
    pub fn new(node_id: BrokerId, values: impl IntoIterator<Item = (Str, Str)>) -> Result<Self, ConfigError> {
        let values: BTreeMap<Str, Str> = values.into_iter().collect();
        for (name, value) in &values {
            if let Some(def) = broker_config(name) {
                validate_value(def, value)?;
            }
        }
        Ok(Self { node_id, values })
    }

    pub fn node_id(&self) -> BrokerId {
        self.node_id
    }

    pub fn get(&self, name: &str) -> Option<&Str> {
        self.values.get(name)
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Value<'a> {
    /// The name it was set under: the topic's own or a synonym.
    pub name: &'static str,
    pub value: Option<Cow<'a, str>>,
    pub source: Source,
}

/// A broker's settings.
#[derive(Clone, Copy, Debug)]
pub struct BrokerConfig<'a> {
    own: Option<&'a ConfigOverrides>,
    all: Option<&'a ConfigOverrides>,
    file: &'a BrokerDefaults,
}

/// A topic's settings on a broker.
#[derive(Clone, Copy, Debug)]
pub struct TopicConfig<'a> {
    topic: Option<&'a ConfigOverrides>,
    broker: BrokerConfig<'a>,
}

impl Image {
    /// The settings of the broker whose file is `file`.
    pub fn broker_config<'a>(&'a self, file: &'a BrokerDefaults) -> BrokerConfig<'a> {
        BrokerConfig {
            own: self.config_overrides(&ConfigResource::broker(file.node_id)),
            all: self.config_overrides(&ConfigResource::all_brokers()),
            file,
        }
    }

    /// The settings of a topic, existing or not.
    pub fn topic_config<'a>(&'a self, topic: &str, file: &'a BrokerDefaults) -> TopicConfig<'a> {
        TopicConfig {
            topic: self.config_overrides(&ConfigResource::topic(topic)),
            broker: self.broker_config(file),
        }
    }
}

fn set<'a>(values: Option<&'a ConfigOverrides>, name: &str) -> Option<&'a str> {
    values.and_then(|values| values.get(name)).map(Str::as_str)
}

/// A synonym's value in the topic's unit.
fn scaled(value: &str, scale: i64) -> Cow<'_, str> {
    match value.trim().parse::<i64>() {
        // A negative value means "without limit" in every unit.
        Ok(number) if scale != 1 && number >= 0 => number.saturating_mul(scale).to_string().into(),
        _ => value.into(),
    }
}

impl<'a> BrokerConfig<'a> {
    /// All places where the setting has a value, the one that counts first.
    fn set_values(&self, name: &'static str) -> impl Iterator<Item = (&'a str, Source)> + use<'a> {
        let file = self.file.get(name).map(Str::as_str);
        [
            (set(self.own, name), Source::DynamicBroker),
            (set(self.all, name), Source::DynamicDefault),
            (file, Source::StaticBroker),
        ]
        .into_iter()
        .filter_map(|(value, source)| value.map(|value| (value, source)))
    }

    /// All values, the one that counts first, the default last.
    pub fn values(&self, def: &'static ConfigDef) -> Vec<Value<'a>> {
        let named =
            |(value, source): (&'a str, _)| Value { name: def.name, value: Some(value.into()), source };
        let default = Value { name: def.name, value: def.default.map(Cow::from), source: Source::Default };
        let is_set = def.default.is_some();
        self.set_values(def.name).map(named).chain(is_set.then_some(default)).collect()
    }

    /// The value that counts, or `None` if the setting is unknown or unset.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let def = broker_config(name)?;
        self.set_values(def.name).next().map(|(value, _)| value.into()).or(def.default.map(Cow::from))
    }

    pub fn i32(&self, name: &str) -> i32 {
        parse(name, self.get(name))
    }

    pub fn i64(&self, name: &str) -> i64 {
        parse(name, self.get(name))
    }

    pub fn bool(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}

impl<'a> TopicConfig<'a> {
    /// All values, the one that counts first, the default last.
    pub fn values(&self, def: &'static ConfigDef) -> Vec<Value<'a>> {
        let own = set(self.topic, def.name).map(|value| Value {
            name: def.name,
            value: Some(value.into()),
            source: Source::Topic,
        });
        let brokers = def.synonyms.iter().flat_map(|synonym| {
            self.broker.set_values(synonym.name).map(|(value, source)| {
                let value = Some(scaled(value, synonym.scale));
                Value { name: synonym.name, value, source }
            })
        });
        let default_name = def.synonyms.first().map_or(def.name, |synonym| synonym.name);
        let default =
            Value { name: default_name, value: def.default.map(Cow::from), source: Source::Default };
        own.into_iter().chain(brokers).chain([default]).collect()
    }

    /// The value that counts, or `None` if there is no such setting.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let def = topic_config(name)?;
        if let Some(value) = set(self.topic, name) {
            return Some(value.into());
        }
        let of_synonym = def.synonyms.iter().find_map(|synonym| {
            self.broker.set_values(synonym.name).next().map(|(value, _)| scaled(value, synonym.scale))
        });
        of_synonym.or(def.default.map(Cow::from))
    }

    pub fn i64(&self, name: &str) -> i64 {
        parse(name, self.get(name))
    }

    pub fn i32(&self, name: &str) -> i32 {
        parse(name, self.get(name))
    }

    pub fn f64(&self, name: &str) -> f64 {
        parse(name, self.get(name))
    }

    pub fn bool(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name).map(|value| split_list(&value).map(str::to_owned).collect()).unwrap_or_default()
    }
}

/// Values were checked when they were set, so this falls back only if a name is misspelt in the code.
fn parse<T: std::str::FromStr + Default>(name: &str, value: Option<Cow<'_, str>>) -> T {
    debug_assert!(value.is_some(), "{name} is in no table");
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::record::{ConfigRecord, MetadataRecord};

    fn config(resource_type: i8, resource: &str, name: &str, value: &str) -> MetadataRecord {
        let value = Some(value.into());
        ConfigRecord { resource_type, resource_name: resource.into(), name: name.into(), value }.into()
    }

    #[test]
    fn the_nearest_value_counts_and_the_chain_names_them_all() {
        let file = [("log.retention.hours", "1"), ("log.retention.minutes", "5")];
        let file = BrokerDefaults::new(3, file.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let image = Image::empty();
        assert_eq!(image.topic_config("t", &file).i64("retention.ms"), 300_000);
        let image = image.apply(&[config(4, "", "log.retention.ms", "20")], 1).unwrap();
        assert_eq!(image.topic_config("t", &file).i64("retention.ms"), 20);
        let image =
            image.apply(&[config(4, "3", "log.retention.ms", "30"), config(2, "t", "retention.ms", "40")], 2);
        let image = image.unwrap();
        let settings = image.topic_config("t", &file);
        assert_eq!(settings.i64("retention.ms"), 40);
        let chain: Vec<_> = settings
            .values(topic_config("retention.ms").unwrap())
            .into_iter()
            .map(|v| (v.name, v.value.unwrap().into_owned(), v.source))
            .collect();
        let expected = [
            ("retention.ms", "40", Source::Topic),
            ("log.retention.ms", "30", Source::DynamicBroker),
            ("log.retention.ms", "20", Source::DynamicDefault),
            ("log.retention.minutes", "300000", Source::StaticBroker),
            ("log.retention.hours", "3600000", Source::StaticBroker),
            ("log.retention.ms", "604800000", Source::Default),
        ];
        assert_eq!(chain, expected.map(|(name, value, source)| (name, value.to_owned(), source)));
        assert_eq!(image.topic_config("other", &file).i64("retention.ms"), 30);
        assert_eq!(settings.list("cleanup.policy"), ["delete"]);
        assert!(!settings.bool("preallocate"));
        assert!((settings.f64("min.cleanable.dirty.ratio") - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn a_bad_value_in_the_file_is_refused() {
        let error = BrokerDefaults::new(1, [("num.partitions".into(), "0".into())]).unwrap_err();
        assert!(error.to_string().contains("num.partitions") && error.to_string().contains("at least 1"));
    }
}
