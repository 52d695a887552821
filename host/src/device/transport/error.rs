//! Why a device cannot be reached.

use crate::output::error_class::ErrorClass;

#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    #[error("{doing}: no answer within {seconds} s")]
    Late { doing: String, seconds: u64 },
    #[error("{doing}: {reason}")]
    Failed { doing: String, reason: String },
    /// The text is the whole message.
    #[error("{0}")]
    Refused(String),
    /// As `Refused`; trying again is of no use until the user has changed something.
    #[error("{0}")]
    Lasting(String),
    #[error("interrupted")]
    Interrupted,
}

impl TransportError {
    pub fn failed(doing: impl Into<String>, reason: impl ToString) -> Self {
        Self::Failed { doing: doing.into(), reason: reason.to_string() }
    }

    /// The same error with a remark at its end.
    pub fn with(self, remark: &str) -> Self {
        match self {
            Self::Failed { doing, reason } => {
                Self::Failed { doing, reason: format!("{reason} ({remark})") }
            }
            Self::Refused(message) => Self::Refused(format!("{message} ({remark})")),
            Self::Lasting(message) => Self::Lasting(format!("{message} ({remark})")),
            error @ (Self::Late { .. } | Self::Interrupted) => error,
        }
    }

    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Interrupted => ErrorClass::Interrupted,
            _ => ErrorClass::Device,
        }
    }
}
