//! Why the worker could not do what it was asked.
//!
//! **Invariant:** an error that comes from a file, a name or a number of the request is the caller's to
//! correct; any other refusal by torch is a bug of ours.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;

use pearl_agent::protocol::wire::{Failure, FailureKind};
use pearl_models::reference::ReferenceError;
use pearl_models::space::SpaceError;
use tch::TchError;

use crate::dataset::DatasetError;
use crate::policy::PolicyError;
use crate::teachers::teacher_module::TeacherError;
use crate::torch_device::TorchDeviceError;
use crate::torch_error::reason;
use pearl::train::weights_file::{WeightsError, WeightsProblem};

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
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("{0}")]
    Request(String),
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the host is gone: {0}")]
    Gone(io::Error),
    #[error("torch has no memory left (a smaller --batch takes less): {0}")]
    Memory(String),
    #[error("torch: {}", reason(.0))]
    Torch(TchError),
}

impl From<TchError> for WorkerError {
    fn from(error: TchError) -> WorkerError {
        let reason = reason(&error);
        if short_of_memory(&reason) {
            // The text from here on is advice on torch's settings.
            let end = reason.find(" Including non-PyTorch").unwrap_or(reason.len());
            return WorkerError::Memory(reason[..end].to_owned());
        }
        WorkerError::Torch(error)
    }
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Failure {
        use WorkerError::*;
        let text = error.to_string();
        let kind = match &error {
            // Data and teachers can meet both, too; a CUDA error is reported by the next call.
            Data(_) | Teacher(_) if short_of_memory(&text) => FailureKind::Limit,
            Data(_) | Teacher(_) if text.contains("CUDA error") => FailureKind::Internal,
            NoHello | Protocol { .. } | Request(_) | TorchDevice(_) => FailureKind::BadRequest,
            // This machine's disk.
            Write { .. } | Weights(WeightsError { problem: WeightsProblem::Write(_), .. }) => {
                FailureKind::Device
            }
            Data(_) | Teacher(_) | Weights(_) => FailureKind::BadInput,
            Architecture(_) | Reference(_) => FailureKind::BadInput,
            Policy(PolicyError::Torch(_) | PolicyError::NotFinite { .. }) => FailureKind::Internal,
            Policy(_) => FailureKind::BadRequest,
            Memory(_) => FailureKind::Limit,
            Gone(_) | Torch(_) => FailureKind::Internal,
        };
        Failure::new(kind, text)
    }
}

/// Whether the machine or a CUDA device had no memory left.
fn short_of_memory(text: &str) -> bool {
    let signs = ["out of memory", "can't allocate memory", "ALLOC_FAILED"];
    signs.iter().any(|sign| text.contains(sign))
}

/// The result of `compute`, in which a panic of torch's binding becomes an error. The binding panics if
/// a call that takes a number fails, because the number's destructor finds the error first.
pub fn without_panics<T>(
    compute: impl FnOnce() -> Result<T, WorkerError>,
) -> Result<T, WorkerError> {
    panic::catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|payload| {
        match torch_error(&*payload) {
            Some(error) => Err(error.into()),
            None => panic::resume_unwind(payload),
        }
    })
}

/// The error in the text of a panic such as `called … on an `Err` value: Torch("message\nbacktrace")`.
fn torch_error(payload: &(dyn Any + Send)) -> Option<TchError> {
    let (_, message) = payload.downcast_ref::<String>()?.split_once("Torch(\"")?;
    let message = message.trim_end_matches("\")").replace("\\n", "\n").replace("\\\"", "\"");
    Some(TchError::Torch(message))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn an_error_that_the_binding_panics_with_is_an_error() {
        let three = Tensor::zeros([3], (Kind::Float, Device::Cpu));
        let error = without_panics(|| Ok(three.f_sub_scalar(1.0)?.f_mul(&Tensor::new())?));
        assert!(matches!(error, Err(WorkerError::Torch(_))));
        let error = without_panics(|| Ok(Tensor::new().f_mul_scalar(2.0)?)).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("torch: ") && text.len() > 20, "{text}");
        assert!(!text.contains("frame #") && !text.contains("unwrap"), "{text}");
    }

    #[test]
    #[should_panic = "a bug of ours"]
    fn any_other_panic_goes_on() {
        let _ = without_panics::<()>(|| panic!("a bug of ours"));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_not_called_bad_input() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let weights =
            WeightsError { path: "w.safetensors".into(), problem: WeightsProblem::Write(full()) };
        let logits = WorkerError::Write { path: "logits".into(), source: full() };
        for error in [WorkerError::from(weights), logits] {
            assert_eq!(Failure::from(error).kind, FailureKind::Device);
        }
    }

    #[test]
    fn memory_that_is_short_is_told_from_other_failures() {
        let failure = |text: &str| Failure::from(WorkerError::from(TchError::Torch(text.into())));
        let short = failure(
            "CUDA out of memory. Tried to allocate 1 GiB. GPU 0 has 2 MiB free. Including \
             non-PyTorch memory, this process has 9 GiB in use.\nframe #0",
        );
        assert_eq!(short.kind, FailureKind::Limit);
        assert!(short.message.ends_with("GPU 0 has 2 MiB free."), "{short}");
        assert!(short.message.contains("--batch"), "{short}");
        assert_eq!(failure("CUDA error: out of memory").kind, FailureKind::Limit);
        let teacher = TeacherError::Forward {
            path: "big.pt".into(),
            images: vec![2, 1, 28, 28],
            message: "CUDA out of memory.".into(),
        };
        assert_eq!(Failure::from(WorkerError::from(teacher)).kind, FailureKind::Limit);
        let broken = failure("CUDA error: misaligned address\nframe #0");
        assert_eq!(broken.kind, FailureKind::Internal);
        assert_eq!(broken.message, "torch: CUDA error: misaligned address");
    }
}
