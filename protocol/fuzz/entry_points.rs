//! What a peer can make this crate read, as functions of bytes: shared by the cargo-fuzz targets and by the bounded
//! test `tests/fuzz.rs`.
//!
//! Whatever is read must be written again, and the second reading must agree with the first. Values are compared by
//! their bytes, because a NaN does not equal itself.

use bytes::Bytes;
use headrace_protocol::messages::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use headrace_protocol::messages::internal::consumer_offsets::{GroupMetadataValue, Key, OffsetCommitValue};
use headrace_protocol::{
    ApiKey, Message, Reader, RequestHeader, ResponseHeader, Writer, for_each_api, versioned,
};

/// A request as it comes off a connection: header, then body.
pub(crate) fn request(data: &[u8]) {
    let mut r = Reader::new(Bytes::copy_from_slice(data));
    let Ok(header) = RequestHeader::decode(&mut r) else { return };
    let mut w = Writer::new();
    header.encode(&mut w).expect("a header that was read can be written");
    if let Ok(key) = header.key() {
        request_body(key, header.api_version, &mut r);
    }
}

/// A response as a client reads it. The first four bytes are the key and version that the client remembers.
pub(crate) fn response(data: &[u8]) {
    let mut r = Reader::new(Bytes::copy_from_slice(data));
    let (Ok(key), Ok(version)) = (r.i16(), r.i16()) else { return };
    let Ok(key) = ApiKey::try_from(key) else { return };
    if ResponseHeader::decode(&mut r, key, version).is_ok() {
        response_body(key, version, &mut r);
    }
}

/// A request's header alone.
pub(crate) fn header(data: &[u8]) {
    // Refusals are as good as successes here; what counts is that it returns.
    let _result = RequestHeader::decode(&mut Reader::new(Bytes::copy_from_slice(data)));
}

/// What consumers put into group requests, and records of internal topics.
pub(crate) fn versioned(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let _refusals = (
        Key::decode(bytes.clone()).is_err(),
        versioned::decode_lenient::<ConsumerProtocolSubscription>(bytes.clone()).is_err(),
        versioned::decode_lenient::<ConsumerProtocolAssignment>(bytes.clone()).is_err(),
        versioned::decode::<OffsetCommitValue>(bytes.clone()).is_err(),
        versioned::decode::<GroupMetadataValue>(bytes).is_err(),
    );
}

fn body<M: Message>(version: i16, r: &mut Reader) {
    let Ok(message) = M::decode(r, version) else { return };
    let write = |message: &M| {
        let mut w = Writer::new();
        message.encode(&mut w, version).expect("a message that was read can be written");
        w.into_bytes()
    };
    let first = write(&message);
    let again = M::decode(&mut Reader::new(first.clone()), version).expect("what was written can be read");
    assert_eq!(write(&again), first, "{} version {version}", M::NAME);
}

macro_rules! bodies {
    ($($key:literal $name:ident $module:ident $request:ident $response:ident;)*) => {
        fn request_body(key: ApiKey, version: i16, r: &mut Reader) {
            match key {
                $(ApiKey::$name => body::<headrace_protocol::messages::$module::$request>(version, r),)*
            }
        }

        fn response_body(key: ApiKey, version: i16, r: &mut Reader) {
            match key {
                $(ApiKey::$name => body::<headrace_protocol::messages::$module::$response>(version, r),)*
            }
        }
    };
}

for_each_api!(bodies);
