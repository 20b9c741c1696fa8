//! API keys: random tokens of which only the SHA-256 is kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::TryRngCore as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::role::Role;

/// Every key begins with this, so that a leaked one is recognised.
const TOKEN_PREFIX: &str = "hr_";
/// 256 bits: beyond guessing, so a plain hash is enough and no salt is needed.
const TOKEN_BYTES: usize = 32;
/// This many characters of a token are kept to tell keys apart.
const SHOWN_CHARS: usize = 9;

/// A key, without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ApiKey {
    /// Never changes.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The only project that it may touch; null: all.
    pub project: Option<String>,
    /// How the secret begins.
    pub prefix: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A key that was only just made, with the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CreatedApiKey {
    /// The key.
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The secret. It is shown this once; a repeated request with the same Idempotency-Key answers null.
    pub key: Option<String>,
}

/// The body of a request to make a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CreateApiKey)]
pub(crate) struct Create {
    /// For people; 1 to 80 characters.
    #[schema(example = "ci")]
    pub name: String,
    /// `admin`, `operator`, `developer` or `viewer`; agents' keys are made by the service itself.
    pub role: Role,
    /// The only project that it may touch; absent: all.
    pub project: Option<String>,
}

/// A secret in clear. Not `Debug` in clear, not stored, not logged.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// A fresh one from the operating system's randomness.
    pub(crate) fn generate() -> Result<Self, rand::rand_core::OsError> {
        let mut bytes = [0_u8; TOKEN_BYTES];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// What someone sent, or what was read from a file; `None` when it cannot be a key.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let secret = text.strip_prefix(TOKEN_PREFIX)?;
        let plausible = secret.len() == (TOKEN_BYTES * 8).div_ceil(6)
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        plausible.then(|| Self(text.to_owned()))
    }

    /// What is stored.
    pub(crate) fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.as_bytes()).to_vec()
    }

    /// What is shown in lists.
    pub(crate) fn prefix(&self) -> &str {
        self.0.get(..SHOWN_CHARS).unwrap_or_default()
    }

    /// The secret, to be handed out once.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}…)", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_reads_back_and_shows_only_its_beginning() {
        let token = Token::generate().expect("randomness");
        assert_eq!(Token::parse(&format!(" {}\n", token.expose())), Some(token.clone()));
        assert_eq!(token.prefix().len(), 9);
        assert!(!format!("{token:?}").contains(token.expose()));
        for wrong in ["", "hr_", "hr_short", "xx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Token::parse(wrong), None, "{wrong:?}");
        }
    }
}
