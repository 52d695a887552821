//! The teachers that were trained or imported, one folder each.
//!
//! **Invariant:** a teacher is complete when its `teacher.json` exists: that file is written last, by
//! rename.

use std::path::PathBuf;

use anyhow::Context;
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass};
use crate::store::home;
use crate::train::weights_file::replace_file;
use crate::train::worker_protocol::TeacherSource;

/// Changelog: 1, the first.
const FORMAT: &str = "pearl.teacher/1";
const MANIFEST: &str = "teacher.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    pub format: String,
    pub name: String,
    /// The data set that the teacher was trained on, or checked against.
    pub data: String,
    pub classes: usize,
    pub source: TeacherSource,
    /// SHA-256 of the file with the weights.
    pub sha256: String,
    pub holdout_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
}

/// All teachers of this user.
pub struct Teachers {
    folder: PathBuf,
}

impl Teachers {
    pub fn open() -> anyhow::Result<Self> {
        Ok(Self { folder: home::folder()?.join("teachers") })
    }

    /// The teachers sorted by name; a teacher that cannot be read comes with its error.
    pub fn list(&self) -> anyhow::Result<Vec<(String, anyhow::Result<Teacher>)>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.or_class(ErrorClass::Machine)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.or_class(ErrorClass::Machine)?.path();
            if path.join(MANIFEST).is_file() {
                names.extend(path.file_name().map(|name| name.to_string_lossy().into_owned()));
            }
        }
        names.sort();
        Ok(names.into_iter().map(|name| (name.clone(), self.get(&name))).collect())
    }

    pub fn get(&self, name: &str) -> anyhow::Result<Teacher> {
        check_name(name)?;
        let path = self.folder.join(name).join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let list = self.list()?;
                let names: Vec<_> = list.iter().map(|(name, _)| name.as_str()).collect();
                let known = if names.is_empty() {
                    "there are none yet".to_owned()
                } else {
                    format!("known are {}", names.join(", "))
                };
                return Err(Classified::usage(format_args!(
                    "unknown teacher '{name}'; {known}; make one with `pearl teacher train` or \
                     `pearl teacher import`"
                ))
                .into());
            }
            text => text.or_class(ErrorClass::Input)?,
        };
        #[derive(Deserialize)]
        struct Version {
            format: String,
        }
        let read = || -> anyhow::Result<Teacher> {
            let version: Version = serde_json::from_str(&text)?;
            anyhow::ensure!(
                version.format == FORMAT,
                "format {}, and this program reads {FORMAT}; use the pearl that wrote it",
                version.format
            );
            Ok(serde_json::from_str(&text)?)
        };
        read().or_class(ErrorClass::Input).with_context(|| path.display().to_string())
    }

    /// Refuses a name that cannot be one, and one that another teacher bears, unless it may be replaced or
    /// has this hash.
    pub fn check_vacant(
        &self,
        name: &str,
        replace: bool,
        sha256: Option<&str>,
    ) -> anyhow::Result<()> {
        check_name(name)?;
        if replace || !self.folder.join(name).join(MANIFEST).exists() {
            return Ok(());
        }
        match (self.get(name), sha256) {
            (Ok(there), Some(sha256)) if there.sha256 == sha256 => Ok(()),
            _ => Err(Classified::usage(format_args!(
                "there is a teacher '{name}' already, and runs may go on with it; take another --name, or \
                 --replace it"
            ))
            .into()),
        }
    }

    /// Makes the folder of a teacher that is about to be written.
    pub fn prepare(&self, name: &str) -> anyhow::Result<PathBuf> {
        check_name(name)?;
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).or_unwritable()?;
        fs::canonicalize(folder).or_unwritable()
    }

    /// Writes the manifest that makes a teacher complete.
    pub fn complete(&self, teacher: &Teacher) -> anyhow::Result<()> {
        let path = self.folder.join(&teacher.name).join(MANIFEST);
        let text = serde_json::to_string_pretty(teacher).context("teacher.json")?;
        replace_file(&path, text.as_bytes()).or_unwritable()
    }
}

impl Teacher {
    pub fn new(
        name: &str,
        data: &str,
        classes: usize,
        source: TeacherSource,
        sha256: String,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            name: name.to_owned(),
            data: data.to_owned(),
            classes,
            source,
            sha256,
            holdout_accuracy: None,
            test_accuracy: None,
        }
    }
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || name.len() > 100 || !name.chars().all(plain) {
        return Err(Classified::usage(format_args!(
            "teacher name '{name}': use letters, digits, '-', '_' and '.'"
        ))
        .into());
    }
    Ok(())
}
