//! The envelope that every line wears, whichever child speaks.
//!
//! **Invariant:** durations are integers in nanoseconds; no message holds a float that could be NaN
//! unless its reader refuses it.

use serde::{Deserialize, Serialize};

/// Version of the protocol. A child and a host of different versions refuse each other.
///
/// Changelog: 1, the first. 2: leases, model files over the protocol, threads and precision,
/// profiles, a look at the device; more of the platform's facts. 3: a precision for runs, too. 4: blocks of
/// samples with readings of the sentinel between them; a look tells of others.
pub const PROTOCOL: u32 = 4;

/// Longest line that either side accepts, in bytes.
pub const MAX_LINE: usize = 64 << 20;

/// Host to child.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request<B> {
    pub id: u64,
    pub body: B,
}

/// Child to host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply<P, D> {
    pub id: u64,
    pub outcome: Outcome<P, D>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<P, D> {
    /// Any number of these may come before the terminal line.
    Progress(P),
    Done(D),
    Failed(Failure),
}

/// Why a request failed; the child itself goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    /// Lower-case, no full stop, naming the object.
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request makes no sense, or is of another protocol version.
    BadRequest,
    /// The file, data set or network handed in cannot be used.
    BadInput,
    /// A limit on size, time or memory was reached.
    Limit,
    /// The process that did the work crashed; the child that ran it did not.
    Crashed,
    /// Somebody else measures on the device.
    Busy,
    /// The device cannot do it: no space, no right, not the arithmetic or the threads asked for.
    Device,
    /// A bug of ours.
    Internal,
}
