//! Why another broker did not answer.

/// A call to another broker failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent. `refused` says that the machine answered and no process listens there.
    #[error("{address} cannot be reached: {why}")]
    Unreachable { address: String, refused: bool, why: String },
    /// It may have been carried out.
    #[error("{address} gave no answer: {why}")]
    NoAnswer { address: String, why: String },
    /// What came is not the protocol.
    #[error("the answer makes no sense: {0}")]
    Protocol(String),
}
