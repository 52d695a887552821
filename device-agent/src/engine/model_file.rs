//! Reads a model file without trusting it.
//!
//! **Invariant:** never reads more than the limit, never blocks on a file that is not a regular one, and
//! returns the bytes only where their hash is the one that the host gave.

use std::fs::File;
use std::io::Read;

use rustix::fs::{Mode, OFlags};

use super::EngineError;
use pearl_agent::protocol::content_hash::{sha256, sha256_of};
use pearl_agent::protocol::messages::ModelFile;

/// The bytes of the file, checked against `limit` and the hash asked for.
///
/// # Errors
/// Where the file cannot be read, is not a regular file, is too large or has another hash.
pub(crate) fn read_model(model: &ModelFile, limit: u64) -> Result<Vec<u8>, EngineError> {
    let fail = |reason: String| EngineError::Model { model: model.path.clone(), reason };
    let (file, held) = open(&model.path)?;
    if held > limit {
        let (model, bytes) = (model.path.clone(), held);
        return Err(EngineError::TooLarge { model, bytes, limit });
    }
    let mut bytes = Vec::with_capacity(held as usize);
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
    same(&model.path, &sha256(&bytes), &model.sha256)?;
    Ok(bytes)
}

/// The file, opened, after its content was checked against the hash.
///
/// # Errors
/// Where the file cannot be read, is not a regular file or has another hash.
pub(crate) fn open_hashed(path: &str, sha256: &str) -> Result<File, EngineError> {
    let (mut file, _) = open(path)?;
    let found = sha256_of(&mut file).map_err(|error| unreadable(path, &error))?;
    same(path, &found, sha256)?;
    Ok(file)
}

/// The file and its size.
fn open(path: &str) -> Result<(File, u64), EngineError> {
    let fail = |reason: String| EngineError::Model { model: path.into(), reason };
    // Opening a pipe for reading would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|error| fail(format!("cannot be opened: {}", std::io::Error::from(error))))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(fail("not a file".into()));
    }
    Ok((file, metadata.len()))
}

fn unreadable(path: &str, error: &std::io::Error) -> EngineError {
    EngineError::Model { model: path.into(), reason: format!("cannot be read: {error}") }
}

fn same(path: &str, found: &str, meant: &str) -> Result<(), EngineError> {
    if found.eq_ignore_ascii_case(meant) {
        return Ok(());
    }
    let reason = format!("its sha256 is {found}, expected {}", super::error::one_line(meant));
    Err(EngineError::Model { model: path.into(), reason })
}
