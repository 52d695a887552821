//! The engine's panics turned into errors.
//!
//! **Invariant:** the text of a panic reaches nobody; where it happened does.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps the place of a panic in place of printing it. For the whole process.
pub fn silence() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", file_name(at.file()), at.line()));
        if let Ok(mut kept) = PLACE.lock() {
            *kept = place;
        }
    }));
}

/// Does the work, or says where it panicked.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let place = PLACE.lock().ok().and_then(|mut kept| kept.take());
        place.unwrap_or_else(|| "an unknown place".into())
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
