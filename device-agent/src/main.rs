//! The agent: what it does with a model on the device.
//!
//! ```text
//! host ─ JSON Lines ─► session::service ─► isolation ─ one request ─► child process ─► timing ─► engine
//!                        └─► session_guard: private folder, lease, clock rates, model files
//! ```
//!
//! **Invariant:** knows files and tensors, never architectures; opens no port.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod engine;
mod platform;
mod session;
mod timing;

use std::process::ExitCode;

use platform::memory::LimitedHeap;
use session::command_line;

#[global_allocator]
static HEAP: LimitedHeap = LimitedHeap;

fn main() -> ExitCode {
    command_line::main()
}
