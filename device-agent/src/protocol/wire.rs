//! The envelope of every line, the same for all children.
//!
//! **Invariant:** durations are integers in nanoseconds; no message holds a float that could be NaN
//! unless its reader refuses it.

use serde::{Deserialize, Serialize};

/// Version of the protocol. A child and a host of different versions refuse each other.
///
/// Changelog: 1, the first. 2: leases, model files over the protocol, threads and precision,
/// profiles, a probe of the device; more of the platform's facts. 3: a precision for runs, too. 4: blocks of
/// samples with readings of the reference workload (sentinel) between them; a probe reports other
/// processes. 5: `probe` is the name of that request; the worker answers for the policy. 6: sizes
/// for what a model's file leaves open; a launch tells the inputs that it fed. 7: a profile tells the inputs and
/// attributes of each operator; a launch what its graph tells, and the time of other inputs; a run may be fed
/// as a launch is; `time_limit` and `memory_limit` are failures of their own; a hypervisor, and more of the
/// frequency policy; options of an imported teacher, remarks on it; cycles and instructions of a launch, and
/// Android's thermal state, scheduling group and fixed-performance mode; random weights for a model that has none.
pub const PROTOCOL: u32 = 7;

/// Longest line that either side accepts, in bytes.
pub const MAX_LINE: usize = 64 << 20;

/// Host to child.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request<B> {
    /// Chosen by the host; every reply to the request has the same id.
    pub id: u64,
    /// What is asked.
    pub body: B,
}

/// Child to host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply<P, D> {
    /// The id of the request; 0 where the request has none.
    pub id: u64,
    /// Progress, or how the request ended.
    pub outcome: Outcome<P, D>,
}

/// Progress `P`, or how a request ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<P, D> {
    /// Any number of these may come before the terminal line.
    Progress(P),
    /// The request succeeded; terminal.
    Done(D),
    /// The request failed; terminal.
    Failed(Failure),
}

/// Why a request failed; the child itself goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The error class.
    pub kind: FailureKind,
    /// Lower-case, no full stop, naming the object.
    pub message: String,
}

impl Failure {
    /// A failure of this error class.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The error class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request is invalid, or has another protocol version.
    BadRequest,
    /// The file, data set or network handed in cannot be used.
    BadInput,
    /// A limit on size was reached.
    Limit,
    /// The work was not done within its time limit.
    TimeLimit,
    /// The work needs more memory than its limit.
    MemoryLimit,
    /// The process that did the work crashed; the child that ran it did not.
    Crashed,
    /// Another host measures on the device.
    Busy,
    /// The device cannot do it: no space, no permission, not the requested arithmetic or threads.
    Device,
    /// A bug of ours.
    Internal,
}
