//! Registers a starting broker with the controller.
//!
//! API key 62, versions 0-4.
//!
//! - 1: the request adds `is_migrating_zk_broker`.
//! - 2: the request adds `log_dirs`; KIP-858.
//! - 3: the request adds `previous_broker_epoch`; KIP-966.
//! - 4: a feature's lowest version may be 0 (KAFKA-17011).

use crate::{ErrorCode, Message, Str, Uuid};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = BrokerRegistration, versions = "0-4", flexible = "0+", response = BrokerRegistrationResponse)]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Str,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    #[kafka(default = empty)]
    pub rack: Option<Str>,
    #[kafka(versions = "1+")]
    pub is_migrating_zk_broker: bool,
    #[kafka(versions = "2+", ignorable)]
    pub log_dirs: Vec<Uuid>,
    #[kafka(versions = "3+", default = -1, ignorable)]
    pub previous_broker_epoch: i64,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "0+")]
pub struct Listener {
    pub name: Str,
    pub host: Str,
    pub port: u16,
    pub security_protocol: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "0+")]
pub struct Feature {
    pub name: Str,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-4", flexible = "0+")]
pub struct BrokerRegistrationResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = -1)]
    pub broker_epoch: i64,
}
