//! DeleteTopics.

use headrace_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use headrace_protocol::{ErrorCode, Str, Uuid};

use super::{Context, Outcome, Refusal, refuse, repeated};
use crate::metadata::image::Image;
use crate::metadata::record::RemoveTopicRecord;

/// Deletes topics by name or by id.
pub fn delete_topics(
    image: &Image,
    request: &DeleteTopicsRequest,
    cx: &Context,
) -> Outcome<DeleteTopicsResponse> {
    let by_name = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let wanted: Vec<(Option<Str>, Uuid)> =
        request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id)).chain(by_name).collect();
    let deletion_enabled = image.broker_config(&cx.defaults).bool("delete.topic.enable");
    let resolve = |(name, id): &(Option<Str>, Uuid)| match resolve(image, name.as_ref(), *id) {
        Ok(_) if !deletion_enabled => refuse(
            ErrorCode::TOPIC_DELETION_DISABLED,
            "Topic deletion is disabled: delete.topic.enable is false.",
        ),
        other => other,
    };
    let found: Vec<Result<Uuid, Refusal>> = wanted.iter().map(resolve).collect();
    // The same topic once by name and once by id counts as twice, too.
    let twice = repeated(found.iter().filter_map(|found| found.as_ref().ok()).copied());
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    for ((name, id), found) in wanted.into_iter().zip(found) {
        let found = match found {
            Ok(id) if twice.contains(&id) => refuse(ErrorCode::INVALID_REQUEST, "Duplicate topic."),
            other => other,
        };
        responses.push(match found {
            Ok(topic_id) => {
                records.push(RemoveTopicRecord { topic_id }.into());
                let name = name.or_else(|| image.topic_by_id(topic_id).map(|topic| topic.name.clone()));
                DeletableTopicResult { name, topic_id, ..DeletableTopicResult::default() }
            }
            Err(refusal) => DeletableTopicResult {
                name,
                topic_id: id,
                error_code: refusal.code,
                error_message: Some(refusal.message),
            },
        });
    }
    (records, DeleteTopicsResponse { throttle_time_ms: 0, responses })
}

fn resolve(image: &Image, name: Option<&Str>, id: Uuid) -> Result<Uuid, Refusal> {
    match (name, id.is_zero()) {
        (Some(_), false) => {
            refuse(ErrorCode::INVALID_REQUEST, "You may not specify both topic name and topic id.")
        }
        (None, true) => refuse(ErrorCode::INVALID_REQUEST, "Neither topic name nor id were specified."),
        (Some(name), true) => match image.topic(name) {
            Some(topic) => Ok(topic.id),
            None => {
                refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.message())
            }
        },
        (None, false) => match image.topic_by_id(id) {
            Some(_) => Ok(id),
            None => refuse(ErrorCode::UNKNOWN_TOPIC_ID, ErrorCode::UNKNOWN_TOPIC_ID.message()),
        },
    }
}

#[cfg(test)]
mod tests {
    use headrace_protocol::messages::delete_topics::DeleteTopicState;

    use super::super::testing::{apply, context, create, one_broker};
    use super::*;

    fn request(items: &[(Option<&str>, Uuid)]) -> DeleteTopicsRequest {
        let state = |&(name, topic_id): &(Option<&str>, Uuid)| DeleteTopicState {
            name: name.map(Str::from),
            topic_id,
        };
        DeleteTopicsRequest { topics: items.iter().map(state).collect(), ..DeleteTopicsRequest::default() }
    }

    #[test]
    fn topics_go_by_name_or_id_with_their_configs_and_every_one_is_answered() {
        let image = create(&one_broker(), "a", 2, &[("retention.ms", "5")]);
        let image = create(&image, "b", 1, &[]);
        let b = image.topic("b").unwrap().id;
        let wanted = [
            (Some("a"), Uuid::ZERO),
            (None, b),
            (Some("c"), Uuid::ZERO),
            (None, Uuid([9; 16])),
            (None, Uuid::ZERO),
        ];
        let (records, response) = delete_topics(&image, &request(&wanted), &context());
        let codes: Vec<_> = response.responses.iter().map(|r| r.error_code).collect();
        assert_eq!(
            codes,
            [
                ErrorCode::NONE,
                ErrorCode::NONE,
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                ErrorCode::UNKNOWN_TOPIC_ID,
                ErrorCode::INVALID_REQUEST
            ]
        );
        assert_eq!(response.responses[1].name.as_deref(), Some("b"));
        let after = apply(&image, &records);
        assert_eq!((after.topic_count(), after.partition_count()), (0, 0));
        assert!(after.config_resources().next().is_none());
        assert!(after.topic_by_id(b).is_none());
    }

    #[test]
    fn the_same_topic_twice_is_refused_both_times() {
        let image = create(&one_broker(), "a", 1, &[]);
        let id = image.topic("a").unwrap().id;
        let (records, response) =
            delete_topics(&image, &request(&[(Some("a"), Uuid::ZERO), (None, id)]), &context());
        assert!(records.is_empty());
        assert!(response.responses.iter().all(|r| r.error_code == ErrorCode::INVALID_REQUEST));
    }
}
