//! The agent: see [`pearl_agent::engine`].

use std::process::ExitCode;

use pearl_agent::engine::{cli, memory::LimitedHeap};

#[global_allocator]
static HEAP: LimitedHeap = LimitedHeap;

fn main() -> ExitCode {
    cli::main()
}
