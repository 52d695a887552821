//! One process a run directory.
//!
//! **Invariant:** the lock is the kernel's, so it ends with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::StoreError;

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
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::InUse { folder: folder.display().to_string() })
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
