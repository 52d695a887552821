//! The lock on the device itself, for all hosts and users.
//!
//! The lease is a file in a well-known place, locked by the agent that measures. The lock is free again as
//! soon as that process has ended, in whatever way. An agent that finds the file locked reads the lease
//! owner in it. Every user can lock that file. So each user has another one in the private folder, which is
//! locked first, and the shared one is done without where no agent holds it but somebody blocks it.
//!
//! **Invariant:** two agents of a user never hold the lease at once, and two agents of any users never do,
//! unless a program that is no agent blocks the shared file. A lease is taken from a process only where that
//! process belongs to the same session or its lease has expired, and only by ending the process.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
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

/// A lease that would last longer is none: no work of an agent takes so long.
const MOST_LEFT: Duration = Duration::from_secs(24 * 3600);

/// How long taking the lease may last, the end of another agent included.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

const POLL: Duration = Duration::from_millis(10);

/// How long the file has to be locked to count as leased.
const LOOKING: Duration = Duration::from_millis(25);

/// Size of the record in bytes: one page, so that a reader finds all of it or nothing.
const RECORD: usize = 4096;

/// The lease of this process; given back when dropped.
pub(crate) struct Lease {
    locked: Vec<Locked>,
    record: Record,
    idle: Duration,
}

struct Locked {
    path: PathBuf,
    file: File,
}

/// Where the files of the lease lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// In the private folder: no other user can reach it.
    own: Option<PathBuf>,
    /// For all users of the device.
    shared: Option<PathBuf>,
}

/// Why a file could not be locked.
enum Obstacle {
    /// Another agent has the lease, or the request is invalid.
    Lease(Failure),
    /// No lease, but something that is in the way.
    Blocked(Failure),
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

impl Places {
    /// A private folder that the environment names has a lease of its own, apart from the device's.
    pub(crate) fn of(private: Option<&Path>) -> Self {
        let named = std::env::var_os(folder::VARIABLE).filter(|named| !named.is_empty());
        match named {
            Some(folder) => Self { own: Some(PathBuf::from(folder).join("lease")), shared: None },
            None => Self {
                own: private.map(|folder| folder.join("lease")),
                shared: Some(folder::shared_folder().join("pearl-agent.lease")),
            },
        }
    }

    /// # Errors
    /// `Busy` where another agent holds the lease.
    pub(crate) fn free(&self) -> Result<(), Failure> {
        self.own.iter().chain(&self.shared).try_for_each(|path| {
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
            let Ok(file) = File::options().read(true).custom_flags(flags).open(path) else {
                return Ok(());
            };
            // This locks the file for a moment; an agent that takes the lease tries again.
            if !lock::is_locked(&file) {
                return Ok(());
            }
            let found = Record::read(&file).filter(|found| found.boot_id == boot::id());
            match found.filter(Record::holds) {
                Some(found) => Err(busy(&found.told())),
                None => Ok(()),
            }
        })
    }
}

impl Lease {
    /// # Errors
    /// `Busy` where another agent holds the lease, `Device` where its file cannot be used, `BadRequest`
    /// where the request is invalid.
    pub(crate) fn take(places: Places, request: &LeaseRequest) -> Result<Self, Failure> {
        let idle = check(request)?;
        let record = Record {
            owner: printable(&request.owner),
            session_sha256: sha256(&request.session),
            pid: std::process::id(),
            boot_id: boot::id(),
            expires_ns: 0,
        };
        let mut lease = Self { locked: Vec::new(), record, idle };
        for path in places.own.into_iter().chain(places.shared) {
            match lease.lock(path) {
                Ok(()) => {}
                Err(Obstacle::Blocked(failure)) if !lease.locked.is_empty() => {
                    let told = "the lease is kept from other users only in part";
                    // A stderr that is gone changes nothing.
                    let _ = writeln!(io::stderr(), "{told}: {failure}");
                }
                Err(Obstacle::Blocked(failure) | Obstacle::Lease(failure)) => return Err(failure),
            }
        }
        Ok(lease)
    }

    fn lock(&mut self, path: PathBuf) -> Result<(), Obstacle> {
        let started = Instant::now();
        let mut unknown_since = None;
        let mut leased_since = None;
        loop {
            let file = open(&path).map_err(Obstacle::Blocked)?;
            if lock::try_lock(&file, &path) {
                self.locked.push(Locked { path, file });
                return self.renew(Duration::ZERO).map_err(Obstacle::Lease);
            }
            match Record::read(&file).filter(|found| found.boot_id == self.record.boot_id) {
                None => {
                    let since = *unknown_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > WRITING {
                        let message =
                            "the device is leased by an agent that does not name the lease owner";
                        return Err(Obstacle::Blocked(busy(message)));
                    }
                }
                Some(found) => {
                    unknown_since = None;
                    let ours = found.session_sha256 == self.record.session_sha256;
                    if !ours && found.left() > Duration::ZERO {
                        // Another agent may only have looked into what a killed one has left.
                        if leased_since.get_or_insert_with(Instant::now).elapsed() < LOOKING {
                            thread::sleep(POLL);
                            continue;
                        }
                        let failure = busy(&found.told());
                        return Err(match found.holds() {
                            true => Obstacle::Lease(failure),
                            false => Obstacle::Blocked(failure),
                        });
                    }
                    if let Err(reason) = lease_owner::end(found.pid, &file) {
                        let message = format!("{}; {reason}", found.told());
                        return Err(Obstacle::Blocked(busy(&message)));
                    }
                }
            }
            if started.elapsed() > LONGEST_WAIT {
                let message = "other hosts lease the device again and again";
                return Err(Obstacle::Blocked(busy(message)));
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
        self.locked.iter().try_for_each(|Locked { path, file }| {
            file.write_all_at(&text, 0).map_err(|error| device(path, &error.to_string()))
        })
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
        for Locked { path, file } in &self.locked {
            // Another user's file in a shared folder cannot be removed; then it stays, empty and unlocked.
            let _ = file.set_len(0);
            let _ = fs::remove_file(path);
        }
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

    /// Whether this may be the lease of an agent that measures. A process of another namespace is not seen.
    fn holds(&self) -> bool {
        let left = self.left();
        left > Duration::ZERO && left <= MOST_LEFT && lease_owner::may_be_agent(self.pid)
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

#[cfg(test)]
mod tests {
    use pearl_agent::protocol::messages::Frequency;

    use super::*;

    fn request(session: &str) -> LeaseRequest {
        LeaseRequest {
            owner: "anna".into(),
            session: session.into(),
            idle_ns: 60_000_000_000,
            frequency: Frequency::Keep,
            cpus: Vec::new(),
        }
    }

    fn record(pid: u32, left: Duration) -> Vec<u8> {
        let record = Record {
            owner: "bob".into(),
            session_sha256: sha256("b"),
            pid,
            boot_id: boot::id(),
            expires_ns: (boot::now() + left).as_nanos() as u64,
        };
        let mut text = serde_json::to_vec(&record).unwrap();
        text.resize(RECORD, b' ');
        text
    }

    #[test]
    fn a_shared_file_that_no_agent_holds_blocks_nobody_and_a_lease_does() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        // No process has a number beyond the kernel's limit, as one of another namespace.
        let unseen = 1 << 30;
        for (blocked_by, content, is_free) in [
            ("nothing that can be read", Vec::new(), true),
            ("a process that is no agent", record(std::process::id(), hour), true),
            ("a lease without an end", record(unseen, 100 * hour), true),
            ("a lease", record(unseen, hour), false),
        ] {
            let path = |name: &str| folder.path().join(name);
            let places = Places { own: Some(path("own")), shared: Some(path("shared")) };
            fs::write(path("shared"), content).unwrap();
            let blocker = File::open(path("shared")).unwrap();
            assert!(lock::try_lock(&blocker, &path("shared")));
            assert_eq!(places.free().is_ok(), is_free, "{blocked_by}");
            let taken = Lease::take(places.clone(), &request("a"));
            match &taken {
                Ok(lease) => assert!(is_free && lease.locked.len() == 1, "{blocked_by}"),
                Err(failure) => {
                    assert!(!is_free && failure.message.contains("leased by bob"), "{failure}");
                }
            }
            // Without a folder of its own an agent has the shared file only.
            let places = Places { own: None, ..places };
            assert!(Lease::take(places, &request("c")).is_err(), "{blocked_by}");
        }
        fs::remove_file(folder.path().join("shared")).unwrap();
        fs::create_dir(folder.path().join("shared")).unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        let places = Places { own: path("own"), shared: path("shared") };
        assert!(places.free().is_ok());
        assert!(Lease::take(places, &request("a")).is_ok());
    }

    #[test]
    fn a_lease_locks_both_files_and_gives_both_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        let places = Places { own: path("own"), shared: path("shared") };
        let lease = Lease::take(places.clone(), &request("a")).unwrap();
        for place in ["own", "shared"] {
            let file = File::open(folder.path().join(place)).unwrap();
            assert!(!lock::try_lock(&file, &folder.path().join(place)), "{place}");
            assert_eq!(Record::read(&file).unwrap().owner, "anna");
        }
        drop(lease);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(places.free().is_ok());
    }
}
