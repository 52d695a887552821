//! The name of an architecture.
//!
//! **Invariant:** 64 bits of a SHA-256, written as 16 lower-case hexadecimal digits everywhere.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The first 64 bits of the SHA-256 of an architecture's canonical document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ArchId(u64);

/// A text that is not an architecture id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("architecture id '{text}': not 16 lower-case hexadecimal digits")]
pub struct ArchIdError {
    text: String,
}

impl ArchId {
    pub(crate) fn of(canonical: &str) -> ArchId {
        let digest = Sha256::digest(canonical);
        ArchId(digest[..8].iter().fold(0, |id, &byte| id << 8 | u64::from(byte)))
    }
}

impl Display for ArchId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Debug for ArchId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl FromStr for ArchId {
    type Err = ArchIdError;

    fn from_str(text: &str) -> Result<ArchId, ArchIdError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let id = (text.len() == 16 && digits).then(|| u64::from_str_radix(text, 16).ok());
        id.flatten().map(ArchId).ok_or_else(|| ArchIdError { text: text.to_owned() })
    }
}

impl From<ArchId> for String {
    fn from(id: ArchId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for ArchId {
    type Error = ArchIdError;

    fn try_from(text: String) -> Result<ArchId, ArchIdError> {
        text.parse()
    }
}
