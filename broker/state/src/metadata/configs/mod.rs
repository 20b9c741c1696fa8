//! Kafka's topic and broker configurations: one table each, with names, types, defaults, rules and descriptions.
//!
//! Whatever speaks of configurations derives from these tables: validation, DescribeConfigs, the effective value of a
//! topic's setting. Names, defaults and meaning are Kafka's; where this broker takes no notice of a setting that
//! files for Kafka commonly have, its description says so.

mod broker;
mod define;
mod effective;
mod topic;
mod validate;

pub use broker::BROKER;
pub use define::{Check, ConfigDef, Kind, Scope, Synonym};
pub use effective::{BrokerConfig, BrokerDefaults, Source, TopicConfig, Value};
pub use topic::TOPIC;
pub(crate) use validate::unknown as unknown_config;
pub use validate::{ConfigError, validate_topic, validate_value};

/// The definition of a topic configuration.
pub fn topic_config(name: &str) -> Option<&'static ConfigDef> {
    find(TOPIC, name)
}

/// The definition of a broker configuration.
pub fn broker_config(name: &str) -> Option<&'static ConfigDef> {
    find(BROKER, name)
}

fn find(table: &'static [ConfigDef], name: &str) -> Option<&'static ConfigDef> {
    table.binary_search_by(|def| def.name.cmp(name)).ok().map(|at| &table[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_their_defaults_obey_their_own_rules() {
        for table in [TOPIC, BROKER] {
            assert!(
                table.windows(2).all(|pair| pair[0].name < pair[1].name),
                "a table is not sorted by name"
            );
            for def in table {
                assert!(!def.doc.is_empty(), "{} has no description", def.name);
                if let Some(default) = def.default {
                    validate_value(def, default).unwrap_or_else(|error| panic!("{error}"));
                }
            }
        }
    }

    #[test]
    fn every_synonym_is_a_broker_config_whose_default_is_the_topics() {
        for def in TOPIC {
            for synonym in def.synonyms {
                let broker =
                    broker_config(synonym.name).unwrap_or_else(|| panic!("{} is unknown", synonym.name));
                // Of several synonyms only the last (the coarsest) has a default in Kafka.
                if let Some(default) = broker.default
                    && synonym.scale == 1
                    && def.synonyms.len() == 1
                {
                    assert_eq!(Some(default), def.default, "{} and {}", def.name, synonym.name);
                }
            }
        }
    }
}
