//! Why a child ended without an answer.
//!
//! **Invariant:** a reached limit is distinguished from a crash.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

use crate::engine::error::one_line;
use crate::platform::memory::OUT_OF_MEMORY;
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// The failure of a child that ended without an answer.
pub(crate) fn post_mortem(
    model: &str,
    exit: ExitStatus,
    stderr: &[u8],
    memory_bytes: u64,
) -> Failure {
    let stderr = String::from_utf8_lossy(stderr);
    let signal = exit.signal();
    if signal == Some(Signal::ABORT.as_raw()) && stderr.contains(OUT_OF_MEMORY) {
        let mib = memory_bytes as f64 / f64::from(1 << 20);
        let message = format!("{model}: out of memory: limit {mib:.0} MiB");
        return Failure::new(FailureKind::MemoryLimit, message);
    }
    let how = match (signal, exit.code()) {
        (Some(9), _) => {
            "was killed (signal 9), probably because the device ran out of memory".into()
        }
        (Some(signal), _) => format!("crashed with signal {signal}{}", name(signal)),
        (None, Some(code)) => format!("ended with code {code} and no answer"),
        (None, None) => "ended with no answer".into(),
    };
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).map(one_line);
    let told = last.map_or_else(String::new, |last| format!(": {last}"));
    Failure::new(FailureKind::Crashed, format!("{model}: its process {how}{told}"))
}

fn name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic)",
        11 => " (segmentation fault)",
        _ => "",
    }
}
