//! Ends an agent that gets no input any more, so that it does not block the device.
//!
//! **Invariant:** idle time is counted from the last byte of input or the end of the last request, whichever
//! is later. While a request is handled it is not counted. The watchdog's thread does not wake up during
//! a request, so it disturbs no measurement.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::platform::boot;

/// Idle timeout of an agent without a lease.
pub(crate) const WITHOUT_LEASE: Duration = Duration::from_secs(15 * 60);

/// The time of the last input, and the idle timeout.
pub(crate) struct Watchdog {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    activity: Activity,
    /// Time of the last input, on the clock since the device's start, which runs on while the device sleeps.
    heard: Duration,
    idle_timeout: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    Waiting,
    Working,
}

impl Watchdog {
    pub(crate) fn new(idle_timeout: Duration) -> Arc<Self> {
        let state = State { activity: Activity::Waiting, heard: boot::now(), idle_timeout };
        Arc::new(Self { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Calls `end` on a thread of its own once the idle timeout is over.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub(crate) fn watch(self: &Arc<Self>, end: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let watchdog = Arc::clone(self);
        thread::Builder::new().name("watchdog".into()).spawn(move || {
            watchdog.wait();
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

    /// Sets the idle timeout.
    pub(crate) fn set_timeout(&self, idle_timeout: Duration) {
        self.lock().idle_timeout = idle_timeout;
        self.changed.notify_all();
    }

    /// Does the work; its time is not idle time, however long it takes.
    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
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

struct Rest<'a>(&'a Watchdog);

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
        self.heard.saturating_add(self.idle_timeout).saturating_sub(boot::now())
    }
}

/// Input that resets the idle time with each piece that comes in: a long line on a slow link counts.
pub(crate) struct Heard<R> {
    pub(crate) input: R,
    pub(crate) watchdog: Arc<Watchdog>,
}

impl<R: BufRead> Read for Heard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        self.watchdog.heard();
        read
    }
}

impl<R: BufRead> BufRead for Heard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let filled = self.input.fill_buf();
        self.watchdog.heard();
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

    fn watched(idle_timeout: Duration) -> (Arc<Watchdog>, mpsc::Receiver<()>) {
        let watchdog = Watchdog::new(idle_timeout);
        let (end, ended) = mpsc::channel();
        watchdog.watch(move || end.send(()).unwrap_or_default()).unwrap();
        (watchdog, ended)
    }

    #[test]
    fn a_silence_ends_when_it_is_too_long_for_what_is_borne_now() {
        let (watchdog, ended) = watched(LONG);
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err());
        watchdog.set_timeout(Duration::from_millis(20));
        ended.recv_timeout(LONG).unwrap();
    }

    #[test]
    fn work_is_no_silence_and_bytes_break_it() {
        let (watchdog, ended) = watched(Duration::from_millis(300));
        watchdog.during(|| assert!(ended.recv_timeout(Duration::from_millis(600)).is_err()));
        let mut input = Heard { input: io::BufReader::new(io::repeat(7)), watchdog };
        for _ in 0..6 {
            assert!(ended.recv_timeout(Duration::from_millis(100)).is_err());
            input.fill_buf().unwrap();
        }
        ended.recv_timeout(LONG).unwrap();
    }
}
