//! The host's end of a worker: started on demand, replaced when it dies.
//!
//! **Invariant:** a worker that dies, or whose torch failed, costs the current request; the next request
//! gets a fresh worker.

use std::env;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use pearl_agent::protocol::wire::{FailureKind, PROTOCOL};

use super::environment::prepare;
use super::worker_protocol::{
    DataReport, DataSource, PolicyReport, PolicyRequest, TeachReport, TeachRequest, TrainProgress,
    TrainReport, TrainRequest, WorkerDone, WorkerHello, WorkerRequest,
};
use crate::output::error_class::{Classified, ErrorClass, told};
use crate::process::child::{Child, ChildError, Deadline};
use crate::process::streams::Streams;

/// Loading libtorch from a cold disk takes a while.
const HELLO: Deadline = Deadline::Total(Duration::from_secs(120));
/// The idle timeout. A worker that trains reports several times a second, but reading data or a
/// teacher's logits may take minutes without a report.
const IDLE: Deadline = Deadline::Idle(Duration::from_secs(600));

/// An answer of the policy takes milliseconds, or seconds on a machine that is busy.
const POLICY: Deadline = Deadline::Total(Duration::from_secs(120));

pub struct Worker {
    child: Option<Child<WorkerRequest, TrainProgress, WorkerDone>>,
    hello: WorkerHello,
}

impl Worker {
    /// Starts a worker on `auto`, `cpu` or `cuda:N`.
    pub fn start(torch_device: &str) -> anyhow::Result<Self> {
        let (child, hello) = start(torch_device).map_err(|error| {
            // A worker that does not find its libtorch ends before it answers.
            let advice =
                "see what `pearl-worker --version` says, and build it again with `make build`";
            match error.lost() {
                true => Classified::usage(format_args!("{error}; {advice}")),
                false => classified(&error),
            }
        })?;
        Ok(Self { child: Some(child), hello })
    }

    pub fn hello(&self) -> &WorkerHello {
        &self.hello
    }

    pub fn data(&mut self, source: DataSource) -> anyhow::Result<DataReport> {
        match self.request(WorkerRequest::Data(source), |_| {}) {
            Ok(WorkerDone::Data(report)) => Ok(report),
            other => Err(unusable(other)),
        }
    }

    pub fn teach(&mut self, request: TeachRequest) -> anyhow::Result<TeachReport> {
        match self.request(WorkerRequest::Teach(request), |_| {}) {
            Ok(WorkerDone::Teach(report)) => Ok(report),
            other => Err(unusable(other)),
        }
    }

    /// Asks the policy. If the worker dies, a fresh worker is asked once more: an answer depends only on
    /// its request.
    pub fn policy(&mut self, request: &PolicyRequest) -> anyhow::Result<PolicyReport> {
        let mut ask = || self.within(WorkerRequest::Policy(request.clone()), POLICY, |_| {});
        let done = match ask() {
            Err(error) if error.lost() => ask(),
            done => done,
        };
        match done {
            Ok(WorkerDone::Policy(report)) => Ok(report),
            Err(error) if error.lost() => {
                let advice = "see whether memory is short; the same command resumes";
                Err(Classified::usage(format_args!("{error}; {advice}")).into())
            }
            other => Err(unusable(other)),
        }
    }

    /// Trains a network. If the worker dies, a fresh worker trains it once more.
    pub fn train(
        &mut self,
        request: &TrainRequest,
        mut on_progress: impl FnMut(TrainProgress),
    ) -> Result<TrainReport, ChildError> {
        let body = || WorkerRequest::Train(Box::new(request.clone()));
        let done = match self.request(body(), &mut on_progress) {
            Err(error) if error.lost() => self.request(body(), &mut on_progress)?,
            done => done?,
        };
        match done {
            WorkerDone::Train(report) => Ok(report),
            other => Err(out_of_turn(&other)),
        }
    }

    fn request(
        &mut self,
        body: WorkerRequest,
        on_progress: impl FnMut(TrainProgress),
    ) -> Result<WorkerDone, ChildError> {
        self.within(body, IDLE, on_progress)
    }

    fn within(
        &mut self,
        body: WorkerRequest,
        deadline: Deadline,
        on_progress: impl FnMut(TrainProgress),
    ) -> Result<WorkerDone, ChildError> {
        let mut child = match self.child.take() {
            Some(child) => child,
            // On the first worker's torch device: a lost device is not replaced by another one.
            None => start(&self.hello.torch_device).map_err(not_again)?.0,
        };
        let result = child.request(body, deadline, on_progress);
        if reusable(&result) {
            self.child = Some(child);
        }
        result
    }
}

/// A failure to start: if the torch device is refused, for instance because it is gone, every later
/// request would be refused as well.
fn not_again(error: ChildError) -> ChildError {
    match error {
        ChildError::Failed(failure) => {
            ChildError::Start { name: "worker".to_owned(), source: io::Error::other(failure) }
        }
        error => error,
    }
}

/// Whether the worker that gave this answer can be asked again. A worker that was given up during a
/// request cannot. A worker whose torch failed should not: after an error on a CUDA device every later
/// call fails, and memory that was short stays allocated.
fn reusable<T>(result: &Result<T, ChildError>) -> bool {
    match result {
        Ok(_) => true,
        Err(ChildError::Failed(failure)) => match failure.kind {
            FailureKind::BadInput
            | FailureKind::BadRequest
            | FailureKind::Busy
            | FailureKind::Device => true,
            FailureKind::Limit
            | FailureKind::TimeLimit
            | FailureKind::MemoryLimit
            | FailureKind::Crashed
            | FailureKind::Internal => false,
        },
        Err(_) => false,
    }
}

/// The error class of a failure of the worker.
pub fn classified(error: &ChildError) -> Classified {
    let kind = match error {
        ChildError::Interrupted => ErrorClass::Interrupted,
        ChildError::Start { .. } => ErrorClass::Usage,
        ChildError::Failed(failure) => match failure.kind {
            FailureKind::BadInput
            | FailureKind::Limit
            | FailureKind::TimeLimit
            | FailureKind::MemoryLimit => ErrorClass::Input,
            FailureKind::BadRequest | FailureKind::Busy => ErrorClass::Usage,
            // A worker's device is this machine.
            FailureKind::Device => ErrorClass::Machine,
            FailureKind::Crashed | FailureKind::Internal => ErrorClass::Bug,
        },
        _ => ErrorClass::Bug,
    };
    let plain = Classified::new(kind, error);
    match error {
        ChildError::Failed(failure) => plain.because(failure.clone()),
        _ => plain,
    }
}

fn unusable(result: Result<WorkerDone, ChildError>) -> anyhow::Error {
    match result {
        Ok(other) => unexpected(&other),
        Err(error) => classified(&error).into(),
    }
}

/// The error of an answer that does not fit its request.
pub fn unexpected(answer: &impl Debug) -> anyhow::Error {
    classified(&out_of_turn(answer)).into()
}

fn out_of_turn(done: &impl Debug) -> ChildError {
    ChildError::Protocol {
        name: "worker".to_owned(),
        what: format!("{done:?}").chars().take(80).collect(),
    }
}

type Started = (Child<WorkerRequest, TrainProgress, WorkerDone>, WorkerHello);

fn start(torch_device: &str) -> Result<Started, ChildError> {
    let program = program().map_err(|error| ChildError::Start {
        name: "worker".to_owned(),
        source: io::Error::other(told(&error)),
    })?;
    let streams = Streams::spawn(prepare(&mut Command::new(program)))
        .map_err(|source| ChildError::Start { name: "worker".to_owned(), source })?;
    let mut child = Child::start("worker", streams)?;
    let hello = WorkerRequest::Hello { protocol: PROTOCOL, torch_device: torch_device.to_owned() };
    match child.request(hello, HELLO, |_| {})? {
        WorkerDone::Hello(hello) if hello.version == VERSION => Ok((child, hello)),
        WorkerDone::Hello(hello) => {
            let own =
                format!("it is version {}, and pearl is {VERSION}; build both", hello.version);
            Err(ChildError::Start { name: "worker".to_owned(), source: io::Error::other(own) })
        }
        other => Err(out_of_turn(&other)),
    }
}

/// Variable that names another worker than the one beside this program.
pub const VARIABLE: &str = "PEARL_WORKER";
const NAME: &str = "pearl-worker";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The worker that `$PEARL_WORKER` names, else the one that lies beside this program.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("{VARIABLE} names {}: no such file", named.display());
        }
        return Ok(named);
    }
    let own = env::current_exe().context("own executable")?;
    let beside = own.with_file_name(NAME);
    if beside.is_file() {
        return Ok(beside);
    }
    bail!(
        "{}: no such file; build it with `make build`, or with `cargo build --release -p pearl-worker` \
         if libtorch is installed; or name a worker in {VARIABLE}",
        beside.display()
    )
}

#[cfg(test)]
mod tests {
    use pearl_agent::protocol::wire::Failure;

    use super::*;

    #[test]
    fn a_worker_whose_torch_failed_is_not_asked_again() {
        let failed = |kind| Err::<(), _>(ChildError::Failed(Failure::new(kind, "why")));
        use FailureKind::{BadInput, BadRequest, Busy, Crashed, Device, Internal, Limit};
        assert!(reusable(&Ok(())));
        for kind in [BadInput, BadRequest, Busy, Device] {
            assert!(reusable(&failed(kind)), "{kind:?}");
        }
        for kind in [Internal, Limit, Crashed] {
            assert!(!reusable(&failed(kind)), "{kind:?}");
        }
        assert!(!reusable::<()>(&Err(ChildError::Interrupted)));
    }
}
