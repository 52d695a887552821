//! The lock: one process per run directory.
//!
//! **Invariant:** the lock is the kernel's, so it ends with the process, however that ends.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::{Store, StoreError};

const LOCK: &str = ".lock";
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
            .open(folder.join(LOCK))?
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

    /// Refuses a folder that holds something else than a run, and changes nothing.
    pub fn check_vacant(folder: &Path) -> Result<(), StoreError> {
        let there = folder.ancestors().find(|path| path.exists());
        if let Some(path) = there.filter(|path| !path.is_dir()) {
            return Err(StoreError::NotAFolder { path: path.display().to_string() });
        }
        if !folder.exists() || Store::path(folder).exists() {
            return Ok(());
        }
        for entry in fs_err::read_dir(folder)? {
            let name = entry?.file_name();
            // A search that was refused leaves its lock.
            if name != LOCK {
                let (folder, entry) = (folder.display().to_string(), name.display().to_string());
                return Err(StoreError::Occupied { folder, entry });
            }
        }
        Ok(())
    }

    /// Whether a process uses the directory now.
    pub fn is_held(folder: &Path) -> bool {
        let file = File::open(folder.join(LOCK));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_made_in_a_folder_that_is_empty_or_holds_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        RunLock::check_vacant(&run).unwrap();
        drop(RunLock::take(&run).unwrap());
        RunLock::check_vacant(&run).unwrap();
        std::fs::write(run.join("thesis.tex"), "").unwrap();
        let error = RunLock::check_vacant(&run).unwrap_err().to_string();
        assert!(error.contains("run: neither empty") && error.contains("'thesis.tex'"), "{error}");
        std::fs::write(Store::path(&run), "").unwrap();
        RunLock::check_vacant(&run).unwrap();
        let below = run.join("thesis.tex/run");
        let error = RunLock::check_vacant(&below).unwrap_err().to_string();
        assert!(error.contains("thesis.tex: not a folder"), "{error}");
    }

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
