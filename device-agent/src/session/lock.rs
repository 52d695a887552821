//! Locks that end with the process that holds them.
//!
//! **Invariant:** a lock that is held is one of the file that lies at its path now, not of one that
//! was renamed or removed since it was opened.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// Locks the file that was opened at `path` for this process alone, until `file` is closed.
pub(crate) fn try_lock(file: &File, path: &Path) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok() && lies_at(file, path)
}

/// Whether another process has locked the file. Processes that ask this do not disturb each other.
pub(crate) fn is_locked(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_err()
}

fn lies_at(file: &File, path: &Path) -> bool {
    let (Ok(opened), Ok(found)) = (file.metadata(), path.symlink_metadata()) else {
        return false;
    };
    (opened.dev(), opened.ino()) == (found.dev(), found.ino())
}
