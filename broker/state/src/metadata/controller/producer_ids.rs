//! AllocateProducerIds: blocks of producer ids, each given to one broker, never twice.

use headrace_protocol::ErrorCode;

use super::Outcome;
use crate::metadata::image::Image;
use crate::metadata::model::{BrokerEpoch, BrokerId};
use crate::metadata::record::ProducerIdsRecord;

/// As many as Kafka gives out at once.
pub const PRODUCER_IDS_PER_BLOCK: i32 = 1000;

/// Producer ids `first..first + len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    pub first: i64,
    pub len: i32,
}

/// Gives the next block to a registered broker.
pub fn allocate_producer_ids(
    image: &Image,
    broker_id: BrokerId,
    broker_epoch: BrokerEpoch,
) -> Outcome<Result<ProducerIdBlock, ErrorCode>> {
    if let Err(code) = super::brokers::check_epoch(image, broker_id, broker_epoch) {
        return (Vec::new(), Err(code));
    }
    let first = image.next_producer_id();
    let Some(next_producer_id) = first.checked_add(i64::from(PRODUCER_IDS_PER_BLOCK)) else {
        return (Vec::new(), Err(ErrorCode::UNKNOWN_SERVER_ERROR));
    };
    let record = ProducerIdsRecord { broker_id, broker_epoch, next_producer_id };
    (vec![record.into()], Ok(ProducerIdBlock { first, len: PRODUCER_IDS_PER_BLOCK }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one_broker};
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_a_stale_broker_gets_none() {
        let image = one_broker();
        let epoch = image.broker(1).unwrap().epoch;
        let (records, first) = allocate_producer_ids(&image, 1, epoch);
        assert_eq!(first, Ok(ProducerIdBlock { first: 0, len: 1000 }));
        let (_, second) = allocate_producer_ids(&apply(&image, &records), 1, epoch);
        assert_eq!(second, Ok(ProducerIdBlock { first: 1000, len: 1000 }));
        let stale = allocate_producer_ids(&image, 1, epoch - 1);
        assert_eq!(stale, (vec![], Err(ErrorCode::STALE_BROKER_EPOCH)));
        assert_eq!(allocate_producer_ids(&image, 5, 0).1, Err(ErrorCode::BROKER_ID_NOT_REGISTERED));
    }
}
