//! The agent as the host knows it: answers requests until the host is gone.
//!
//! **Invariant:** no request but a greeting of this very protocol is answered before it; no model is
//! touched in this process.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::child::Work;
use super::isolation::{Isolation, OWN_EXECUTABLE};
use super::model_file::hex;
use super::tract::Tract;
use super::{Engine, platform};
use crate::agent::{AgentDone, AgentHello, AgentRequest, NoProgress};
use crate::line::LineError;
use crate::serve::serve;
use crate::wire::{Failure, FailureKind, PROTOCOL};

/// Serves on stdin and stdout until stdin ends; a child that runs then is killed.
///
/// # Errors
/// Where stdin or stdout fails.
pub fn service() -> Result<(), LineError> {
    let isolation = Arc::new(Isolation::default());
    let ended = Arc::clone(&isolation);
    let mut greeted = Greeted::NotYet;
    serve(
        BufReader::new(io::stdin()),
        &mut io::stdout().lock(),
        move || ended.end(),
        |request, _: &mut crate::serve::Progress<'_, NoProgress, AgentDone>| match request {
            AgentRequest::Hello { protocol } => {
                let hello = hello(protocol)?;
                greeted = Greeted::Yes;
                Ok(AgentDone::Hello(hello))
            }
            _ if matches!(greeted, Greeted::NotYet) => {
                let message = "the first request must be hello";
                Err(Failure::new(FailureKind::BadRequest, message))
            }
            AgentRequest::Lease(_) => Ok(AgentDone::Leased),
            AgentRequest::Release => Ok(AgentDone::Released),
            AgentRequest::Put(_) | AgentRequest::Look(_) | AgentRequest::Profile(_) => {
                Err(Failure::new(FailureKind::BadRequest, "not yet"))
            }
            AgentRequest::Launch(request) => isolation.run(Work::Launch(request)),
            AgentRequest::Run(request) => isolation.run(Work::Run(request)),
        },
    )
}

enum Greeted {
    NotYet,
    Yes,
}

fn hello(protocol: u32) -> Result<AgentHello, Failure> {
    if protocol != PROTOCOL {
        let message = format!(
            "the host speaks protocol {protocol}, this agent {PROTOCOL}; install the same version of both"
        );
        return Err(Failure::new(FailureKind::BadRequest, message));
    }
    let build = own_hash().map_err(|error| {
        Failure::new(FailureKind::Internal, format!("{OWN_EXECUTABLE}: {error}"))
    })?;
    Ok(AgentHello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").into(),
        build,
        engine: Tract.identity(),
        platform: platform::platform(),
    })
}

fn own_hash() -> io::Result<String> {
    let mut file = File::open(OWN_EXECUTABLE)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&chunk[..n]),
        }
    }
}
