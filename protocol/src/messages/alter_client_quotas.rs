//! Sets and removes client quotas.
//!
//! API key 49, versions 0-1.
//!
//! - 1: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = AlterClientQuotas, versions = "0-1", flexible = "1+", response = AlterClientQuotasResponse)]
pub struct AlterClientQuotasRequest {
    pub entries: Vec<AlterClientQuotasRequestEntryData>,
    pub validate_only: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasRequestEntryData {
    pub entity: Vec<AlterClientQuotasRequestEntityData>,
    pub ops: Vec<OpData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasRequestEntityData {
    pub entity_type: Str,
    #[kafka(default = empty)]
    pub entity_name: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct OpData {
    pub key: Str,
    pub value: f64,
    pub remove: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub entries: Vec<AlterClientQuotasResponseEntryData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasResponseEntryData {
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    pub entity: Vec<AlterClientQuotasResponseEntityData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct AlterClientQuotasResponseEntityData {
    pub entity_type: Str,
    #[kafka(default = empty)]
    pub entity_name: Option<Str>,
}
