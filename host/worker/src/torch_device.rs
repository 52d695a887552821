//! Where torch computes: `auto`, `cpu`, `cuda` or `cuda:N`.
//!
//! **Invariant:** a returned device exists.

use std::fmt::{self, Display, Formatter};
use std::num::NonZero;
use std::thread;

use tch::{Cuda, Device};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchDevice(Device);

#[derive(Debug, thiserror::Error)]
pub enum TorchDeviceError {
    #[error("torch device '{0}': unknown; there are auto, cpu and cuda:N")]
    Unknown(String),
    #[error("torch device '{name}': {}", why(*.count))]
    Absent { name: String, count: usize },
}

impl TorchDevice {
    pub const CPU: TorchDevice = TorchDevice(Device::Cpu);

    /// # Errors
    /// If the name is unknown, or names a CUDA device that this machine does not have.
    pub fn named(name: &str) -> Result<TorchDevice, TorchDeviceError> {
        let count = usize::try_from(Cuda::device_count()).unwrap_or(0);
        let index = match name {
            "cpu" => return Ok(Self::CPU),
            "auto" if count == 0 => return Ok(Self::CPU),
            "auto" | "cuda" => Some(0),
            _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
        };
        let index = index.ok_or_else(|| TorchDeviceError::Unknown(name.to_owned()))?;
        if index < count {
            Ok(TorchDevice(Device::Cuda(index)))
        } else {
            Err(TorchDeviceError::Absent { name: name.to_owned(), count })
        }
    }

    pub fn device(self) -> Device {
        self.0
    }

    pub fn is_cuda(self) -> bool {
        self.0.is_cuda()
    }

    /// Makes torch use every processor that this process may run on, and says how many.
    pub fn claim_threads(self) -> usize {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        // More than this gains nothing at the sizes that are trained here.
        tch::set_num_threads(threads.min(64) as i32);
        usize::try_from(tch::get_num_threads()).unwrap_or(1)
    }

    /// Computes with one thread, and has as many as before afterwards.
    pub fn with_one_thread<T>(self, compute: impl FnOnce() -> T) -> T {
        let threads = tch::get_num_threads();
        tch::set_num_threads(1);
        let result = compute();
        tch::set_num_threads(threads);
        result
    }

    /// Computes in mixed precision if the device gains from it.
    ///
    /// A CPU computes in f32: bfloat16 there needs instructions that virtual machines announce but do
    /// not have, which ends the process.
    pub fn autocast<T>(self, compute: impl FnOnce() -> T) -> T {
        if self.is_cuda() { tch::autocast(true, compute) } else { compute() }
    }
}

impl Display for TorchDevice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Device::Cuda(index) => write!(f, "cuda:{index}"),
            _ => write!(f, "cpu"),
        }
    }
}

fn why(count: usize) -> String {
    match count {
        0 => "torch sees no CUDA device on this machine; use auto or cpu".into(),
        1 => "torch sees one CUDA device, cuda:0".into(),
        _ => format!("torch sees {count} CUDA devices, cuda:0 to cuda:{}", count - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_understood_or_refused_with_what_exists() {
        assert_eq!(TorchDevice::named("cpu").unwrap(), TorchDevice::CPU);
        assert!(TorchDevice::named("auto").is_ok());
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            let message = TorchDevice::named(name).unwrap_err().to_string();
            assert!(message.contains(&format!("'{name}': unknown; there are auto")), "{message}");
        }
    }

    #[test]
    fn a_cuda_device_that_is_not_there_is_refused() {
        let message = TorchDevice::named("cuda:4096").unwrap_err().to_string();
        assert!(message.contains("'cuda:4096': torch sees"), "{message}");
    }
}
