//! The agent's private folder.
//!
//! ```text
//! pearl-…/            0700
//!   models/<sha256>.onnx   whole files, verified
//!   models/<sha256>.part   what is being received, locked by the agent that receives it
//!   journal.json           which governors were changed, locked by the agent that changed them
//!   fixed-performance      that Android's fixed-performance mode is on, likewise
//!   lease                  who measures, of this user's agents; unless $PEARL_AGENT_FOLDER names the
//!                          folder, another lease lies in the folder that all users share
//!   agent-<sha256>         agents that hosts put there; one that is started gets the time of now
//! ```
//!
//! **Invariant:** no other user can read the folder or write into it. At its start an agent removes models
//! that no host requested for [`KEEP`], and incomplete files of agents that have ended.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::process::geteuid;

use super::lock;
use pearl_agent::protocol::wire::{Failure, FailureKind};

/// How long a model stays that no host requests.
pub(crate) const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);

/// The environment variable that names the folder.
pub(crate) const VARIABLE: &str = "PEARL_AGENT_FOLDER";

#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder of this agent, created where it does not exist, and tidied.
    ///
    /// # Errors
    /// Where the folder cannot be created, is a link, belongs to another user, or can be written by
    /// others.
    pub(crate) fn open() -> Result<Self, Failure> {
        let folder = Self::at(&place(std::env::var_os(VARIABLE)))?;
        let now = SystemTime::now();
        folder.tidy(now);
        folder.mark(std::env::current_exe().ok().as_deref(), now);
        Ok(folder)
    }

    fn at(path: &Path) -> Result<Self, Failure> {
        let fail = |reason: String| {
            let shown = path.display();
            Failure::new(FailureKind::Device, format!("private folder {shown}: {reason}"))
        };
        for path in [path, &path.join("models")] {
            match DirBuilder::new().mode(0o700).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(fail(format!("cannot be made: {error}")));
                }
                _ => owned(path).and_then(|()| close(path)).map_err(fail)?,
            }
        }
        let whole = path.canonicalize().map_err(|error| fail(error.to_string()))?;
        if whole.to_str().is_none() {
            return Err(fail("its name is not text; set PEARL_AGENT_FOLDER".into()));
        }
        Ok(Self(whole))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.json")
    }

    pub(crate) fn fixed_performance(&self) -> PathBuf {
        self.0.join("fixed-performance")
    }

    /// Marks an agent of this folder as in use. Hosts that put another one here keep the latest ones.
    fn mark(&self, agent: Option<&Path>, now: SystemTime) {
        let Some(agent) = agent.filter(|agent| agent.parent() == Some(self.path())) else {
            return;
        };
        // Where this fails the agent counts from when it was put here.
        let _ = File::open(agent).and_then(|file| file.set_modified(now));
    }

    /// Removes incomplete files that no agent receives, and models that no host requested for [`KEEP`].
    fn tidy(&self, now: SystemTime) {
        let Ok(entries) = fs::read_dir(self.models()) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let extension = path.extension().and_then(|extension| extension.to_str());
            let stale = match extension {
                Some("part") => File::open(&path).is_ok_and(|file| lock::try_lock(&file, &path)),
                Some("onnx") => path
                    .metadata()
                    .and_then(|file| file.modified())
                    .is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEEP)),
                _ => false,
            };
            if stale {
                // Where this fails and the disk fills up, a later `put` reports that.
                let _ = fs::remove_file(&path);
            }
        }
    }
}

/// The folder that is named, else the one that this agent was put into, else one per user.
fn place(named: Option<OsString>) -> PathBuf {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return named.into();
    }
    let own = std::env::current_exe().ok().and_then(|file| Some(file.parent()?.to_owned()));
    let closed =
        |folder: &Path| owned(folder).is_ok_and(|()| mode(folder).is_ok_and(|mode| mode == 0o700));
    if let Some(own) = own.filter(|own| is_an_agents(own) && closed(own)) {
        return own;
    }
    let temporary = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    temporary
        .map_or_else(shared_folder, PathBuf::from)
        .join(format!("pearl-{}", geteuid().as_raw()))
}

/// The folder in which every user of this device may create files. It is the same for all processes with
/// the same mounts.
pub(crate) fn shared_folder() -> PathBuf {
    let read_only = |folder: &str| {
        statvfs(folder).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
    };
    let all = ["/tmp", "/data/local/tmp", "/var/tmp"].into_iter();
    let found = all.filter(|folder| Path::new(folder).is_dir()).find(|folder| !read_only(folder));
    found.unwrap_or("/tmp").into()
}

fn is_an_agents(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pearl-"))
}

fn owned(folder: &Path) -> Result<(), String> {
    let found = folder.symlink_metadata().map_err(|error| error.to_string())?;
    let (owner, user) = (found.uid(), geteuid().as_raw());
    if found.is_symlink() {
        Err("is a link; remove it".into())
    } else if !found.is_dir() {
        Err("is not a folder; remove it".into())
    } else if owner != user {
        Err(format!("belongs to user {owner}, not {user}; set {VARIABLE} to another"))
    } else {
        Ok(())
    }
}

/// Closes a folder that others can read. A folder that others can write to is refused.
fn close(folder: &Path) -> Result<(), String> {
    let mode = mode(folder)?;
    if mode & 0o022 != 0 {
        return Err(format!("others can write to it (mode {mode:o}); set {VARIABLE} to another"));
    }
    if mode & 0o055 == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(|error| error.to_string())
}

fn mode(folder: &Path) -> Result<u32, String> {
    folder.symlink_metadata().map(|found| found.mode() & 0o7777).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_folder_is_made_for_its_owner_alone_and_taken_again() {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join("pearl-x");
        for mode in [0o755, 0o711, 0o700] {
            let folder = Folder::at(&path).unwrap();
            for made in [folder.path(), &folder.models()] {
                assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o700);
            }
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn a_folder_that_others_may_touch_is_refused_with_the_reason() {
        let outside = tempfile::tempdir().unwrap();
        let at = |name: &str| outside.path().join(name);
        symlink("/tmp", at("link")).unwrap();
        fs::write(at("file"), "").unwrap();
        fs::create_dir(at("open")).unwrap();
        fs::set_permissions(at("open"), Permissions::from_mode(0o1777)).unwrap();
        for (name, told) in [
            ("link", "is a link"),
            ("file", "is not a folder"),
            ("open", "others can write to it (mode 1777)"),
            ("absent/pearl-1", "cannot be made"),
        ] {
            let failure = Folder::at(&at(name)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Device);
            assert!(failure.message.contains(told), "{}", failure.message);
        }
    }

    #[test]
    fn an_agent_that_is_started_is_marked_where_a_host_has_put_it() {
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::at(&outside.path().join("pearl-x")).unwrap();
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        for (path, marked) in [
            (folder.path().join("agent-a"), true),
            (outside.path().canonicalize().unwrap().join("pearl-agent"), false),
        ] {
            fs::write(&path, "").unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(now - hour).unwrap();
            folder.mark(Some(&path), now);
            let age = now.duration_since(path.metadata().unwrap().modified().unwrap());
            assert_eq!(age.unwrap_or_default() < hour / 2, marked, "{}", path.display());
        }
    }

    #[test]
    fn old_models_and_what_nobody_is_receiving_go_away() {
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::at(&outside.path().join("pearl-x")).unwrap();
        let file = |name: &str| folder.models().join(name);
        for name in ["young.onnx", "old.onnx", "lost.part", "mine.part", "other.txt"] {
            fs::write(file(name), name).unwrap();
        }
        let now = SystemTime::now();
        let old = File::options().write(true).open(file("old.onnx")).unwrap();
        old.set_modified(now - KEEP - Duration::from_secs(60)).unwrap();
        let mine = File::open(file("mine.part")).unwrap();
        assert!(lock::try_lock(&mine, &file("mine.part")));
        folder.tidy(now);
        let mut left: Vec<_> = fs::read_dir(folder.models())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["mine.part", "other.txt", "young.onnx"]);
    }
}
