//! Where Pearl keeps what outlives a run: teachers, their logits, and the history.

use std::path::PathBuf;

use crate::output::error_class::Classified;

/// `$PEARL_HOME`, or `pearl` in the user's data directory.
///
/// # Errors
/// If the environment names no home at all.
pub fn folder() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("PEARL_HOME")
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("pearl")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/pearl")))
        .ok_or_else(|| {
            Classified::usage(
                "there is no home directory to keep teachers and measurements in; set PEARL_HOME",
            )
            .into()
        })
}
