//! ApiVersions (18): what this broker serves, derived from the handlers' table.
//!
//! Versions 0–5. 3 adds the client's name and the features (KIP-584), 5 the cluster and node that the client expects (KIP-1242). A version that is not
//! known is answered in the form of version 0, with error 35, so that a newer client can find out what is.

use bytes::Bytes;
use headrace_protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use headrace_protocol::{ApiKey, ErrorCode, Message, Reader, Str, frame};

use super::{Answer, Context, DispatchError, served};

/// Features that this version knows, with their levels.
const SUPPORTED_FEATURES: [(&str, i16, i16); 1] = [("metadata.version", 7, 25)];
/// REBOOTSTRAP_REQUIRED: the client has come to another cluster or node than it meant to.
const REBOOTSTRAP_REQUIRED: ErrorCode = ErrorCode(129);

/// Decodes, serves and encodes; in the form of version 0 when the version is not known.
pub(super) fn answer(cx: &Context, body: Bytes) -> Answer {
    let version = cx.api_version;
    let key = ApiKey::ApiVersions;
    if !key.valid_versions().contains(&version) {
        let response = ApiVersionsResponse {
            error_code: ErrorCode::UNSUPPORTED_VERSION,
            api_keys: vec![range(key, key.valid_versions())],
            ..ApiVersionsResponse::default()
        };
        return frame::encode_response(key, 0, cx.correlation_id, &response).map_err(DispatchError::Encode);
    }
    let request =
        ApiVersionsRequest::decode(&mut Reader::new(body), version).map_err(DispatchError::Decode)?;
    let response = handle(cx, &request);
    frame::encode_response(key, version, cx.correlation_id, &response).map_err(DispatchError::Encode)
}

fn handle(cx: &Context, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    if cx.api_version >= 3
        && !(is_name(&request.client_software_name) && is_name(&request.client_software_version))
    {
        return ApiVersionsResponse {
            error_code: ErrorCode::INVALID_REQUEST,
            ..ApiVersionsResponse::default()
        };
    }
    let image = cx.broker.image();
    let finalized_features = image.features().iter().map(|(name, level)| FinalizedFeatureKey {
        name: name.clone(),
        max_version_level: *level,
        min_version_level: *level,
    });
    let elsewhere = request.cluster_id.as_ref().is_some_and(|id| *id != cx.broker.cluster_id())
        || (request.node_id >= 0 && request.node_id != cx.broker.node_id());
    ApiVersionsResponse {
        error_code: if elsewhere { REBOOTSTRAP_REQUIRED } else { ErrorCode::NONE },
        api_keys: api_keys(),
        supported_features: SUPPORTED_FEATURES
            .iter()
            .map(|(name, min_version, max_version)| SupportedFeatureKey {
                name: Str::from_static(name),
                min_version: *min_version,
                max_version: *max_version,
            })
            .collect(),
        finalized_features_epoch: i64::try_from(image.offset()).unwrap_or(i64::MAX),
        finalized_features: finalized_features.collect(),
        ..ApiVersionsResponse::default()
    }
}

fn api_keys() -> Vec<ApiVersion> {
    let mut keys: Vec<_> = served().into_iter().map(|served| range(served.key, served.advertised)).collect();
    keys.sort_by_key(|range| range.api_key);
    keys
}

fn range(key: ApiKey, versions: std::ops::RangeInclusive<i16>) -> ApiVersion {
    ApiVersion { api_key: key as i16, min_version: *versions.start(), max_version: *versions.end() }
}

/// KIP-511: letters, digits, dots and hyphens, beginning and ending with a letter or digit.
fn is_name(name: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn produce_is_advertised_from_zero() {
        let keys = api_keys();
        assert!(keys.windows(2).all(|pair| pair[0].api_key < pair[1].api_key), "each once, in order");
        assert_eq!((keys[0].api_key, keys[0].min_version, keys[0].max_version), (0, 0, 13));
    }

    #[test]
    fn software_names_are_checked() {
        for (name, good) in
            [("apache-kafka-java", true), ("4.3.1", true), ("", false), ("-x", false), ("a b", false)]
        {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
