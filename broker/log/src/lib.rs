//! The log of a partition, in Kafka's own on-disk format, so that Kafka's tools, and Kafka, can read our disks.
//!
//! A [`Log`] is one directory `topic-partition`: segments of record batches with their sparse indexes, producer
//! snapshots, the leader-epoch checkpoint and the topic's id. [`LogDirs`] opens all of a broker's, with the
//! checkpoints and the clean-shutdown marker of each log directory.
//!
//! Nothing here knows tokio, reads a clock or draws a random number: the time and ids are arguments, the disk is
//! a [`Disk`]. Positions keep this order: log start ≤ flushed ≤ log end. A `Log` is changed through `&mut self`,
//! so its owner puts it behind a lock; what can block for long ([`ColdRead::run`], [`FlushJob::run`]) is split
//! off so that it runs without that lock.
//!
//! Segments are not preallocated: Kafka's tools take the zeros behind the last batch for damage.

mod append;
mod buffers;
mod checked;
mod checkpoint;
mod config;
mod dirs;
mod disk;
mod epochs;
mod error;
mod flush;
mod health;
mod index;
mod log;
mod moves;
mod partition;
mod producer_snapshot;
mod producer_state;
mod read;
mod recover;
mod retention;
mod scan;
mod segment;
mod start;
mod tail;
mod timestamps;
mod truncate;
mod txn_index;

#[cfg(test)]
mod tests;

pub use append::AppendInfo;
pub use checked::{CheckedRecords, Origin};
pub use config::{CleanupPolicy, ConfigError, LogConfig, TopicCompression};
pub use dirs::{DirInfo, DirsError, DirsOptions, FailedDir, Home, LogDirs};
pub use disk::{Disk, File, RealDisk};
pub use epochs::EpochEndOffset;
pub use error::{AppendError, DiskError, LogError, ReadError};
pub use flush::FlushJob;
pub use health::Alarm;
pub use log::{Log, LogOptions};
pub use moves::{Copied, FutureInfo, MoveError};
pub use partition::{TopicId, TopicPartition};
pub use producer_state::ProducerSummary;
pub use read::{ColdRead, ReadPlan, ReadResult};
pub use retention::RetentionReport;
pub use start::{About, OpenReport};
pub use tail::TailBudget;
pub use timestamps::TimestampedOffset;
pub use txn_index::AbortedTxn;
