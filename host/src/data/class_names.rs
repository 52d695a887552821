//! The names of a data set's classes.
//!
//! IDX files have none. They stand in `classes.txt` beside them, one a line in the order of the labels. Without
//! that file, Fashion-MNIST has the names that its authors give (Xiao, Rasul, Vollgraf, 2017), and the classes
//! of other data sets are called by their numbers.
//!
//! **Invariant:** there are as many names as classes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::train::worker_protocol::DataSource;

const FILE: &str = "classes.txt";
const MOST_BYTES: u64 = 1 << 20;
const FASHION_MNIST: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct ClassNamesError {
    path: PathBuf,
    problem: String,
}

/// # Errors
/// If `classes.txt` cannot be read, or has not one name for each class.
pub fn class_names(source: &DataSource, classes: usize) -> Result<Vec<String>, ClassNamesError> {
    let path = source.folder.join(FILE);
    let fail = |problem: String| ClassNamesError { path: path.clone(), problem };
    match read(&path) {
        Ok(text) => {
            let names: Vec<_> =
                text.trim_end().lines().map(|name| name.trim().to_owned()).collect();
            if names.len() != classes || names.iter().any(String::is_empty) {
                let lines = names.len();
                return Err(fail(format!(
                    "{lines} lines, and the data has {classes} classes; write one name a line, in the \
                     order of the labels"
                )));
            }
            Ok(names)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let plain: String = source.name.chars().filter(char::is_ascii_alphanumeric).collect();
            let known =
                plain.eq_ignore_ascii_case("fashionmnist") && classes == FASHION_MNIST.len();
            Ok(match known {
                true => FASHION_MNIST.map(str::to_owned).to_vec(),
                false => (0..classes).map(|class| class.to_string()).collect(),
            })
        }
        Err(error) => Err(fail(format!("cannot be read: {error}"))),
    }
}

fn read(path: &Path) -> io::Result<String> {
    // A pipe would be waited for.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("too large for a list of names"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, folder: &Path) -> DataSource {
        DataSource { name: name.to_owned(), folder: folder.to_owned() }
    }

    #[test]
    fn names_come_from_the_file_beside_the_images() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "cat\r\n big dog \nfox\n\n").unwrap();
        let names = class_names(&source("animals", folder.path()), 3).unwrap();
        assert_eq!(names, ["cat", "big dog", "fox"]);
    }

    #[test]
    fn a_file_that_does_not_fit_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (text, told) in [
            (&b"cat\ndog\n"[..], "classes.txt: 2 lines, and the data has 3 classes"),
            (b"cat\n\ndog\n", "classes.txt: 3 lines"),
            (b"", "classes.txt: 0 lines"),
            (b"\xff\xfe", "classes.txt: cannot be read"),
            (&vec![b'a'; MOST_BYTES as usize + 1], "too large"),
        ] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            let error = class_names(&source("animals", folder.path()), 3).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn without_a_file_fashion_mnist_has_names_and_others_have_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["fashion-mnist", "FashionMNIST"] {
            let names = class_names(&source(name, folder.path()), 10).unwrap();
            assert_eq!((names.len(), names[9].as_str()), (10, "Ankle boot"));
        }
        assert_eq!(class_names(&source("fashion-mnist", folder.path()), 2).unwrap(), ["0", "1"]);
        assert_eq!(class_names(&source("digits", folder.path()), 3).unwrap(), ["0", "1", "2"]);
    }
}
