//! Ids for idempotent producers, handed out of a block that the quorum gave this broker.

use std::sync::Arc;
use std::time::Duration;

use headrace_protocol::ErrorCode;
use headrace_protocol::messages::allocate_producer_ids::AllocateProducerIdsRequest;
use tokio::sync::Mutex;

use crate::broker::Broker;
use crate::controller;

/// How long the controller may take.
const TIMEOUT: Duration = Duration::from_secs(5);

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
    pub(crate) async fn next(&self, broker: &Arc<Broker>) -> Result<i64, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.left <= 0 {
            let request =
                AllocateProducerIdsRequest { broker_id: broker.node_id(), broker_epoch: broker.epoch() };
            let given = controller::call(broker, 0, &request, TIMEOUT).await.map_err(|error| {
                tracing::warn!(%error, "no block of producer ids could be had");
                ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            })?;
            if given.error_code.is_err() {
                tracing::warn!(error = %given.error_code, "no block of producer ids could be had");
                return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
            }
            *block = Block { next: given.producer_id_start, left: given.producer_id_len };
        }
        let id = block.next;
        block.next += 1;
        block.left -= 1;
        Ok(id)
    }
}
