//! The metadata quorum: an openraft log of metadata records and the image it yields.
//!
//! [`Quorum::start`] gives a [`Handle`]. Everybody reads the image from it, wait-free; whoever wants a change brings a
//! controller function, which runs on the leader against the newest state and is answered once its records are
//! committed. What the records mean is not known here but in `headrace_state::metadata`.
//!
//! On disk, in the node's directory: `identity`, `lock`, `snapshot`, and the segments of the journal, which has
//! entries and votes in one order. Whatever is acknowledged, to a client or to another node, has been fsynced.

mod blocking;
mod directory;
mod handle;
mod log_store;
mod members;
mod network;
mod options;
mod proposer;
mod quorum;
mod reverts;
mod room;
pub mod sabotage;
mod snapshot_file;
mod state_machine;
mod status;
mod types;
mod wal;

#[cfg(test)]
mod tests;

pub use blocking::Blocking;
pub use directory::DirectoryError;
pub use handle::Handle;
pub use members::{AdminError, Refusal};
pub use network::{Memory, NoTransport, RpcError, Transport, TransportError};
pub use options::{Options, Timing, Voter};
pub use proposer::{Committed, SubmitError};
pub use quorum::{Quorum, StartError};
pub use status::{Leadership, Member, QuorumStatus};
pub use wal::WalError;
