use std::sync::Arc;

use super::super::set_fenced;
use super::super::testing::{apply, brokers, context, create, create_with, one_broker};
use super::*;

/// One step: `(operation, name, value)` on a resource.
fn alter(
    image: &Image,
    kind: i8,
    resource: &str,
    steps: &[(i8, &str, Option<&str>)],
) -> (Vec<MetadataRecord>, ErrorCode, String) {
    let configs = steps
        .iter()
        .map(|&(config_operation, name, value)| incremental::AlterableConfig {
            name: name.into(),
            config_operation,
            value: value.map(Str::from),
        })
        .collect();
    let resource =
        incremental::AlterConfigsResource { resource_type: kind, resource_name: resource.into(), configs };
    let request =
        incremental::IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let (records, mut response) = incremental_alter_configs(image, &request, &context());
    let answer = response.responses.remove(0);
    (records, answer.error_code, answer.error_message.unwrap_or_default().to_string())
}

fn value(image: &Image, topic: &str, name: &str) -> Option<String> {
    image
        .config_overrides(&ConfigResource::topic(topic))
        .and_then(|values| values.get(name))
        .map(ToString::to_string)
}

#[test]
fn values_are_set_deleted_appended_and_subtracted() {
    let mut image = create(&one_broker(), "t", 1, &[("retention.ms", "7")]);
    for (step, name, expected) in [
        ((SET, "retention.ms", Some("9")), "retention.ms", Some("9")),
        ((DELETE, "retention.ms", None), "retention.ms", None),
        // The list to append to is the default, `delete`.
        ((APPEND, "cleanup.policy", Some("compact")), "cleanup.policy", Some("delete,compact")),
        ((APPEND, "cleanup.policy", Some("compact")), "cleanup.policy", Some("delete,compact")),
        ((SUBTRACT, "cleanup.policy", Some("delete")), "cleanup.policy", Some("compact")),
    ] {
        let (records, code, message) = alter(&image, 2, "t", &[step]);
        assert_eq!(code, ErrorCode::NONE, "{message}");
        image = apply(&image, &records);
        assert_eq!(value(&image, "t", name).as_deref(), expected, "{step:?}");
    }
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let image = create(&one_broker(), "t", 1, &[]);
    for (kind, resource, steps, code, part) in [
        (2, "t", &[(SET, "retention.ms", Some("x"))][..], ErrorCode::INVALID_CONFIG, "LONG"),
        (2, "t", &[(SET, "retention.days", Some("1"))], ErrorCode::INVALID_CONFIG, "Unknown topic config"),
        (2, "t", &[(SET, "retention.ms", None)], ErrorCode::INVALID_REQUEST, "Null value"),
        (2, "t", &[(APPEND, "retention.ms", Some("1"))], ErrorCode::INVALID_CONFIG, "not LIST"),
        (2, "t", &[(9, "retention.ms", Some("1"))], ErrorCode::INVALID_REQUEST, "Unknown operation"),
        (2, "t", &[(SUBTRACT, "cleanup.policy", Some("delete"))], ErrorCode::INVALID_CONFIG, "not be empty"),
        (
            2,
            "u",
            &[(SET, "retention.ms", Some("1"))],
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "does not exist",
        ),
        (
            2,
            "t",
            &[(SET, "retention.ms", Some("1")), (DELETE, "retention.ms", None)],
            ErrorCode::INVALID_REQUEST,
            "duplicate config keys",
        ),
        (
            2,
            "t",
            &[(SET, "retention.ms", Some("1")), (SET, "segment.ms", Some("x"))],
            ErrorCode::INVALID_CONFIG,
            "segment.ms",
        ),
        (4, "9", &[(SET, "message.max.bytes", Some("1"))], ErrorCode::BROKER_ID_NOT_REGISTERED, "id 9"),
        (4, "me", &[(SET, "message.max.bytes", Some("1"))], ErrorCode::INVALID_REQUEST, "neither"),
        (4, "1", &[(SET, "node.id", Some("1"))], ErrorCode::INVALID_REQUEST, "dynamically"),
        (4, "", &[(SET, "listeners", Some("x"))], ErrorCode::INVALID_REQUEST, "each broker"),
        (4, "", &[(SET, "log.retention.ms", Some("x"))], ErrorCode::INVALID_CONFIG, "LONG"),
        (99, "x", &[], ErrorCode::INVALID_REQUEST, "cannot be altered"),
    ] {
        let (records, answered, message) = alter(&image, kind, resource, steps);
        assert_eq!(answered, code, "{resource} {steps:?}: {message}");
        assert!(message.contains(part), "{message}");
        assert!(records.is_empty());
    }
}

#[test]
fn brokers_defaults_reach_topics() {
    let image = create(&one_broker(), "t", 1, &[]);
    let (records, code, _) = alter(&image, 4, "", &[(SET, "log.retention.ms", Some("5000"))]);
    assert_eq!(code, ErrorCode::NONE);
    let image = apply(&image, &records);
    assert_eq!(image.topic_config("t", &context().defaults).i64("retention.ms"), 5000);
}

#[test]
fn alter_configs_removes_what_it_does_not_name() {
    let image = create(&one_broker(), "t", 1, &[("retention.ms", "7"), ("segment.ms", "8")]);
    let request = |name: &str, value: Option<&str>, validate_only| whole::AlterConfigsRequest {
        resources: vec![whole::AlterConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configs: vec![whole::AlterableConfig { name: name.into(), value: value.map(Str::from) }],
        }],
        validate_only,
    };
    let (records, _) = alter_configs(&image, &request("segment.ms", Some("9"), true), &context());
    assert!(records.is_empty());
    let (records, _) = alter_configs(&image, &request("segment.ms", Some("9"), false), &context());
    let image = apply(&image, &records);
    assert_eq!(
        (value(&image, "t", "retention.ms"), value(&image, "t", "segment.ms")),
        (None, Some("9".into()))
    );
    let (_, response) = alter_configs(&image, &request("segment.ms", None, false), &context());
    assert_eq!(response.responses[0].error_code, ErrorCode::INVALID_REQUEST);
}

#[test]
fn a_lower_min_isr_makes_an_end_of_eligible_replicas() {
    let defaults =
        crate::metadata::configs::BrokerDefaults::new(1, [("min.insync.replicas".into(), "2".into())])
            .unwrap();
    let image = create_with(&brokers(2), "t", &[&[1, 2]]);
    let fenced = set_fenced(&image, &defaults, 2, image.broker(2).unwrap().epoch, true).0;
    let image = apply(&image, &fenced);
    assert_eq!(image.partition("t", 0).unwrap().elr, [2]);
    let set = incremental::AlterableConfig {
        name: "min.insync.replicas".into(),
        config_operation: 0,
        value: Some("1".into()),
    };
    let resource =
        incremental::AlterConfigsResource { resource_type: 2, resource_name: "t".into(), configs: vec![set] };
    let request =
        incremental::IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let cx = Context { defaults: Arc::new(defaults), ..context() };
    let (records, _) = incremental_alter_configs(&image, &request, &cx);
    assert_eq!(apply(&image, &records).partition("t", 0).unwrap().elr, []);
}
