//! Turns the engine's panics into errors.
//!
//! **Invariant:** the text of a panic is never passed on; its place in the source is.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Stores the place of a panic instead of printing it, for the whole process.
pub(crate) fn mute() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", file_name(at.file()), at.line()));
        if let Ok(mut kept) = PLACE.lock() {
            *kept = place;
        }
    }));
}

/// Does the work; the error is the place where it panicked.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let place = PLACE.lock().ok().and_then(|mut kept| kept.take());
        place.unwrap_or_else(|| "an unknown place".into())
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
