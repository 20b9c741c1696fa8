//! DescribeConfigs: reads the image, changes nothing.

use headrace_protocol::messages::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use headrace_protocol::{ErrorCode, Str};

use super::{Refusal, refuse};
use crate::metadata::configs::{BROKER, BrokerDefaults, ConfigDef, Scope, Source, TOPIC, Value};
use crate::metadata::image::{Image, ResourceType};
use crate::metadata::model::BrokerId;

/// Describes topics and the broker whose file is `file`.
pub fn describe_configs(
    image: &Image,
    request: &DescribeConfigsRequest,
    file: &BrokerDefaults,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        let described = describe(image, resource, request, file);
        let (error_code, error_message, configs) = match described {
            Ok(configs) => (ErrorCode::NONE, None, configs),
            Err(refusal) => (refusal.code, Some(refusal.message), Vec::new()),
        };
        DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
        }
    });
    DescribeConfigsResponse { throttle_time_ms: 0, results: results.collect() }
}

fn describe(
    image: &Image,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
    file: &BrokerDefaults,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let name = resource.resource_name.as_str();
    let keys = resource.configuration_keys.as_deref();
    let is_wanted = |def: &&ConfigDef| keys.is_none_or(|keys| keys.iter().any(|key| *key == def.name));
    match ResourceType::from_wire(resource.resource_type) {
        Some(ResourceType::Topic) => {
            if image.topic(name).is_none() {
                let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                return refuse(code, code.message());
            }
            let settings = image.topic_config(name, file);
            Ok(TOPIC
                .iter()
                .filter(is_wanted)
                .map(|def| result(def, &settings.values(def), Source::Topic, false, request))
                .collect())
        }
        Some(ResourceType::Broker) => {
            let for_all = name.is_empty();
            if !for_all && name.parse::<BrokerId>() != Ok(file.node_id()) {
                let text = format!(
                    "Unexpected broker id: this is broker {}, ask broker {name} itself.",
                    file.node_id()
                );
                return refuse(ErrorCode::INVALID_REQUEST, text);
            }
            let settings = image.broker_config(file);
            let own = if for_all { Source::DynamicDefault } else { Source::DynamicBroker };
            let describe = |def: &'static ConfigDef| {
                let mut values = settings.values(def);
                if for_all {
                    // Only what is set for all brokers: the rest differs from one to another.
                    values.retain(|value| value.source == Source::DynamicDefault);
                }
                result(def, &values, own, def.scope == Scope::ReadOnly, request)
            };
            let is_set = |described: &DescribeConfigsResourceResult| {
                !for_all || described.config_source == Source::DynamicDefault.wire()
            };
            Ok(BROKER.iter().filter(is_wanted).map(describe).filter(is_set).collect())
        }
        _ => refuse(
            ErrorCode::INVALID_REQUEST,
            format!(
                "Resource type {} has no configurations here: topics (2) and brokers (4) have.",
                resource.resource_type
            ),
        ),
    }
}

fn result(
    def: &'static ConfigDef,
    values: &[Value<'_>],
    own: Source,
    read_only: bool,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResourceResult {
    let show = |value: &Value<'_>| match &value.value {
        Some(value) if !def.is_sensitive() => Some(Str::from(value.as_ref())),
        _ => None,
    };
    let first = values.first();
    let source = first.map_or(Source::Default, |value| value.source);
    let synonym = |value: &Value<'_>| DescribeConfigsSynonym {
        name: Str::from_static(if value.source == own { def.name } else { value.name }),
        value: show(value),
        source: value.source.wire(),
    };
    DescribeConfigsResourceResult {
        name: Str::from_static(def.name),
        value: first.and_then(show),
        read_only,
        config_source: source.wire(),
        is_sensitive: def.is_sensitive(),
        synonyms: if request.include_synonyms { values.iter().map(synonym).collect() } else { Vec::new() },
        config_type: def.kind.wire(),
        documentation: request.include_documentation.then(|| Str::from_static(def.doc)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, create, one_broker};
    use super::*;

    fn ask(image: &Image, kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
        let keys = keys.map(|keys| keys.iter().map(|&key| key.into()).collect());
        let resource = DescribeConfigsResource {
            resource_type: kind,
            resource_name: name.into(),
            configuration_keys: keys,
        };
        let request = DescribeConfigsRequest {
            resources: vec![resource],
            include_synonyms: true,
            include_documentation: true,
        };
        describe_configs(image, &request, &context().defaults).results.remove(0)
    }

    #[test]
    fn a_topic_lists_every_config_with_source_and_synonyms() {
        let image = create(&one_broker(), "t", 1, &[("retention.ms", "7")]);
        let all = ask(&image, 2, "t", None);
        assert_eq!(all.error_code, ErrorCode::NONE);
        assert_eq!(all.configs.len(), TOPIC.len());
        let some = ask(&image, 2, "t", Some(&["retention.ms", "segment.bytes", "nonsense"]));
        let shown: Vec<_> = some
            .configs
            .iter()
            .map(|c| (c.name.as_str(), c.value.as_deref().unwrap(), c.config_source))
            .collect();
        assert_eq!(shown, [("retention.ms", "7", 1), ("segment.bytes", "1073741824", 5)]);
        let synonyms: Vec<_> = some.configs[0].synonyms.iter().map(|s| (s.name.as_str(), s.source)).collect();
        assert_eq!(synonyms, [("retention.ms", 1), ("log.retention.ms", 5)]);
        assert_eq!(some.configs[0].config_type, 5);
        assert!(some.configs[0].documentation.as_deref().unwrap().contains("limit"));
    }

    #[test]
    fn a_broker_describes_itself_and_nobody_else() {
        let image = one_broker();
        let own = ask(&image, 4, "1", Some(&["num.partitions", "node.id", "log.retention.ms"]));
        let shown: Vec<_> = own
            .configs
            .iter()
            .map(|c| (c.name.as_str(), c.value.as_deref(), c.config_source, c.read_only))
            .collect();
        assert_eq!(
            shown,
            [
                ("log.retention.ms", None, 5, false),
                ("node.id", Some("-1"), 5, true),
                ("num.partitions", Some("3"), 4, false)
            ]
        );
        assert_eq!(ask(&image, 4, "2", None).error_code, ErrorCode::INVALID_REQUEST);
        assert_eq!(ask(&image, 4, "", None).configs.len(), 0);
        assert_eq!(ask(&image, 2, "none", None).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
}
