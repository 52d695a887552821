//! Models on their way to devices.
//!
//! **Invariant:** a model is with one device at a time; one that a device lost goes to another, and
//! none is given up on while a device is left that could take it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    open: VecDeque<usize>,
    /// With a device.
    taken: usize,
}

impl Queue {
    pub fn new(models: usize) -> Self {
        let state = State { open: (0..models).collect(), taken: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next model; waits while others might still give one back, and ends with none.
    pub fn take(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if let Some(at) = state.open.pop_front() {
                state.taken += 1;
                return Some(at);
            }
            if state.taken == 0 {
                return None;
            }
            // Whoever holds a model ends by its own deadlines.
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn finish(&self) {
        self.lock().taken -= 1;
        self.changed.notify_all();
    }

    pub fn give_back(&self, at: usize) {
        let mut state = self.lock();
        state.open.push_front(at);
        state.taken -= 1;
        drop(state);
        self.changed.notify_all();
    }

    /// What nobody took.
    pub fn left(&self) -> Vec<usize> {
        self.lock().open.iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_model_that_a_device_lost_goes_to_one_that_waits() {
        let queue = Queue::new(1);
        let lost = queue.take().unwrap();
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let at = queue.take();
                queue.finish();
                (at, queue.take())
            });
            thread::sleep(Duration::from_millis(20));
            queue.give_back(lost);
            assert_eq!(other.join().unwrap(), (Some(0), None));
        });
        assert!(queue.left().is_empty());
    }
}
