//! The lock: one process per run directory.
//!
//! **Invariant:** the lock is the kernel's, so it ends with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::StoreError;

const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Held while the directory is in use.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        fs_err::create_dir_all(folder)?;
        let file: File = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(".lock"))?
            .into();
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                // A report looks at the lock for a moment.
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        Err(StoreError::InUse { folder: folder.display().to_string() })
    }

    /// Whether a process uses the directory now.
    pub fn is_held(folder: &Path) -> bool {
        let file = File::open(folder.join(".lock"));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_as_long_as_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!RunLock::is_held(folder.path()));
        let lock = RunLock::take(folder.path()).unwrap();
        assert!(RunLock::is_held(folder.path()));
        assert!(RunLock::take(folder.path()).is_err());
        drop(lock);
        assert!(!RunLock::is_held(folder.path()));
    }
}
