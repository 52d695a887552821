//! Does work in a child process, which may crash, hang, answer nonsense or reach its limits.
//!
//! **Invariant:** whatever the child does, `run` returns within the time limit and a moment. When it
//! returns, the child has ended and is reaped. At most one child runs.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::engine_child::{Answer, Job, Work};
use super::pipes::Pipes;
use super::post_mortem::post_mortem;
use pearl_agent::protocol::line::LineError;
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// The executable of this process, even where another file has taken its path since.
pub(crate) const OWN_EXECUTABLE: &str = "/proc/self/exe";

/// How long a child whose stdout has ended may take to exit.
const GRACE: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_micros(500);

/// Runs children one at a time, and can be ended from another thread.
#[derive(Default)]
pub(crate) struct Isolation {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    Running(Child),
    Ended,
}

impl Isolation {
    /// Kills the running child, if any; no child is started after that.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        if let State::Running(child) = &mut *state {
            // Both fail only where the child has already ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        *state = State::Ended;
    }

    /// Does the work in a fresh process of this executable, started with the argument `launch`.
    ///
    /// The child dies with the calling thread, so this thread must live as long as the process.
    ///
    /// # Errors
    /// The child's own failure, or how the child ended.
    pub(crate) fn run(&self, work: Work) -> Answer {
        let (subject, limits) = (work.subject().to_owned(), work.limits());
        let failure = |kind, what: String| Failure::new(kind, format!("{subject}: {what}"));
        let time = Duration::from_nanos(limits.time_ns);
        let started = Instant::now();
        let pipes = self.start(work).map_err(|error| {
            failure(FailureKind::Internal, format!("its process cannot be started: {error}"))
        })?;
        let Some(pipes) = pipes else {
            let what = "not started, because the host is gone".into();
            return Err(failure(FailureKind::Crashed, what));
        };

        let line = pipes.line.recv_timeout(time.saturating_sub(started.elapsed()));
        let stdout_ended = matches!(line, Ok(Ok(_) | Err(LineError::Truncated)));
        let exit = self.reap(if stdout_ended { GRACE } else { Duration::ZERO });
        let stderr = pipes.stderr.join().unwrap_or_default();
        let Some(exit) = exit else {
            let what = "stopped, because the host is gone".into();
            return Err(failure(FailureKind::Crashed, what));
        };

        Err(match line {
            Ok(Ok(Some(line))) => match serde_json::from_slice::<Answer>(&line) {
                Ok(answer) => return answer,
                Err(error) => {
                    failure(FailureKind::Internal, format!("answer not understood: {error}"))
                }
            },
            Ok(Ok(None) | Err(LineError::Truncated)) => {
                post_mortem(&subject, exit, &stderr, limits.memory_bytes)
            }
            Ok(Err(error)) => failure(FailureKind::Limit, format!("answer: {error}")),
            Err(RecvTimeoutError::Timeout) => {
                let what = format!("not done within {} s", time.as_secs_f64());
                failure(FailureKind::TimeLimit, what)
            }
            Err(RecvTimeoutError::Disconnected) => {
                failure(FailureKind::Internal, "answer not read".into())
            }
        })
    }

    /// Starts a child; `None` after [`Self::end`].
    fn start(&self, work: Work) -> std::io::Result<Option<Pipes>> {
        let mut job = serde_json::to_vec(&Job { parent: std::process::id(), work })?;
        job.push(b'\n');
        let mut state = self.lock();
        if matches!(*state, State::Ended) {
            return Ok(None);
        }
        let mut child = Command::new(OWN_EXECUTABLE)
            .arg0("pearl-agent")
            .arg("launch")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = Pipes::of(&mut child, job);
        *state = State::Running(child);
        drop(state);
        if pipes.is_err() {
            self.reap(Duration::ZERO);
        }
        pipes.map(Some)
    }

    /// Waits for the child, and kills it after `timeout`. `None` after [`Self::end`].
    fn reap(&self, timeout: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            let mut state = self.lock();
            let State::Running(child) = &mut *state else {
                return None;
            };
            let over = started.elapsed() >= timeout;
            if over {
                let _ = child.kill();
            }
            // Waiting fails only where the child was already reaped.
            let exit = if over { child.wait().map(Some) } else { child.try_wait() };
            if let Some(exit) = exit.unwrap_or_else(|_| Some(ExitStatus::default())) {
                *state = State::Idle;
                return Some(exit);
            }
            drop(state);
            thread::sleep(POLL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No state is left half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
