//! The devices that a user can name: `local`, and those of `devices.toml`.
//!
//! A file that merely lies in the current folder, as in a folder of models from somebody else, may say where
//! devices are. It names no program and no key, and does not redefine `local`.
//!
//! **Invariant:** nothing of a file that the user has not chosen is started on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pearl_agent::protocol::messages::Frequency;

use super::entry::{Cpus, Device, Transport};
use super::file;
use crate::output::error_class::Classified;

/// Names a file of devices.
const DEVICES: &str = "PEARL_DEVICES";

/// The devices that a user can name.
#[derive(Debug)]
pub struct Devices {
    all: BTreeMap<String, Device>,
    /// Devices of a file that nobody chose, and why they are not used.
    barred: BTreeMap<String, String>,
    sources: Vec<PathBuf>,
}

impl Devices {
    /// Reads `file`, else the file that `PEARL_DEVICES` names. Without either it reads the one in the user's
    /// configuration directory and `./devices.toml`, as far as these exist; where both name a device, the
    /// former counts. Without a file, only `local` exists.
    ///
    /// # Errors
    /// If a file cannot be read or its content is not valid.
    pub fn find(file: Option<&Path>) -> anyhow::Result<Self> {
        let variable = std::env::var_os(DEVICES).filter(|path| !path.is_empty());
        match file.map(Path::to_owned).or(variable.map(PathBuf::from)) {
            Some(chosen) => Self::read(Some(&chosen), None),
            None => Self::read(
                in_configuration().filter(|path| there(path)).as_deref(),
                Some(Path::new("devices.toml")).filter(|path| there(path)),
            ),
        }
    }

    /// `chosen` is a file of the user's; `found` lies in the current folder.
    fn read(chosen: Option<&Path>, found: Option<&Path>) -> anyhow::Result<Self> {
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
        let mut barred = BTreeMap::new();
        for device in found.map(file::read).transpose()?.unwrap_or_default() {
            match bar(&device) {
                None => drop(all.insert(device.name.clone(), device)),
                Some(why) => drop(barred.insert(device.name, why)),
            }
        }
        for device in chosen.map(file::read).transpose()?.unwrap_or_default() {
            barred.remove(&device.name);
            all.insert(device.name.clone(), device);
        }
        let sources = chosen.into_iter().chain(found).map(Path::to_owned).collect();
        Ok(Self { all, barred, sources })
    }

    pub fn get(&self, name: &str) -> anyhow::Result<&Device> {
        let unusable = || match self.barred.get(name) {
            Some(why) => Classified::usage(format_args!(
                "device '{name}': {why}, which a devices.toml of the current folder may not do; choose the \
                 file with --devices devices.toml or {DEVICES}, if you trust it"
            )),
            None => {
                let names: Vec<_> = self.all.keys().map(String::as_str).collect();
                let sources: Vec<_> =
                    self.sources.iter().map(|path| path.display().to_string()).collect();
                let source = match &sources[..] {
                    [] => "there is no devices.toml".to_owned(),
                    paths => format!("in {}", paths.join(" and ")),
                };
                Classified::usage(format_args!(
                    "unknown device '{name}'; known are {} ({source})",
                    names.join(", ")
                ))
            }
        };
        self.all.get(name).ok_or_else(|| unusable().into())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.all.values()
    }
}

/// Why a device is not taken from a file that nobody chose.
fn bar(device: &Device) -> Option<String> {
    if device.name == "local" {
        return Some("it redefines this machine".to_owned());
    }
    if !device.wrapper.is_empty() {
        return Some("its wrapper starts a program".to_owned());
    }
    match &device.transport {
        Transport::Ssh(ssh) if ssh.identity.is_some() => {
            Some("its identity names a private key".to_owned())
        }
        _ => None,
    }
}

/// A path that is no file counts as well: the reader reports it.
fn there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn in_configuration() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    Some(folder?.join("pearl/devices.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: &str = "\
        [device.board]\ntransport = \"ssh\"\nhost = \"10.0.0.12\"\n\
        [device.keyed]\ntransport = \"ssh\"\nhost = \"h\"\nidentity = \"key\"\n\
        [device.wrapped]\ntransport = \"local\"\nwrapper = [\"touch\", \"owned\"]\n\
        [device.local]\ntransport = \"local\"\ncpus = [1]\n";

    #[test]
    fn a_file_that_nobody_chose_names_addresses_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devices.toml");
        std::fs::write(&path, FOUND).unwrap();
        let found = Devices::read(None, Some(&path)).unwrap();
        assert_eq!(
            found.iter().map(|device| &device.name[..]).collect::<Vec<_>>(),
            ["board", "local"]
        );
        assert_eq!(found.get("local").unwrap().cpus, Cpus::All);
        for (name, told) in [("keyed", "private key"), ("wrapped", "starts a program")] {
            let error = found.get(name).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("--devices"), "{error}");
        }
        let chosen = Devices::read(Some(&path), None).unwrap();
        assert_eq!(chosen.iter().count(), 4);
        assert_eq!(chosen.get("local").unwrap().cpus, Cpus::List(vec![1]));
    }

    #[test]
    fn the_users_own_device_counts_where_both_files_name_it() {
        let folder = tempfile::tempdir().unwrap();
        let (own, found) = (folder.path().join("own.toml"), folder.path().join("devices.toml"));
        std::fs::write(&found, FOUND).unwrap();
        std::fs::write(&own, "[device.board]\ntransport = \"adb\"\n").unwrap();
        let both = Devices::read(Some(&own), Some(&found)).unwrap();
        assert_eq!(both.get("board").unwrap().transport.word(), "adb");
        let error = both.get("pixel").unwrap_err().to_string();
        assert!(error.contains("own.toml and ") && error.contains("board, local"), "{error}");
    }
}
