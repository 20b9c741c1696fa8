//! Lists client quotas.
//!
//! API key 48, versions 0-1.
//!
//! - 1: flexible encoding.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeClientQuotas, versions = "0-1", flexible = "1+", response = DescribeClientQuotasResponse)]
pub struct DescribeClientQuotasRequest {
    pub components: Vec<ComponentData>,
    pub strict: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct ComponentData {
    pub entity_type: Str,
    pub match_type: i8,
    #[kafka(default = empty)]
    pub r#match: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct DescribeClientQuotasResponse {
    pub throttle_time_ms: i32,
    pub error_code: ErrorCode,
    #[kafka(default = empty)]
    pub error_message: Option<Str>,
    #[kafka(default = empty)]
    pub entries: Option<Vec<EntryData>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EntryData {
    pub entity: Vec<EntityData>,
    pub values: Vec<ValueData>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct EntityData {
    pub entity_type: Str,
    #[kafka(default = empty)]
    pub entity_name: Option<Str>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "0-1", flexible = "1+")]
pub struct ValueData {
    pub key: Str,
    pub value: f64,
}
