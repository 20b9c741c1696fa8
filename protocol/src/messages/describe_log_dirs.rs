//! Shows a broker's log directories, their disks and the size of every replica.
//!
//! API key 35, versions 1-5.
//!
//! - 2: flexible encoding.
//! - 3: the response adds `error_code`.
//! - 4: the response adds `total_bytes` and `usable_bytes`.
//! - 5: the response adds `is_cordoned`.

use crate::{ErrorCode, Message, Str};

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(api = DescribeLogDirs, versions = "1-5", flexible = "2+", response = DescribeLogDirsResponse)]
pub struct DescribeLogDirsRequest {
    #[kafka(default = empty)]
    pub topics: Option<Vec<DescribableLogDirTopic>>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-5", flexible = "2+")]
pub struct DescribableLogDirTopic {
    pub topic: Str,
    pub partitions: Vec<i32>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsResponse {
    pub throttle_time_ms: i32,
    #[kafka(versions = "3+", ignorable)]
    pub error_code: ErrorCode,
    pub results: Vec<DescribeLogDirsResult>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsResult {
    pub error_code: ErrorCode,
    pub log_dir: Str,
    pub topics: Vec<DescribeLogDirsTopic>,
    #[kafka(versions = "4+", default = -1, ignorable)]
    pub total_bytes: i64,
    #[kafka(versions = "4+", default = -1, ignorable)]
    pub usable_bytes: i64,
    #[kafka(versions = "5+", ignorable)]
    pub is_cordoned: bool,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsTopic {
    pub name: Str,
    pub partitions: Vec<DescribeLogDirsPartition>,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[kafka(versions = "1-5", flexible = "2+")]
pub struct DescribeLogDirsPartition {
    pub partition_index: i32,
    pub partition_size: i64,
    pub offset_lag: i64,
    pub is_future_key: bool,
}
