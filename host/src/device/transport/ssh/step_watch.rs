//! Ends a step of the library that does not come back: the library reads on as long as bytes arrive.
//!
//! **Invariant:** a step comes back soon after its deadline, and soon after Ctrl-C where that ends it; the
//! thread ends with the watch.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

use crate::process::interrupt;

/// How long a step may take to end by itself. Then its socket is shut down.
const GRACE: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Watches the steps of one session; dropping it ends the watch.
pub(super) struct StepWatch {
    step: Arc<Mutex<Option<Step>>>,
    _alive: mpsc::Sender<()>,
}

#[derive(Clone, Copy)]
struct Step {
    began: Instant,
    deadline: Instant,
    interruptible: bool,
}

impl StepWatch {
    pub fn start(socket: Arc<OwnedFd>) -> Self {
        let step = Arc::new(Mutex::new(None));
        let (alive, dropped) = mpsc::channel();
        let watched = Arc::clone(&step);
        thread::spawn(move || {
            // The time is over while the sender lives.
            while dropped.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                if lock(&watched).is_some_and(Step::is_over) {
                    // Fails only if the connection has ended already.
                    let _ = shutdown(&*socket, Shutdown::Both);
                }
            }
        });
        Self { step, _alive: alive }
    }

    pub fn arm(&self, deadline: Instant, interruptible: bool) {
        *lock(&self.step) = Some(Step { began: Instant::now(), deadline, interruptible });
    }

    pub fn disarm(&self) {
        *lock(&self.step) = None;
    }
}

impl Step {
    fn is_over(self) -> bool {
        let interrupted = self.interruptible && interrupt::requested();
        self.deadline.elapsed() > GRACE || (interrupted && self.began.elapsed() > GRACE)
    }
}

fn lock(step: &Mutex<Option<Step>>) -> MutexGuard<'_, Option<Step>> {
    // A panic leaves nothing in there half changed.
    step.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_step_that_reads_on_ends_after_its_deadline_and_another_does_not() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut reader = ours.try_clone().unwrap();
        let watch = StepWatch::start(Arc::new(ours.into()));
        watch.arm(Instant::now() + Duration::from_secs(3600), true);
        theirs.write_all(b"a").unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 1);
        watch.disarm();
        watch.arm(Instant::now(), true);
        let talk = thread::spawn(move || while theirs.write_all(&[0; 4096]).is_ok() {});
        while reader.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
        talk.join().unwrap();
    }
}
