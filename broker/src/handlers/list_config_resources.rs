//! ListConfigResources (74), versions 0–1: what has a configuration. Version 0 is ListClientMetricsResources (KIP-1000); from
//! version 1 (KIP-1142) the request says which types, none meaning all.

use headrace_protocol::messages::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use headrace_protocol::{ErrorCode, Str};

use crate::handlers::Context;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;
const KNOWN: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

pub(crate) async fn handle(cx: &Context, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse {
    if cx.api_version == 0 {
        // Only client metrics subscriptions, of which there are none.
        return ListConfigResourcesResponse::default();
    }
    if request.resource_types.iter().any(|t| !KNOWN.contains(t)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            ..Default::default()
        };
    }
    let asked = |t: i8| request.resource_types.is_empty() || request.resource_types.contains(&t);
    let image = cx.broker.image();
    let mut config_resources = Vec::new();
    let mut add = |resource_type: i8, resource_name: Str| {
        config_resources.push(ConfigResource { resource_name, resource_type });
    };
    if asked(TOPIC) {
        image.topics().for_each(|topic| add(TOPIC, topic.name.clone()));
    }
    for t in [BROKER, BROKER_LOGGER] {
        if asked(t) {
            image.brokers().for_each(|broker| add(t, broker.id.to_string().into()));
        }
    }
    ListConfigResourcesResponse { config_resources, ..Default::default() }
}
