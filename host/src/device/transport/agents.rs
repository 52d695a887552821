//! The agent executables that this host can install on a device.
//!
//! **Invariant:** a file is returned only if its ELF header names the architecture asked for.

use std::path::{Path, PathBuf};

use fs_err as fs;
use pearl_agent::protocol::content_hash::sha256;

use super::error::TransportError;

/// Variable that names a folder of agents, instead of the one beside this program.
const FOLDER: &str = "PEARL_AGENTS";

/// An executable for a device.
pub(super) struct AgentFile {
    pub path: PathBuf,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    pub bytes: u64,
}

/// The architectures: names by `uname -m`, our name, ELF machine number, command that builds the agent.
const KNOWN: [(&[&str], &str, u16, &str); 3] = [
    (&["aarch64", "arm64"], "aarch64", 183, "make agent-arm64"),
    (&["armv7l", "armv7", "armv8l"], "armv7", 40, "make agent-armv7"),
    (&["x86_64", "amd64"], "x86_64", 62, "make build"),
];

pub(super) fn agent_for(machine: &str) -> Result<AgentFile, TransportError> {
    let known = KNOWN.iter().find(|(names, ..)| names.contains(&machine));
    let Some(&(_, arch, number, make)) = known else {
        let names: Vec<_> = KNOWN.iter().map(|(_, arch, ..)| *arch).collect();
        return Err(TransportError::Lasting(format!(
            "its processor is {machine:?}, and there are agents for {} only",
            names.join(", ")
        )));
    };
    let places = places(arch);
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        let looked: Vec<_> = places.iter().map(|path| path.display().to_string()).collect();
        return Err(TransportError::Lasting(format!(
            "there is no agent for {arch} at {}; build it with `{make}`, or name a folder of \
             agents in {FOLDER}",
            looked.join(", ")
        )));
    };
    let bytes = fs::read(path).map_err(|error| TransportError::Lasting(error.to_string()))?;
    check(path, &bytes, arch, number, make)?;
    let sha256 = sha256(&bytes);
    Ok(AgentFile { path: path.clone(), sha256, bytes: bytes.len() as u64 })
}

fn places(arch: &str) -> Vec<PathBuf> {
    let name = format!("pearl-agent-{arch}");
    if let Some(folder) = std::env::var_os(FOLDER) {
        return vec![PathBuf::from(folder).join(name)];
    }
    let Ok(own) = std::env::current_exe() else { return Vec::new() };
    let beside = own.parent().map(Path::to_owned).unwrap_or_default();
    let above = beside.parent().map(Path::to_owned).unwrap_or_default();
    let folders = [above.join("agents"), beside.join("agents"), above.join("share/pearl/agents")];
    let mut places: Vec<_> = folders.iter().map(|folder| folder.join(&name)).collect();
    if arch == std::env::consts::ARCH {
        places.push(beside.join("pearl-agent"));
    }
    places
}

fn check(
    path: &Path,
    bytes: &[u8],
    arch: &str,
    number: u16,
    make: &str,
) -> Result<(), TransportError> {
    let is = match machine(bytes) {
        Some(found) if found == number => return Ok(()),
        Some(found) => match KNOWN.iter().find(|(_, _, number, _)| *number == found) {
            Some((_, other, ..)) => format!("is for {other}, not {arch}"),
            None => format!("is for another processor than {arch}"),
        },
        None => "is not a Linux executable".to_owned(),
    };
    let path = path.display();
    Err(TransportError::Lasting(format!("{path}: the agent {is}; build it with `{make}`")))
}

/// The machine that an ELF file is for; ours are all little-endian.
fn machine(bytes: &[u8]) -> Option<u16> {
    let [low, high] = bytes.get(18..20)?.try_into().ok()?;
    let little_endian = bytes.starts_with(b"\x7fELF") && bytes.get(5) == Some(&1);
    little_endian.then(|| u16::from_le_bytes([low, high]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_tells_its_machine_and_other_files_do_not() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        let of_this_machine = KNOWN.iter().find(|known| known.1 == std::env::consts::ARCH);
        assert_eq!(machine(&own), of_this_machine.map(|known| known.2));
        assert_eq!(machine(b"#!/bin/sh\nexit 0\n and so on"), None);
        assert_eq!(machine(b""), None);
    }

    #[test]
    fn an_agent_for_another_machine_is_refused_with_both_names() {
        let mut elf = vec![0; 64];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        elf[18] = 62;
        let error = check(Path::new("a"), &elf, "aarch64", 183, "make x").unwrap_err().to_string();
        assert!(error.contains("is for x86_64, not aarch64"), "{error}");
        let error = agent_for("pdp11").err().unwrap().to_string();
        assert!(error.contains("pdp11") && error.contains("aarch64"), "{error}");
    }
}
