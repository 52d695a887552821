//! Receives model files in pieces.
//!
//! **Invariant:** a file under its final name is complete and has the hash that it is named after. There is
//! at most one incomplete file, and it is removed when its receiver ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::lock;
use pearl_agent::protocol::content_hash::{hex, sha256_of};
use pearl_agent::protocol::messages::{ModelFile, PUT_BYTES, PutReport, PutRequest};
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// Size of the largest file: ONNX files end at 2 GiB, but the weights beside them do not.
pub(crate) const MOST_BYTES: u64 = 64 << 30;

/// Where model files are kept.
pub(crate) struct Store {
    folder: PathBuf,
    receiving: Option<Receiving>,
}

struct Receiving {
    sha256: String,
    bytes: u64,
    offset: u64,
    part: PathBuf,
    file: File,
    hash: Sha256,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, receiving: None }
    }

    /// # Errors
    /// Where the piece is not the next one, the file is too large or has another hash, or the device
    /// cannot store it.
    pub(crate) fn put(&mut self, request: &PutRequest) -> Result<PutReport, Failure> {
        let fail = |kind, reason: String| Err(Failure::new(kind, reason));
        let PutRequest { sha256, bytes, offset, data } = request;
        if sha256.len() != 64 || !sha256.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')) {
            let reason = "put: a model is named by 64 lower-case hexadecimal digits";
            return fail(FailureKind::BadRequest, reason.into());
        }
        if *bytes == 0 {
            return fail(FailureKind::BadRequest, format!("put {sha256}: an empty file"));
        }
        if *bytes > MOST_BYTES {
            let reason = format!("put {sha256}: {bytes} bytes, the limit is {MOST_BYTES}");
            return fail(FailureKind::Limit, reason);
        }
        // Base64 has four digits for three bytes. The length is checked before anything is decoded.
        if data.len() > PUT_BYTES.div_ceil(3) * 4 {
            let reason = format!("put {sha256}: a piece of more than {PUT_BYTES} bytes");
            return fail(FailureKind::Limit, reason);
        }
        let piece = match STANDARD.decode(data) {
            Ok(piece) => piece,
            Err(error) => {
                return fail(FailureKind::BadRequest, format!("put {sha256}: base64: {error}"));
            }
        };
        if piece.is_empty() && *offset == 0 {
            return Ok(PutReport { model: self.kept(sha256, *bytes) });
        }
        let end = offset.saturating_add(piece.len() as u64);
        if end > *bytes {
            let reason = format!("put {sha256}: a piece that ends at {end} of {bytes} bytes");
            return fail(FailureKind::BadRequest, reason);
        }
        if *offset == 0 {
            self.begin(sha256, *bytes)?;
        }
        self.go_on(request, &piece)
    }

    /// Removes the incomplete file.
    pub(crate) fn give_up(&mut self) {
        if let Some(receiving) = self.receiving.take() {
            // The next agent to start removes what this one cannot.
            let _ = fs::remove_file(receiving.part);
        }
    }

    fn whole(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.onnx"))
    }

    /// The file, where it exists with this size and hash. A file with another content is removed.
    fn kept(&self, sha256: &str, bytes: u64) -> Option<ModelFile> {
        let path = self.whole(sha256);
        let mut file = File::open(&path).ok()?;
        let same = file.metadata().is_ok_and(|file| file.is_file() && file.len() == bytes)
            && sha256_of(&mut file).is_ok_and(|found| found == sha256);
        if !same {
            let _ = fs::remove_file(&path);
            return None;
        }
        // Its age counts from when it was last asked for.
        let _ = file.set_modified(SystemTime::now());
        model_file(&path, sha256)
    }

    fn begin(&mut self, sha256: &str, bytes: u64) -> Result<(), Failure> {
        self.give_up();
        let part = self.folder.join(format!("{sha256}.part"));
        let device = |what: &str, error: io::Error| device(sha256, what, &error);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&part)
            .map_err(|error| device("cannot be stored", error))?;
        if !lock::try_lock(&file, &part) {
            let reason = format!("put {sha256}: another agent is receiving it; try again later");
            return Err(Failure::new(FailureKind::Busy, reason));
        }
        file.set_len(0).map_err(|error| device("cannot be stored", error))?;
        let (sha256, hash) = (sha256.to_owned(), Sha256::new());
        self.receiving = Some(Receiving { sha256, bytes, offset: 0, part, file, hash });
        let space = rustix::fs::statvfs(&self.folder).map(|disk| disk.f_bavail * disk.f_frsize);
        match space {
            Ok(free) if free < bytes => {
                self.give_up();
                let reason = format!(
                    "no space for {bytes} bytes in {}: {free} are free",
                    self.folder.display()
                );
                Err(Failure::new(FailureKind::Device, reason))
            }
            // Where the free space is not known, writing fails when the disk is full.
            _ => Ok(()),
        }
    }

    fn go_on(&mut self, request: &PutRequest, piece: &[u8]) -> Result<PutReport, Failure> {
        let PutRequest { sha256, bytes, offset, .. } = request;
        let wrong = |reason: String| {
            Failure::new(FailureKind::BadRequest, format!("put {sha256}: {reason}"))
        };
        let path = self.whole(sha256);
        let receiving = self.receiving.as_mut().filter(|receiving| receiving.sha256 == *sha256);
        let Some(receiving) = receiving else {
            return Err(wrong(format!("a piece at {offset} of a file that was not begun")));
        };
        if receiving.bytes != *bytes {
            return Err(wrong(format!("it had {} bytes before, not {bytes}", receiving.bytes)));
        }
        if receiving.offset != *offset {
            return Err(wrong(format!("a piece at {offset}, the next is at {}", receiving.offset)));
        }
        if let Err(error) = receiving.file.write_all(piece) {
            self.give_up();
            return Err(device(sha256, "cannot be stored", &error));
        }
        receiving.hash.update(piece);
        receiving.offset += piece.len() as u64;
        if receiving.offset < receiving.bytes {
            return Ok(PutReport { model: None });
        }
        let found = hex(&receiving.hash.clone().finalize());
        if found != *sha256 {
            self.give_up();
            let reason = format!("put {sha256}: the bytes received have sha256 {found}");
            return Err(Failure::new(FailureKind::BadInput, reason));
        }
        if let Err(error) = fs::rename(&receiving.part, &path) {
            self.give_up();
            return Err(device(sha256, "cannot be renamed", &error));
        }
        self.receiving = None;
        Ok(PutReport { model: model_file(&path, sha256) })
    }
}

fn device(sha256: &str, what: &str, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; set PEARL_AGENT_FOLDER to a folder that can be written"
        }
        _ => "",
    };
    Failure::new(FailureKind::Device, format!("put {sha256}: {what}: {error}{advice}"))
}

fn model_file(path: &Path, sha256: &str) -> Option<ModelFile> {
    let path = path.to_str()?.to_owned();
    Some(ModelFile { path, sha256: sha256.to_owned(), ..ModelFile::default() })
}
