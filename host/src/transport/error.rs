//! Why a device cannot be reached.

use crate::exit::Kind;

#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{doing}: no answer within {seconds} s")]
    Late { doing: String, seconds: u64 },
    #[error("{doing}: {reason}")]
    Failed { doing: String, reason: String },
    /// What it says is the whole message.
    #[error("{0}")]
    Refused(String),
    /// The same, where only a person can change it.
    #[error("{0}")]
    Lasting(String),
    #[error("interrupted")]
    Interrupted,
}

impl TransportError {
    pub fn failed(doing: impl Into<String>, reason: impl ToString) -> Self {
        Self::Failed { doing: doing.into(), reason: reason.to_string() }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Interrupted => Kind::Interrupted,
            _ => Kind::Device,
        }
    }
}
