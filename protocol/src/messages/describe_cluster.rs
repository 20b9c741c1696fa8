//! Shows the cluster's id, controller and brokers.
//!
//! API key 60, versions 0-2.
//!
//! - 1: request and response add `endpoint_type`.
//! - 2: the request adds `include_fenced_brokers`; the response adds `is_fenced`.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeCluster, versions = "0-2", flexible = "0+", response = DescribeClusterResponse)]
pub struct DescribeClusterRequest {
    pub include_cluster_authorized_operations: bool,
    #[kafka(versions = "1+", default = 1)]
    pub endpoint_type: i8,
    #[kafka(versions = "2+")]
    pub include_fenced_brokers: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    pub error_message: Option<Str>,
    #[kafka(versions = "1+", default = 1)]
    pub endpoint_type: i8,
    pub cluster_id: Str,
    #[kafka(default = -1)]
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    #[kafka(default = i32::MIN)]
    pub cluster_authorized_operations: i32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-2", flexible = "0+")]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Str,
    pub port: i32,
    pub rack: Option<Str>,
    #[kafka(versions = "2+")]
    pub is_fenced: bool,
}
