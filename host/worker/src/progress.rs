//! How a request's progress reaches the host.

use std::io;

use pearl::train::worker_protocol::TrainProgress;

/// Hands progress to the host.
pub type Report<'a> = &'a mut dyn FnMut(TrainProgress) -> io::Result<()>;
