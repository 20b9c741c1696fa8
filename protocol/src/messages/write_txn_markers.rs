//! Tells partition leaders, from the transaction coordinator, how a transaction ended.
//!
//! API key 27, versions 1-2.
//!
//! - 2: the request adds `transaction_version`; KIP-1228.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = WriteTxnMarkers, versions = "1-2", flexible = "1+", response = WriteTxnMarkersResponse)]
pub struct WriteTxnMarkersRequest {
    pub markers: Vec<WritableTxnMarker>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WritableTxnMarker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub transaction_result: bool,
    pub topics: Vec<WritableTxnMarkerTopic>,
    pub coordinator_epoch: i32,
    #[kafka(versions = "2+", ignorable)]
    pub transaction_version: i8,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WritableTxnMarkerTopic {
    pub name: Str,
    pub partition_indexes: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WriteTxnMarkersResponse {
    pub markers: Vec<WritableTxnMarkerResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WritableTxnMarkerResult {
    pub producer_id: i64,
    pub topics: Vec<WritableTxnMarkerTopicResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WritableTxnMarkerTopicResult {
    pub name: Str,
    pub partitions: Vec<WritableTxnMarkerPartitionResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-2", flexible = "1+")]
pub struct WritableTxnMarkerPartitionResult {
    pub partition_index: i32,
    pub error_code: ErrorCode,
}
