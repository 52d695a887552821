//! Model files on the device.

use std::fs::File;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pearl_agent::protocol::messages::{
    AgentDone, AgentRequest, ModelFile, PutReport, PutRequest, WeightsFile,
};
use pearl_agent::protocol::wire::{Failure, FailureKind};

use super::Agent;
use crate::process::child::ChildError;

/// Bytes of the file in one request. A quarter of what the protocol allows: on a slow link a piece has
/// to arrive within a request's deadline.
const PIECE: usize = 1 << 20;

/// A file that was put on the device.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub local: ModelFile,
    pub there: ModelFile,
    /// Whether the file may be gone, as after a replacement of the agent.
    pub doubted: bool,
}

impl Agent {
    /// Makes sure that the device has the file, and returns the file's path there. Nothing is sent if
    /// the device already has the file or shares this machine's files. `progress` gets the bytes sent
    /// and the bytes in all.
    ///
    /// # Errors
    /// A failure of this model: its content does not have its hash, or the device has no room for it.
    /// After an error that is [`ChildError::lost`], call [`Agent::replace`].
    pub fn place(
        &mut self,
        model: &ModelFile,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<ModelFile, ChildError> {
        if self.shares_files() {
            return Ok(model.clone());
        }
        if let Some(placed) = self.placed.get(&model.identity()).filter(|placed| !placed.doubted) {
            let random_weights = model.random_weights;
            return Ok(ModelFile { random_weights, ..placed.there.clone() });
        }
        let mut bytes = size(&model.path)?;
        for file in &model.weights {
            bytes += size(&file.path)?;
        }
        self.has_room(model, bytes)?;
        let mut there = self.put(&model.path, &model.sha256, &mut progress)?;
        for file in &model.weights {
            let path = self.put(&file.path, &file.sha256, &mut progress)?.path;
            there.weights.push(WeightsFile { path, ..file.clone() });
        }
        there.random_weights = model.random_weights;
        let placed = Placed { local: model.clone(), there: there.clone(), doubted: false };
        self.placed.insert(model.identity(), placed);
        Ok(there)
    }

    fn put(
        &mut self,
        path: &str,
        sha256: &str,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ModelFile, ChildError> {
        let unreadable = |error: std::io::Error| bad(format!("{path}: {error}"));
        let mut file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let piece = |offset, data| PutRequest { sha256: sha256.to_owned(), bytes, offset, data };
        if let Some(there) = self.put_piece(piece(0, String::new()))? {
            return Ok(there);
        }
        let mut offset = 0;
        let mut buffer = vec![0; PIECE];
        while offset < bytes {
            let length = PIECE.min(usize::try_from(bytes - offset).unwrap_or(PIECE));
            file.read_exact(&mut buffer[..length]).map_err(unreadable)?;
            let data = STANDARD.encode(&buffer[..length]);
            let there = self.put_piece(piece(offset, data))?;
            offset += length as u64;
            progress(offset, bytes);
            if let Some(there) = there {
                return Ok(there);
            }
        }
        // A file of another hash was refused before. Here the agent did not complete the file.
        Err(bad(format!("{path}: the device did not take the whole file")))
    }

    fn put_piece(&mut self, piece: PutRequest) -> Result<Option<ModelFile>, ChildError> {
        match self.request(AgentRequest::Put(piece), std::time::Duration::ZERO)? {
            AgentDone::Put(PutReport { model }) => Ok(model),
            other => Err(self.unexpected(&other)),
        }
    }

    /// A network needs at least its weights in memory. A model that cannot run is not sent.
    fn has_room(&self, model: &ModelFile, bytes: u64) -> Result<(), ChildError> {
        let platform = &self.hello.platform;
        let memory = [platform.memory_bytes, platform.cgroup.memory_bytes];
        match memory.into_iter().flatten().min() {
            Some(memory) if memory <= bytes => Err(ChildError::Failed(Failure::new(
                FailureKind::Limit,
                format!(
                    "{}: {} MiB do not fit the {} MiB of memory of device '{}'",
                    model.path,
                    bytes >> 20,
                    memory >> 20,
                    self.device.name
                ),
            ))),
            _ => Ok(()),
        }
    }
}

fn size(path: &str) -> Result<u64, ChildError> {
    std::fs::metadata(path).map(|file| file.len()).map_err(|error| bad(format!("{path}: {error}")))
}

fn bad(message: String) -> ChildError {
    ChildError::Failed(Failure::new(FailureKind::BadInput, message))
}
