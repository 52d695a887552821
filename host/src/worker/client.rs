//! The host's end of a worker: started on demand, replaced when it dies.
//!
//! **Invariant:** a worker that dies, or whose torch failed, costs the request at hand; the next one
//! finds a fresh worker.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use pearl_agent::wire::{FailureKind, PROTOCOL};

use super::environment::prepare;
use super::protocol::{
    DataReport, DataSource, ForwardReport, ForwardRequest, TeachReport, TeachRequest,
    TrainProgress, TrainReport, TrainRequest, WorkerDone, WorkerHello, WorkerRequest,
};
use crate::child::{Child, ChildError, Deadline};
use crate::exit::{Fault, Kind};
use crate::streams::Streams;

/// Loading libtorch from a cold disk takes a while.
const HELLO: Deadline = Deadline::Total(Duration::from_secs(120));
/// A worker that trains reports several times a second; reading data or a teacher's logits may
/// take minutes without a word.
const SILENCE: Deadline = Deadline::Silence(Duration::from_secs(600));

pub struct Worker {
    child: Option<Child<WorkerRequest, TrainProgress, WorkerDone>>,
    hello: WorkerHello,
}

impl Worker {
    /// Starts a worker on `auto`, `cpu` or `cuda:N`.
    pub fn start(torch_device: &str) -> anyhow::Result<Self> {
        let (child, hello) = start(torch_device).map_err(|error| fault(&error))?;
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

    pub fn forward(&mut self, request: ForwardRequest) -> anyhow::Result<ForwardReport> {
        match self.request(WorkerRequest::Forward(request), |_| {}) {
            Ok(WorkerDone::Forward(report)) => Ok(report),
            other => Err(unusable(other)),
        }
    }

    /// Trains once; where the worker dies of it, once more with a fresh one.
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
            other => Err(unexpected(&other)),
        }
    }

    fn request(
        &mut self,
        body: WorkerRequest,
        on_progress: impl FnMut(TrainProgress),
    ) -> Result<WorkerDone, ChildError> {
        let mut child = match self.child.take() {
            Some(child) => child,
            // Where the first one computed: a device that is gone is not made up for by another.
            None => start(&self.hello.torch_device).map_err(not_again)?.0,
        };
        let result = child.request(body, SILENCE, on_progress);
        if reusable(&result) {
            self.child = Some(child);
        }
        result
    }
}

/// A refusal of the device, such as one that is gone, meets every later request as well.
fn not_again(error: ChildError) -> ChildError {
    match error {
        ChildError::Failed(failure) => {
            ChildError::Start { name: "worker".to_owned(), source: io::Error::other(failure) }
        }
        error => error,
    }
}

/// Whether the worker that answered so can be asked again. One that was given up on in mid-request
/// cannot; nor should one whose torch failed: after an error on a CUDA device every later call fails,
/// and memory that was short stays taken.
fn reusable<T>(result: &Result<T, ChildError>) -> bool {
    match result {
        Ok(_) => true,
        Err(ChildError::Failed(failure)) => match failure.kind {
            FailureKind::BadInput
            | FailureKind::BadRequest
            | FailureKind::Busy
            | FailureKind::Device => true,
            FailureKind::Limit | FailureKind::Crashed | FailureKind::Internal => false,
        },
        Err(_) => false,
    }
}

/// Whose move a failure of the worker is.
pub fn fault(error: &ChildError) -> Fault {
    let kind = match error {
        ChildError::Interrupted => Kind::Interrupted,
        ChildError::Start { .. } => Kind::Usage,
        ChildError::Failed(failure) => match failure.kind {
            FailureKind::BadInput | FailureKind::Limit => Kind::Input,
            FailureKind::BadRequest | FailureKind::Busy | FailureKind::Device => Kind::Usage,
            FailureKind::Crashed | FailureKind::Internal => Kind::Bug,
        },
        _ => Kind::Bug,
    };
    Fault::new(kind, error)
}

fn unusable(result: Result<WorkerDone, ChildError>) -> anyhow::Error {
    match result {
        Ok(other) => fault(&unexpected(&other)).into(),
        Err(error) => fault(&error).into(),
    }
}

fn unexpected(done: &WorkerDone) -> ChildError {
    ChildError::Protocol {
        name: "worker".to_owned(),
        what: format!("{done:?}").chars().take(80).collect(),
    }
}

type Started = (Child<WorkerRequest, TrainProgress, WorkerDone>, WorkerHello);

fn start(torch_device: &str) -> Result<Started, ChildError> {
    let program = program().map_err(|error| ChildError::Start {
        name: "worker".to_owned(),
        source: io::Error::other(format!("{error:#}")),
    })?;
    let streams = Streams::spawn(prepare(Command::new(program).arg("worker")))
        .map_err(|source| ChildError::Start { name: "worker".to_owned(), source })?;
    let mut child = Child::start("worker", streams)?;
    let hello = WorkerRequest::Hello { protocol: PROTOCOL, torch_device: torch_device.to_owned() };
    match child.request(hello, HELLO, |_| {})? {
        WorkerDone::Hello(hello) => Ok((child, hello)),
        other => Err(unexpected(&other)),
    }
}

/// This program, by the file that runs: an upgrade in mid-run does not mix versions.
fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("own executable")
}

#[cfg(test)]
mod tests {
    use pearl_agent::wire::Failure;

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
