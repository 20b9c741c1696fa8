//! [`ApiKey`]: which request a frame holds, and the versions known of it.

use std::fmt;
use std::ops::RangeInclusive;

use crate::codec::Message;
use crate::messages::{self, for_each_api};

/// The number is no API of Kafka's that is still in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("API key {0} is not known")]
pub struct UnknownApiKey(pub i16);

macro_rules! define_api_key {
    ($($key:literal $name:ident $module:ident $request:ident $response:ident;)*) => {
        /// Every API that has a definition in [`messages`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $($name = $key,)*
        }

        impl ApiKey {
            /// All keys, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Kafka's name of the API.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The versions that can be read and written.
            pub const fn valid_versions(self) -> RangeInclusive<i16> {
                match self {
                    $(Self::$name => <messages::$module::$request as Message>::VERSIONS,)*
                }
            }

            /// The first version with tagged fields, `i16::MAX` if none has them.
            pub const fn first_flexible_version(self) -> i16 {
                match self {
                    $(Self::$name => <messages::$module::$request as Message>::FLEXIBLE,)*
                }
            }
        }

        impl TryFrom<i16> for ApiKey {
            type Error = UnknownApiKey;

            fn try_from(key: i16) -> Result<Self, UnknownApiKey> {
                match key {
                    $($key => Ok(Self::$name),)*
                    other => Err(UnknownApiKey(other)),
                }
            }
        }
    };
}

for_each_api!(define_api_key);

impl ApiKey {
    /// The versions an ApiVersions response should list.
    ///
    /// They are the valid ones, but for Produce: librdkafka takes a broker that does not list version 0 for one that
    /// cannot compress (KAFKA-18659). Versions 0 to 2 are listed and refused when used, as Kafka does.
    pub fn advertised_versions(self) -> RangeInclusive<i16> {
        match self {
            Self::Produce => 0..=*self.valid_versions().end(),
            _ => self.valid_versions(),
        }
    }

    /// 1, or 2 for flexible versions.
    pub const fn request_header_version(self, api_version: i16) -> i16 {
        if api_version >= self.first_flexible_version() { 2 } else { 1 }
    }

    /// 0, or 1 for flexible versions. ApiVersions always has 0, so that a client can read the answer to a version that
    /// the broker does not know.
    pub const fn response_header_version(self, api_version: i16) -> i16 {
        match self {
            Self::ApiVersions => 0,
            _ => (api_version >= self.first_flexible_version()) as i16,
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
