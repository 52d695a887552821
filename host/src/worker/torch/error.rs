//! Why the worker could not do what it was asked.
//!
//! **Invariant:** whatever stems from a file, a name or a number that was handed in is the asker's to
//! mend; what torch refuses beyond that is a bug of ours.

use std::io;
use std::path::PathBuf;

use pearl_agent::wire::{Failure, FailureKind};
use pearl_models::reference::ReferenceError;
use pearl_models::space::SpaceError;
use tch::TchError;

use super::dataset::DatasetError;
use super::teacher::TeacherError;
use super::torch_device::TorchDeviceError;
use crate::weights::WeightsError;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the first request has to be hello")]
    NoHello,
    #[error("protocol {found} is not {expected}; host and worker are of different builds")]
    Protocol { found: u32, expected: u32 },
    #[error(transparent)]
    TorchDevice(#[from] TorchDeviceError),
    #[error(transparent)]
    Data(#[from] DatasetError),
    #[error(transparent)]
    Teacher(#[from] TeacherError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    Architecture(#[from] SpaceError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error("{0}")]
    Request(String),
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the host is gone: {0}")]
    Gone(io::Error),
    #[error("torch: {}", first_line(.0))]
    Torch(#[from] TchError),
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Failure {
        use WorkerError::*;
        let kind = match &error {
            NoHello | Protocol { .. } | Request(_) | TorchDevice(_) => FailureKind::BadRequest,
            Data(_) | Teacher(_) | Weights(_) => FailureKind::BadInput,
            Architecture(_) | Reference(_) => FailureKind::BadInput,
            Write { .. } => FailureKind::Limit,
            Gone(_) | Torch(_) => FailureKind::Internal,
        };
        Failure::new(kind, error.to_string())
    }
}

/// Torch appends the place in its sources and a backtrace to what it has to say.
pub fn first_line(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or("no message").trim().to_owned()
}
