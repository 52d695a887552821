//! Reads small text files of the kernel.
//!
//! **Invariant:** a file that is absent, unreadable, endless or not text has no value; this is no error.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest text that is read: more than any of these files has, also with hundreds of processors.
const LONGEST: u64 = 1 << 20;

/// The whole file, without white space (or the zero bytes of a device tree) at its ends.
pub(crate) fn text(path: impl AsRef<Path>) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// The kernel's files below a root, which tests put elsewhere.
pub(crate) struct Tree(PathBuf);

impl Tree {
    pub(crate) fn of_the_device() -> Self {
        Self("/".into())
    }

    /// [`text`] of a path without the root.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        text(self.0.join(path))
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.text(path)?.parse().ok()
    }

    /// The names in a folder, sorted; none where there is no such folder.
    pub(crate) fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }
}

/// What follows `key` and a colon at the beginning of a line.
pub(crate) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    values(text, key).next()
}

/// As [`value`], for every line that begins so.
pub(crate) fn values<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let value = line.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim();
        (!value.is_empty()).then_some(value)
    })
}

/// The value of a key of `/proc/meminfo`, in bytes.
pub(crate) fn kibibytes_of(tree: &Tree, key: &str) -> Option<u64> {
    kibibytes(value(&tree.text("proc/meminfo")?, key)?)
}

/// The bytes of a value such as `1234 kB`.
pub(crate) fn kibibytes(value: &str) -> Option<u64> {
    let count: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    count.checked_mul(1024)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A folder that looks like a device's files, until it is dropped.
    pub(crate) struct Planted {
        tree: Tree,
        root: tempfile::TempDir,
    }

    impl Planted {
        /// Where a path without the root lies.
        pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
            self.root.path().join(path)
        }
    }

    impl std::ops::Deref for Planted {
        type Target = Tree;

        fn deref(&self) -> &Tree {
            &self.tree
        }
    }

    /// Paths without the root, and what they hold.
    pub(crate) fn tree<P: AsRef<Path>, C: AsRef<str>>(files: &[(P, C)]) -> Planted {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("{}\n", content.as_ref())).unwrap();
        }
        Planted { tree: Tree(root.path().into()), root }
    }

    #[test]
    fn a_value_is_found_by_its_whole_key() {
        let text = "MemTotalish: 1\nMemTotal:\t 2048 kB\nEmpty:\nMemTotal: 3";
        assert_eq!(value(text, "MemTotal"), Some("2048 kB"));
        assert_eq!(value(text, "Empty"), None);
        assert_eq!(kibibytes("2048 kB"), Some(2048 * 1024));
        assert_eq!(kibibytes("many kB"), None);
    }

    #[test]
    fn what_cannot_be_read_is_no_value() {
        for path in ["/proc/self/no-such-file", "/", "/dev/null"] {
            assert_eq!(text(path), None, "{path}");
        }
    }
}
