//! DescribeCluster (60), versions 0–2: the cluster's id, controller and brokers, as the listener that the client came by
//! advertises them. Version 1 adds the endpoint type (KIP-919), version 2 fenced brokers (KIP-1073).

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};

use crate::handlers::Context;

const ENDPOINTS_BROKERS: i8 = 1;
const ENDPOINTS_CONTROLLERS: i8 = 2;

pub(crate) async fn handle(cx: &Context, request: DescribeClusterRequest) -> DescribeClusterResponse {
    if request.endpoint_type != ENDPOINTS_BROKERS {
        let (error_code, message) = if request.endpoint_type == ENDPOINTS_CONTROLLERS {
            (
                ErrorCode::MISMATCHED_ENDPOINT_TYPE,
                "this is a broker's listener: ask for endpoint type 1 (brokers)",
            )
        } else {
            (ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "the endpoint type is 1 (brokers) or 2 (controllers)")
        };
        return DescribeClusterResponse {
            error_code,
            error_message: Some(message.into()),
            ..Default::default()
        };
    }
    let image = cx.broker.image();
    let brokers = image
        .brokers()
        .filter(|broker| !broker.fenced || request.include_fenced_brokers)
        .filter_map(|broker| {
            let endpoint = broker.endpoint(&cx.connection.listener)?;
            Some(DescribeClusterBroker {
                broker_id: broker.id,
                host: endpoint.host.clone(),
                port: endpoint.port.into(),
                rack: broker.rack.clone(),
                is_fenced: broker.fenced,
            })
        })
        .collect();
    DescribeClusterResponse {
        endpoint_type: ENDPOINTS_BROKERS,
        cluster_id: cx.broker.cluster_id(),
        controller_id: cx.broker.metadata.leader().unwrap_or(-1),
        brokers,
        ..Default::default()
    }
}
