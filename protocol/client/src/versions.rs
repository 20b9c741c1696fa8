//! Which version of each API both sides know.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use headrace_protocol::messages::api_versions::ApiVersionsResponse;
use headrace_protocol::{ApiKey, Request};

/// What one broker offers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(HashMap<i16, RangeInclusive<i16>>);

impl Versions {
    pub(crate) fn new(response: &ApiVersionsResponse) -> Self {
        Self(response.api_keys.iter().map(|api| (api.api_key, api.min_version..=api.max_version)).collect())
    }

    pub(crate) fn offered(&self, key: ApiKey) -> Option<&RangeInclusive<i16>> {
        self.0.get(&(key as i16))
    }

    /// The highest version both know, at most `cap`.
    pub(crate) fn choose<R: Request>(&self, cap: i16) -> Option<i16> {
        let theirs = self.offered(R::KEY)?;
        let highest = (*theirs.end()).min(*R::VALID.end()).min(cap);
        (highest >= (*theirs.start()).max(*R::VALID.start())).then_some(highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headrace_protocol::messages::api_versions::ApiVersion;
    use headrace_protocol::messages::fetch::FetchRequest;

    fn offering(min_version: i16, max_version: i16) -> Versions {
        let api_keys = vec![ApiVersion { api_key: ApiKey::Fetch as i16, min_version, max_version }];
        Versions::new(&ApiVersionsResponse { api_keys, ..Default::default() })
    }

    #[test]
    fn takes_the_highest_version_both_know() {
        for (theirs, cap, chosen) in [
            ((0, 11), i16::MAX, Some(11)),
            ((0, 99), i16::MAX, Some(18)),
            ((0, 99), 12, Some(12)),
            ((0, 3), i16::MAX, None),
            ((19, 99), i16::MAX, None),
        ] {
            assert_eq!(offering(theirs.0, theirs.1).choose::<FetchRequest>(cap), chosen, "{theirs:?}");
        }
        assert_eq!(Versions::default().choose::<FetchRequest>(i16::MAX), None);
    }
}
