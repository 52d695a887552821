//! The command line of `pearl-agent`.
//!
//! **Invariant:** stdout carries the protocol and nothing else, unless help or the version is requested.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{engine_child, service};
use crate::engine::tract;
use pearl_agent::protocol::wire::PROTOCOL;

const HELP: &str = "\
Measures ONNX models on this device for `pearl`.

Usage: pearl-agent [--version | --help]

Without arguments it reads requests from stdin and writes answers to stdout, one JSON document per
line, until stdin ends. `pearl` starts it. To try it by hand:

  (echo '{\"id\": 1, \"body\": {\"hello\": {\"protocol\": PROTOCOL}}}'; sleep 1) | pearl-agent
";

/// Serves requests, does the work of a launch, or prints help or the version, as the arguments ask.
pub fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let first = arguments.first().map(|argument| argument.to_string_lossy());
    match (first.as_deref(), arguments.len()) {
        (None, _) => serve(),
        (Some("launch"), 1) => engine_child::main(),
        (Some("--version" | "-V"), 1) => {
            let version = env!("CARGO_PKG_VERSION");
            let engine = tract::VERSION;
            print(&format!("pearl-agent {version} (tract {engine}, protocol {PROTOCOL})\n"))
        }
        (Some("--help" | "-h"), 1) => print(&HELP.replace("PROTOCOL", &PROTOCOL.to_string())),
        (Some(other), _) => {
            let _ = writeln!(
                io::stderr(),
                "pearl-agent: unexpected arguments from '{other}' on; see pearl-agent --help"
            );
            ExitCode::from(2)
        }
    }
}

/// Text for a person; a reader that is gone needs none.
fn print(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn serve() -> ExitCode {
    match service::service() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "pearl-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
