//! Reads a model file without trusting it.
//!
//! **Invariant:** never reads more than the limit, never blocks on a file that is not a regular one, and
//! returns the bytes only where their hash is the one that the host gave.

use std::fs::File;
use std::io::Read;

use rustix::fs::{Mode, OFlags};

use super::EngineError;
use pearl_agent::protocol::content_hash::sha256;
use pearl_agent::protocol::messages::ModelFile;

/// The bytes of the file, checked against `limit` and the hash asked for.
///
/// # Errors
/// Where the file cannot be read, is not a regular file, is too large or has another hash.
pub(crate) fn read_model(model: &ModelFile, limit: u64) -> Result<Vec<u8>, EngineError> {
    let fail = |reason: String| EngineError::Model { model: model.path.clone(), reason };
    // Opening a pipe for reading would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(model.path.as_str(), flags, Mode::empty())
        .map_err(|error| fail(format!("cannot be opened: {}", std::io::Error::from(error))))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(|error| fail(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(fail("not a file".into()));
    }
    if metadata.len() > limit {
        let (model, bytes) = (model.path.clone(), metadata.len());
        return Err(EngineError::TooLarge { model, bytes, limit });
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // One byte more detects a file that grew in the meantime.
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| fail(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > limit {
        let (model, bytes) = (model.path.clone(), bytes.len() as u64);
        return Err(EngineError::TooLarge { model, bytes, limit });
    }
    if bytes.is_empty() {
        return Err(fail("the file is empty".into()));
    }
    let found = sha256(&bytes);
    if !found.eq_ignore_ascii_case(&model.sha256) {
        let meant = super::error::one_line(&model.sha256);
        return Err(fail(format!("its sha256 is {found}, expected {meant}")));
    }
    Ok(bytes)
}
