//! Encoding a fetch's answer without copying record batches.
//!
//! The codec takes one `Bytes` per field and the log gives several parts per partition. So each `records` field is encoded with a stand-in: a slice
//! of the right length of one region of zeroes that is never read, and after encoding the stand-ins are exchanged for the parts. The region
//! costs address space, not memory: its pages are never touched.

use std::sync::OnceLock;

use bytes::Bytes;
use headrace_protocol::messages::fetch::FetchResponse;
use headrace_protocol::{ApiKey, frame};

use crate::handlers::{Answer, Context, DispatchError};

/// The longest `records` field that is sent in parts; a longer one is copied into one piece.
const STAND_IN_BYTES: usize = 128 * 1024 * 1024;
/// Shorter fields are copied by the codec anyway.
const STAND_IN_BYTES_MIN: usize = 4 * 1024;

fn stand_in() -> &'static Bytes {
    static ZEROES: OnceLock<Bytes> = OnceLock::new();
    ZEROES.get_or_init(|| Bytes::from(vec![0; STAND_IN_BYTES]))
}

/// Encodes; `parts` are the record batches of each partition, in the order of the response.
pub(super) fn encode(cx: &Context, mut response: FetchResponse, parts: Vec<Vec<Bytes>>) -> Answer {
    let mut exchanged = Vec::new();
    let partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
    for (partition, parts) in partitions.zip(parts) {
        let size = parts.iter().map(Bytes::len).sum::<usize>();
        partition.records = Some(match parts.len() {
            0 => Bytes::new(),
            1 => parts.into_iter().next().unwrap_or_default(),
            _ if (STAND_IN_BYTES_MIN..=STAND_IN_BYTES).contains(&size) => {
                exchanged.push(parts);
                stand_in().slice(..size)
            }
            _ => parts.concat().into(),
        });
    }
    let encoded = frame::encode_response(ApiKey::Fetch, cx.api_version, cx.correlation_id, &response)
        .map_err(DispatchError::Encode)?;
    if exchanged.is_empty() {
        return Ok(encoded);
    }
    let mut exchanged = exchanged.into_iter();
    let mut whole = Vec::with_capacity(encoded.len() * 2);
    let zeroes = stand_in().as_ptr();
    for part in encoded {
        match part.as_ptr() == zeroes {
            true => whole.extend(exchanged.next().unwrap_or_default()),
            false => whole.push(part),
        }
    }
    Ok(whole)
}
