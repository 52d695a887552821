//! An agent that hears nothing any more, ended so that it blocks no device.
//!
//! **Invariant:** silence is counted from the last byte that came in or the end of the last request,
//! whichever is later; while a request is being handled it is not counted. Nothing wakes up
//! meanwhile, so no measurement is disturbed.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::boot;

/// How long an agent without a lease stays that hears nothing.
pub const WITHOUT_LEASE: Duration = Duration::from_secs(15 * 60);

/// When something was heard last, and how much silence is borne.
pub struct Silence {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    activity: Activity,
    /// On the clock since the device's start, which runs on in its sleep.
    heard: Duration,
    patience: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    Waiting,
    Working,
}

impl Silence {
    pub fn new(patience: Duration) -> Arc<Self> {
        let state = State { activity: Activity::Waiting, heard: boot::now(), patience };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Calls `end` once the silence has become too long, on a thread of its own.
    ///
    /// # Errors
    /// Where there can be no such thread.
    pub fn watch(self: &Arc<Self>, end: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let silence = Arc::clone(self);
        thread::Builder::new().name("silence".into()).spawn(move || {
            silence.wait();
            end();
        })?;
        Ok(())
    }

    fn wait(&self) {
        let mut state = self.lock();
        loop {
            let left = state.left();
            state = match state.activity {
                Activity::Working => {
                    self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
                Activity::Waiting if left.is_zero() => return,
                Activity::Waiting => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn heard(&self) {
        self.lock().heard = boot::now();
    }

    pub fn bear(&self, patience: Duration) {
        self.lock().patience = patience;
        self.changed.notify_all();
    }

    /// Does the work; it is no silence, however long it takes.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.lock().activity = Activity::Working;
        // Also where the work panics.
        let _rest = Rest(self);
        work()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No state is left half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Rest<'a>(&'a Silence);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.activity = Activity::Waiting;
        state.heard = boot::now();
        drop(state);
        self.0.changed.notify_all();
    }
}

impl State {
    fn left(&self) -> Duration {
        self.heard.saturating_add(self.patience).saturating_sub(boot::now())
    }
}

/// Input that breaks the silence with each piece that comes in: a long line on a slow link counts.
pub struct Heard<R> {
    pub input: R,
    pub silence: Arc<Silence>,
}

impl<R: BufRead> Read for Heard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        self.silence.heard();
        read
    }
}

impl<R: BufRead> BufRead for Heard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let filled = self.input.fill_buf();
        self.silence.heard();
        filled
    }

    fn consume(&mut self, taken: usize) {
        self.input.consume(taken);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn watched(patience: Duration) -> (Arc<Silence>, mpsc::Receiver<()>) {
        let silence = Silence::new(patience);
        let (end, ended) = mpsc::channel();
        silence.watch(move || end.send(()).unwrap_or_default()).unwrap();
        (silence, ended)
    }

    #[test]
    fn a_silence_ends_when_it_is_too_long_for_what_is_borne_now() {
        let (silence, ended) = watched(LONG);
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
        silence.bear(Duration::from_millis(20));
        ended.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn work_is_no_silence_and_bytes_break_it() {
        let (silence, ended) = watched(Duration::from_millis(300));
        silence.during(|| assert!(ended.recv_timeout(Duration::from_millis(600)).is_err()));
        let mut input = Heard { input: io::BufReader::new(io::repeat(7)), silence };
        for _ in 0..6 {
            assert!(ended.recv_timeout(Duration::from_millis(100)).is_err());
            input.fill_buf().unwrap();
        }
        ended.recv_timeout(LONG).unwrap();
    }
}
