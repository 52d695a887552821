//! The queue of models that devices share.
//!
//! **Invariant:** a model is with one device at a time; if that device is lost, the model goes to
//! another one. No model is given up while a device is left that could take it.

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
    /// Number of models that devices have taken.
    taken: usize,
}

impl Queue {
    pub fn new(models: usize) -> Self {
        let state = State { open: (0..models).collect(), taken: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The next model. Waits while another device might still give one back; then `None`.
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
            // The work on a model that was taken ends by its own deadlines.
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

    /// The models that no device took.
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
