//! The lock on the device itself, for all hosts and users.
//!
//! The lease is a file in a well-known place, locked by the agent that measures. The lock is free again as
//! soon as that process has ended, in whatever way. An agent that finds the file locked reads the lease
//! owner in it.
//!
//! **Invariant:** two agents never hold the lease at once. A lease is taken from a process only where that
//! process belongs to the same session or its lease has expired, and only by ending the process.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::platform::boot;
use crate::session::{folder, lease_owner, lock};
use pearl_agent::protocol::content_hash::sha256;
use pearl_agent::protocol::messages::LeaseRequest;
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// Longest name of an owner or a session, in characters.
const LONGEST_NAME: usize = 200;

/// The longest that a lease may hold without a request.
const MOST_IDLE: Duration = Duration::from_secs(3600);

/// How long an agent may take to write into the file that it has locked.
const WRITING: Duration = Duration::from_secs(1);

/// How long taking the lease may last, the end of another agent included.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

const POLL: Duration = Duration::from_millis(10);

/// Size of the record in bytes: one page, so that a reader finds all of it or nothing.
const RECORD: usize = 4096;

/// The lease of this process; given back when dropped.
pub(crate) struct Lease {
    path: PathBuf,
    file: File,
    record: Record,
    idle: Duration,
}

/// What the file holds while it is locked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    owner: String,
    /// The hash of the session: a process that can read the file cannot take the lease over with it.
    session_sha256: String,
    pid: u32,
    boot_id: Option<String>,
    /// When the lease expires, on the clock that runs since the device was started.
    expires_ns: u64,
}

/// The path of this device's lease. A private folder that the environment names has a lease of its own.
pub(crate) fn place() -> PathBuf {
    match std::env::var_os(folder::VARIABLE).filter(|named| !named.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("lease"),
        None => folder::shared_folder().join("pearl-agent.lease"),
    }
}

impl Lease {
    /// # Errors
    /// `Busy` where another agent holds the lease, `Device` where its file cannot be used, `BadRequest`
    /// where the request is invalid.
    pub(crate) fn take(path: PathBuf, request: &LeaseRequest) -> Result<Self, Failure> {
        let idle = check(request)?;
        let record = Record {
            owner: printable(&request.owner),
            session_sha256: sha256(&request.session),
            pid: std::process::id(),
            boot_id: boot::id(),
            expires_ns: 0,
        };
        let started = Instant::now();
        let mut unknown_since = None;
        loop {
            let file = open(&path)?;
            if lock::try_lock(&file, &path) {
                let mut lease = Self { path, file, record, idle };
                lease.renew(Duration::ZERO)?;
                return Ok(lease);
            }
            match Record::read(&file).filter(|found| found.boot_id == record.boot_id) {
                None => {
                    let since = *unknown_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > WRITING {
                        return Err(busy(
                            "the device is leased by an agent that does not name the lease owner",
                        ));
                    }
                }
                Some(found) => {
                    unknown_since = None;
                    let ours = found.session_sha256 == record.session_sha256;
                    if !ours && found.left() > Duration::ZERO {
                        return Err(busy(&found.told()));
                    }
                    if let Err(reason) = lease_owner::end(found.pid, &file) {
                        return Err(busy(&format!("{}; {reason}", found.told())));
                    }
                }
            }
            if started.elapsed() > LONGEST_WAIT {
                return Err(busy("other hosts lease the device again and again"));
            }
            thread::sleep(POLL);
        }
    }

    /// Whether a request comes from the session that holds this lease.
    pub(crate) fn is_of(&self, session: &str) -> bool {
        self.record.session_sha256 == sha256(session)
    }

    /// The idle timeout.
    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    /// Extends the lease by `work` and the idle timeout after it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn renew(&mut self, work: Duration) -> Result<(), Failure> {
        let expires = boot::now().saturating_add(work).saturating_add(self.idle);
        self.record.expires_ns = u64::try_from(expires.as_nanos()).unwrap_or(u64::MAX);
        let mut text = serde_json::to_vec(&self.record)
            .map_err(|error| Failure::new(FailureKind::Internal, format!("lease: {error}")))?;
        text.resize(RECORD, b' ');
        self.file.write_all_at(&text, 0).map_err(|error| device(&self.path, &error.to_string()))
    }

    /// # Errors
    /// Where the new timeout is invalid or the file cannot be written.
    pub(crate) fn change(&mut self, request: &LeaseRequest) -> Result<(), Failure> {
        self.idle = check(request)?;
        self.record.owner = printable(&request.owner);
        self.renew(Duration::ZERO)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Another user's file in a shared folder cannot be removed; then it stays, empty and unlocked.
        let _ = self.file.set_len(0);
        let _ = fs::remove_file(&self.path);
    }
}

impl Record {
    fn read(file: &File) -> Option<Self> {
        let mut text = [0; RECORD];
        file.read_exact_at(&mut text, 0).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn left(&self) -> Duration {
        Duration::from_nanos(self.expires_ns).saturating_sub(boot::now())
    }

    fn told(&self) -> String {
        let seconds = self.left().as_millis().div_ceil(1000);
        format!(
            "the device is leased by {}, for {seconds} s more at the latest",
            printable(&self.owner)
        )
    }
}

fn check(request: &LeaseRequest) -> Result<Duration, Failure> {
    let idle = Duration::from_nanos(request.idle_ns);
    let wrong = if request.session.is_empty() || request.session.chars().count() > LONGEST_NAME {
        format!("lease: a session is named by 1 to {LONGEST_NAME} characters")
    } else if idle.is_zero() || idle > MOST_IDLE {
        format!("lease: the idle timeout must be above 0 s and at most {} s", MOST_IDLE.as_secs())
    } else {
        return Ok(idle);
    };
    Err(Failure::new(FailureKind::BadRequest, wrong))
}

/// The owner's name without control characters, and cut.
fn printable(owner: &str) -> String {
    let printable: String = owner.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if printable.trim().is_empty() { "somebody".into() } else { printable }
}

/// The lease's file, created where it does not exist.
fn open(path: &Path) -> Result<File, Failure> {
    let file = open_or_make(path).map_err(|error| device(path, &error.to_string()))?;
    let found = file.metadata().map_err(|error| device(path, &error.to_string()))?;
    // A file with a second name (hard link) may be any file of another user.
    if found.is_file() && found.nlink() <= 1 {
        Ok(file)
    } else {
        Err(device(path, "is not a file of its own; remove it"))
    }
}

/// The file is open to all users, whatever this process's mask is. Links are not followed.
fn open_or_make(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let mut options = File::options();
    options.read(true).write(true).custom_flags(flags);
    let mut last = io::Error::other("is created and removed again and again");
    for _ in 0..10 {
        // Without `O_CREAT` first: kernels refuse that flag for another user's file in a shared folder.
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // Another agent may have just created the file, and will open it to all users in a moment.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => last = error,
            settled => return settled,
        }
        match options.clone().create_new(true).mode(0o666).open(path) {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(0o666))?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => thread::sleep(POLL),
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn busy(message: &str) -> Failure {
    Failure::new(FailureKind::Busy, message)
}

fn device(path: &Path, reason: &str) -> Failure {
    Failure::new(FailureKind::Device, format!("lease {}: {reason}", path.display()))
}
