//! Random messages of every version go through our codec and back unchanged, and through the `kafka-protocol` crate,
//! both ways, for every version that both know.

use bytes::{Bytes, BytesMut};
use headrace_protocol::codec::arbitrary;
use headrace_protocol::{ApiKey, Message, Reader, Request, encode_to_bytes, for_each_api};
use kafka_protocol::messages::{ApiKey as TheirKey, RequestKind, ResponseKind};

/// Random messages per version and direction.
const SEEDS: u64 = 25;

type Exchange = fn(TheirKey, &mut Bytes, i16) -> Result<Bytes, String>;

fn decode_all<M: Message>(bytes: Bytes, version: i16) -> M {
    let mut r = Reader::new(bytes);
    let message = M::decode(&mut r, version).unwrap_or_else(|e| panic!("{e}"));
    r.expect_end().unwrap_or_else(|e| panic!("{} version {version}: {e}", M::NAME));
    message
}

/// Every random message of every version comes back as it was; `each` sees it encoded.
fn ours<M: Message + PartialEq + std::fmt::Debug>(mut each: impl FnMut(&M, Bytes, i16)) {
    for version in M::VERSIONS {
        for seed in 0..SEEDS {
            let message: M = arbitrary(seed, version);
            let bytes = encode_to_bytes(&message, version).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(decode_all::<M>(bytes.clone(), version), message, "version {version} seed {seed}");
            each(&message, bytes, version);
        }
    }
}

fn with_theirs<M: Message + PartialEq + std::fmt::Debug>(key: ApiKey, exchange: Exchange) {
    let Ok(their_key) = TheirKey::try_from(key as i16) else { return };
    let both = their_key.valid_versions();
    ours::<M>(|message, bytes, version| {
        if !(both.min..=both.max).contains(&version) || REFUSED_BY_THEM.contains(&(key, version)) {
            return;
        }
        let mut sent = bytes.clone();
        let back = exchange(their_key, &mut sent, version)
            .unwrap_or_else(|e| panic!("{} version {version}: {e}\n{message:?}", M::NAME));
        assert!(sent.is_empty(), "{} version {version}: they left {} bytes", M::NAME, sent.len());
        assert_eq!(decode_all::<M>(back, version), *message, "version {version}");
    });
}

/// Versions that the crate lists for a key, but whose messages it refuses in both directions.
const REFUSED_BY_THEM: [(ApiKey, i16); 2] = [(ApiKey::OffsetCommit, 10), (ApiKey::OffsetFetch, 10)];

fn request(key: TheirKey, bytes: &mut Bytes, version: i16) -> Result<Bytes, String> {
    let message = RequestKind::decode(key, bytes, version).map_err(|e| format!("{e:#}"))?;
    let mut out = BytesMut::new();
    message.encode(&mut out, version).map_err(|e| format!("{e:#}"))?;
    Ok(out.freeze())
}

fn response(key: TheirKey, bytes: &mut Bytes, version: i16) -> Result<Bytes, String> {
    let message = ResponseKind::decode(key, bytes, version).map_err(|e| format!("{e:#}"))?;
    let mut out = BytesMut::new();
    message.encode(&mut out, version).map_err(|e| format!("{e:#}"))?;
    Ok(out.freeze())
}

macro_rules! round_trips {
    ($($key:literal $name:ident $module:ident $request:ident $response:ident;)*) => {$(
        #[test]
        fn $module() {
            use headrace_protocol::messages::$module::{$request, $response};
            assert_eq!($request::KEY, ApiKey::$name);
            assert_eq!($request::VERSIONS, $response::VERSIONS);
            with_theirs::<$request>(ApiKey::$name, request);
            with_theirs::<$response>(ApiKey::$name, response);
        }
    )*};
}

for_each_api!(round_trips);

#[test]
fn data_inside_messages_and_internal_topics() {
    use headrace_protocol::messages::consumer_protocol::*;
    use headrace_protocol::messages::internal::consumer_offsets::*;
    ours::<ConsumerProtocolSubscription>(|_, _, _| {});
    ours::<ConsumerProtocolAssignment>(|_, _, _| {});
    ours::<OffsetCommitKey>(|_, _, _| {});
    ours::<OffsetCommitValue>(|_, _, _| {});
    ours::<GroupMetadataKey>(|_, _, _| {});
    ours::<GroupMetadataValue>(|_, _, _| {});
}
