//! Ids for idempotent producers, handed out of a block that the quorum gave this broker.

use headrace_protocol::ErrorCode;
use headrace_state::metadata::controller;
use tokio::sync::Mutex;

use crate::broker::Broker;

/// The block in use.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    block: Mutex<Block>,
}

#[derive(Debug, Default)]
struct Block {
    next: i64,
    left: i32,
}

impl ProducerIds {
    /// An id that no producer had before. Concurrent callers share the fetching of a new block.
    pub(crate) async fn next(&self, broker: &Broker) -> Result<i64, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.left <= 0 {
            let (id, epoch) = (broker.node_id(), broker.epoch());
            let outcome =
                broker.metadata.run(move |image| controller::allocate_producer_ids(image, id, epoch)).await;
            let given = outcome.map_err(|error| {
                tracing::warn!(%error, "no block of producer ids could be had");
                ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            })??;
            *block = Block { next: given.first, left: given.len };
        }
        let id = block.next;
        block.next += 1;
        block.left -= 1;
        Ok(id)
    }
}
