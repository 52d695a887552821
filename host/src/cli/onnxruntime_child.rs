//! `pearl run-in-onnxruntime`: what `bench --verify` starts; no command for people.
//!
//! **Invariant:** one request, one answer, and the process ends.

use std::io::{BufReader, stdin, stdout};

use pearl_agent::protocol::messages::NoProgress;
use pearl_agent::protocol::serve::{Progress, serve};

use crate::measure::{OnceDone, OnceRequest, run_once};
use crate::output::error_class::{Classify, ErrorClass};

pub fn run() -> anyhow::Result<()> {
    serve(
        BufReader::new(stdin()),
        &mut stdout().lock(),
        // The host is gone: nobody waits for an answer.
        || std::process::exit(0),
        |request: OnceRequest, _: &mut Progress<'_, NoProgress, OnceDone>| run_once(&request),
    )
    .or_class(ErrorClass::Bug)
}
