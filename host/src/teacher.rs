//! The teachers that were trained or imported, one folder each.
//!
//! **Invariant:** a teacher is complete when its `teacher.json` exists: that file is written last, by
//! rename.

use std::path::PathBuf;

use anyhow::Context;
use fs_err as fs;
use pearl_agent::protocol::content_hash::sha256;
use serde::{Deserialize, Serialize};

use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass};
use crate::store::home;
use crate::train::teacher_options::TeacherOptions;
use crate::train::weights_file::replace_file;
use crate::train::worker_protocol::TeacherSource;

/// Changelog: 1, the first. 2: options of an imported teacher, how a teacher was trained.
const FORMAT: &str = "pearl.teacher/2";
/// An older format: the same without what is new.
const FIRST: &str = "pearl.teacher/1";
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
    /// SHA-256 of the file with the weights; if that is used with options, of both.
    pub sha256: String,
    /// How it was trained; unknown of an imported teacher.
    #[serde(default)]
    pub training: Option<TeacherTraining>,
    pub holdout_accuracy: Option<f64>,
    pub test_accuracy: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherTraining {
    pub images: usize,
    pub epochs: usize,
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
                [FORMAT, FIRST].contains(&version.format.as_str()),
                "format {}, and this program reads {FORMAT} and older ones; use the pearl that wrote it",
                version.format
            );
            let teacher: Teacher = serde_json::from_str(&text)?;
            Ok(Teacher { format: FORMAT.to_owned(), ..teacher })
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
            training: None,
            holdout_accuracy: None,
            test_accuracy: None,
        }
    }
}

/// SHA-256 of a module's file, and of the options that it is used with where there are some: another use is
/// another teacher.
pub fn imported_sha256(file: &str, options: &TeacherOptions) -> String {
    match options.identity() {
        None => file.to_owned(),
        Some(options) => sha256(format!("{options}\n{file}")),
    }
}

/// # Errors
/// If no teacher can have this name.
pub fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || name.len() > 100 || !name.chars().all(plain) {
        return Err(Classified::usage(format_args!(
            "teacher name '{name}': use letters, digits, '-', '_' and '.'"
        ))
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::teacher_options::{Answer, NumberType, PixelNormalisation};

    /// A home with one teacher of that content.
    fn read(text: &str) -> anyhow::Result<Teacher> {
        let home = tempfile::tempdir().unwrap();
        let teachers = Teachers { folder: home.path().to_owned() };
        fs::create_dir(home.path().join("big")).unwrap();
        fs::write(home.path().join("big").join(MANIFEST), text).unwrap();
        teachers.get("big")
    }

    #[test]
    fn a_teacher_of_the_first_format_is_read() {
        let teacher = read(
            r#"{"format": "pearl.teacher/1", "name": "big", "data": "fashion-mnist", "classes": 10,
                "source": {"torch_script": {"file": "/home/teachers/big/teacher.pt"}},
                "sha256": "abc", "holdout_accuracy": 0.93, "test_accuracy": null}"#,
        );
        let source = TeacherSource::TorchScript {
            file: "/home/teachers/big/teacher.pt".into(),
            options: Box::default(),
        };
        let mut expected = Teacher::new("big", "fashion-mnist", 10, source, "abc".into());
        expected.holdout_accuracy = Some(0.93);
        assert_eq!(teacher.unwrap(), expected);
    }

    #[test]
    fn a_teacher_of_the_second_format_is_read() {
        let teacher = read(
            r#"{"format": "pearl.teacher/2", "name": "big", "data": "fashion-mnist", "classes": 10,
                "source": {"torch_script": {"file": "t.pt", "options": {
                    "input": {"channels": 3, "height": 224, "width": 224},
                    "normalisation": {"mean": [0.485], "deviation": [0.229], "scale": 1.0},
                    "number_type": "f16", "output": "0.logits", "answer": "probabilities"}}},
                "sha256": "abc", "training": {"images": 55000, "epochs": 4},
                "holdout_accuracy": null, "test_accuracy": 0.9}"#,
        );
        let options = TeacherOptions {
            input: Some(pearl_models::shape::ImageShape::new(3, 224, 224)),
            normalisation: Some(PixelNormalisation {
                mean: vec![0.485],
                deviation: vec![0.229],
                scale: 1.0,
            }),
            number_type: NumberType::F16,
            output: Some("0.logits".into()),
            answer: Answer::Probabilities,
        };
        let source = TeacherSource::TorchScript { file: "t.pt".into(), options: options.into() };
        let mut expected = Teacher::new("big", "fashion-mnist", 10, source, "abc".into());
        expected.training = Some(TeacherTraining { images: 55_000, epochs: 4 });
        expected.test_accuracy = Some(0.9);
        assert_eq!(teacher.unwrap(), expected);
        let text = serde_json::to_string(&expected).unwrap();
        assert_eq!(read(&text).unwrap(), expected, "and is written so");
    }

    #[test]
    fn a_newer_format_and_a_field_that_is_not_known_are_refused() {
        let text = |format: &str, more: &str| {
            format!(
                r#"{{"format": "{format}", "name": "big", "data": "d", "classes": 10,
                    "source": {{"native": {{"network": "resnet-8", "weights": "w"}}}}, "sha256": "abc",
                    "holdout_accuracy": null, "test_accuracy": null{more}}}"#
            )
        };
        assert!(read(&text("pearl.teacher/2", "")).is_ok());
        for (text, words) in [
            (text("pearl.teacher/3", r#", "more": 1"#), "use the pearl that wrote it"),
            (text("pearl.teacher/2", r#", "more": 1"#), "more"),
            ("{".to_owned(), "teacher.json"),
        ] {
            let message = format!("{:#}", read(&text).unwrap_err());
            assert!(message.contains(words), "{message:?} lacks {words:?}");
        }
    }

    #[test]
    fn another_use_of_a_module_is_another_teacher() {
        let options = TeacherOptions { output: Some("0".into()), ..TeacherOptions::default() };
        assert_eq!(imported_sha256("abc", &TeacherOptions::default()), "abc");
        let first = imported_sha256("abc", &options);
        assert_ne!(first, imported_sha256("abd", &options));
        let options = TeacherOptions { output: Some("1".into()), ..options };
        assert_ne!(first, imported_sha256("abc", &options));
    }
}
