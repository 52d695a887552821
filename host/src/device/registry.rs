//! The devices that a user can name: `local`, and those of `devices.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pearl_agent::protocol::messages::Frequency;

use super::entry::{Cpus, Device, Transport};
use super::file;
use crate::output::error_class::Classified;

/// The devices that a user can name.
#[derive(Debug)]
pub struct Devices {
    all: BTreeMap<String, Device>,
    source: Option<PathBuf>,
}

impl Devices {
    /// Reads `file`, else `./devices.toml`, else the one in the user's configuration directory.
    /// Without a file, only `local` exists.
    ///
    /// # Errors
    /// If the file cannot be read or its content is not valid.
    pub fn find(file: Option<&Path>) -> anyhow::Result<Self> {
        let source = match file {
            Some(file) => Some(file.to_owned()),
            None => candidates().into_iter().find(|path| path.symlink_metadata().is_ok()),
        };
        let local = Device {
            name: "local".to_owned(),
            transport: Transport::Local,
            cpus: Cpus::All,
            threads: 1,
            frequency: Frequency::Keep,
            wrapper: Vec::new(),
            folder: None,
        };
        let mut all = BTreeMap::from([(local.name.clone(), local)]);
        if let Some(path) = &source {
            // If the path is not a file, the reader reports it.
            let listed = file::read(path)?;
            all.extend(listed.into_iter().map(|device| (device.name.clone(), device)));
        }
        Ok(Self { all, source })
    }

    pub fn get(&self, name: &str) -> anyhow::Result<&Device> {
        self.all.get(name).ok_or_else(|| {
            let names: Vec<_> = self.all.keys().map(String::as_str).collect();
            let source = match &self.source {
                Some(path) => format!("in {}", path.display()),
                None => "there is no devices.toml".to_owned(),
            };
            Classified::usage(format_args!(
                "unknown device '{name}'; known are {} ({source})",
                names.join(", ")
            ))
            .into()
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.all.values()
    }
}

fn candidates() -> Vec<PathBuf> {
    let configuration = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let mut paths = vec![PathBuf::from("devices.toml")];
    paths.extend(configuration.map(|folder| folder.join("pearl/devices.toml")));
    paths
}
