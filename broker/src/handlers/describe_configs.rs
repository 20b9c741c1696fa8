//! DescribeConfigs (32), versions 1–4: values with their source, synonyms, types and documentation.

use headrace_protocol::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResponse};
use headrace_state::metadata::controller;

use crate::handlers::Context;

pub(crate) async fn handle(cx: &Context, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    controller::describe_configs(&cx.broker.image(), &request, &cx.broker.defaults)
}
