//! Data sets by name or by folder: what `--data` means.
//!
//! A data set is a folder of four IDX files under the names that the MNIST family has, plain or
//! `.gz`, also with a dot before `idx` as some tools write them, or in the folder `raw` where torchvision
//! puts them. A name is looked for in `$PEARL_DATA` first and then where Debian's packages put data sets.
//!
//! **Invariant:** a [`DataSource`] is returned only if all its four files exist; the worker checks what
//! is in them.

pub mod class_names;
pub mod idx;
pub mod npy;

use std::env;
use std::path::{Path, PathBuf};

use crate::train::worker_protocol::DataSource;

/// Variable that names the folder of data sets.
pub const VARIABLE: &str = "PEARL_DATA";
const SYSTEM: &str = "/usr/share/datasets";

/// The files of a data set, without `.gz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFile {
    TrainImages,
    TrainLabels,
    TestImages,
    TestLabels,
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error(
        "data set '{name}': not found; looked in {}; {}; \
         Fashion-MNIST comes with 'make setup' or 'apt-get install dataset-fashion-mnist'",
        list(looked),
        available(found)
    )]
    Unknown { name: String, looked: Vec<PathBuf>, found: Vec<String> },
    #[error(
        "data set {}: has no {}; a data set is {} (plain or .gz)",
        folder.display(), file.stem(), DataFile::ALL.map(DataFile::stem).join(", ")
    )]
    Incomplete { folder: PathBuf, file: DataFile },
}

impl DataFile {
    pub const ALL: [DataFile; 4] =
        [DataFile::TrainImages, DataFile::TrainLabels, DataFile::TestImages, DataFile::TestLabels];

    /// The file's name without `.gz`.
    pub fn stem(self) -> &'static str {
        match self {
            DataFile::TrainImages => "train-images-idx3-ubyte",
            DataFile::TrainLabels => "train-labels-idx1-ubyte",
            DataFile::TestImages => "t10k-images-idx3-ubyte",
            DataFile::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    /// The file's path in `folder`; a plain file is preferred to a gzipped one.
    pub fn find(self, folder: &Path) -> Result<PathBuf, DataError> {
        let dotted = self.stem().replacen("-idx", ".idx", 1);
        let plain = [self.stem().to_owned(), dotted];
        let gzipped = plain.clone().map(|name| format!("{name}.gz"));
        plain
            .into_iter()
            .chain(gzipped)
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| DataError::Incomplete { folder: folder.to_owned(), file: self })
    }
}

/// The data set that the user calls `given`: a folder, or a name such as `fashion-mnist`.
///
/// # Errors
/// If no data set has that name (the error lists the available ones), or if the folder lacks a file.
pub fn resolve(given: &str) -> Result<DataSource, DataError> {
    let roots = env::var_os(VARIABLE).map(PathBuf::from).into_iter().chain([SYSTEM.into()]);
    resolve_in(given, &roots.collect::<Vec<_>>())
}

fn resolve_in(given: &str, roots: &[PathBuf]) -> Result<DataSource, DataError> {
    let is_name = !given.is_empty() && !given.contains(['/', '\\']) && !given.starts_with('.');
    let named: Vec<PathBuf> =
        if is_name { roots.iter().map(|root| root.join(given)).collect() } else { Vec::new() };
    let mut candidates = named.iter().cloned().chain([PathBuf::from(given)]);
    let Some(folder) = candidates.find(|folder| folder.is_dir()) else {
        let looked = if is_name { named } else { vec![given.into()] };
        return Err(DataError::Unknown { name: given.to_owned(), looked, found: names(roots) });
    };
    let (folder, files) = within(&folder);
    for file in DataFile::ALL {
        file.find(&files)?;
    }
    let name = folder.file_name().map_or_else(|| given.into(), |name| name.to_string_lossy());
    let name = name.into_owned();
    // A relative folder would be another one for a worker that starts in another directory.
    let folder = std::path::absolute(&files).unwrap_or(files);
    Ok(DataSource { name, folder })
}

/// The folder that gives a data set its name, and the one with its files: the folder itself, or where
/// torchvision puts them in it.
fn within(folder: &Path) -> (PathBuf, PathBuf) {
    let complete = |folder: &Path| DataFile::ALL.iter().all(|file| file.find(folder).is_ok());
    let raw = |folder: &Path| {
        let files = folder.join("raw");
        complete(&files).then(|| (folder.to_owned(), files))
    };
    if complete(folder) {
        return (folder.to_owned(), folder.to_owned());
    }
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut below: Vec<_> = below.filter_map(|entry| raw(&entry.path())).collect();
    let only = if below.len() == 1 { below.pop() } else { None };
    raw(folder).or(only).unwrap_or_else(|| (folder.to_owned(), folder.to_owned()))
}

/// Names of the complete data sets under `roots`.
fn names(roots: &[PathBuf]) -> Vec<String> {
    let entries = roots.iter().filter_map(|root| std::fs::read_dir(root).ok()).flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| DataFile::ALL.iter().all(|file| file.find(&entry.path()).is_ok()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn available(names: &[String]) -> String {
    if names.is_empty() {
        "there is none".into()
    } else {
        format!("there are {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(root: &Path, name: &str, extension: &str) -> PathBuf {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for file in DataFile::ALL {
            std::fs::write(folder.join(format!("{}{extension}", file.stem())), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_name_is_found_in_the_first_root_that_has_it() {
        let (own, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let roots = [own.path().to_owned(), system.path().to_owned()];
        let second = complete(system.path(), "fashion-mnist", ".gz");
        assert_eq!(resolve_in("fashion-mnist", &roots).unwrap().folder, second);
        let first = complete(own.path(), "fashion-mnist", "");
        assert_eq!(resolve_in("fashion-mnist", &roots).unwrap().folder, first);
    }

    #[test]
    fn a_folder_is_taken_as_it_is_and_named_after_itself() {
        let root = tempfile::tempdir().unwrap();
        let folder = complete(root.path(), "my-digits", "");
        let source = resolve_in(folder.to_str().unwrap(), &[]).unwrap();
        assert_eq!((source.name.as_str(), source.folder), ("my-digits", folder));
    }

    #[test]
    fn files_are_found_as_other_tools_name_and_place_them() {
        let root = tempfile::tempdir().unwrap();
        let given = |folder: &str| resolve_in(root.path().join(folder).to_str().unwrap(), &[]);
        let raw = complete(root.path(), "vision/FashionMNIST/raw", "");
        for folder in ["vision", "vision/FashionMNIST"] {
            let source = given(folder).unwrap();
            assert_eq!((source.name.as_str(), &source.folder), ("FashionMNIST", &raw), "{folder}");
        }
        complete(root.path(), "vision/KMNIST/raw", "");
        let message = given("vision").unwrap_err().to_string();
        assert!(message.contains("vision: has no train-images-idx3-ubyte"), "{message}");
        let dotted = complete(root.path(), "dotted", "");
        for file in DataFile::ALL {
            let name = file.stem().replace("-idx", ".idx");
            std::fs::rename(dotted.join(file.stem()), dotted.join(name)).unwrap();
        }
        assert_eq!(given("dotted").unwrap().folder, dotted);
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_exists_and_how_to_get_it() {
        let root = tempfile::tempdir().unwrap();
        complete(root.path(), "kmnist", "");
        std::fs::create_dir(root.path().join("half")).unwrap();
        let roots = [root.path().to_owned()];
        for given in ["fashion-mnits", "", "nowhere/at-all"] {
            let message = resolve_in(given, &roots).unwrap_err().to_string();
            assert!(message.contains(&format!("'{given}': not found")), "{message}");
            assert!(message.contains("there are kmnist;"), "{message}");
            assert!(message.contains("apt-get install dataset-fashion-mnist"), "{message}");
        }
    }

    #[test]
    fn a_folder_that_lacks_a_file_is_refused_with_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = complete(root.path(), "digits", ".gz");
        std::fs::remove_file(folder.join("t10k-labels-idx1-ubyte.gz")).unwrap();
        let message = resolve_in(folder.to_str().unwrap(), &[]).unwrap_err().to_string();
        assert!(message.contains("has no t10k-labels-idx1-ubyte"), "{message}");
    }
}
