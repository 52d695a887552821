//! What the device is.
//!
//! **Invariant:** everything that a device may not tell is optional.

use super::{pinning, procfs};
use crate::agent::{Cgroup, Platform};

pub fn platform() -> Platform {
    let memory = procfs::text("/proc/meminfo");
    Platform {
        arch: std::env::consts::ARCH.into(),
        os: std::env::consts::OS.into(),
        kernel: rustix::system::uname().release().to_str().ok().map(str::to_owned),
        cpu_model: cpu_model(),
        cpus: pinning::allowed(),
        clusters: Vec::new(),
        cgroup: Cgroup::default(),
        android: None,
        half_precision: false,
        root: rustix::process::geteuid().is_root(),
        boot_id: procfs::text("/proc/sys/kernel/random/boot_id"),
        folder: String::new(),
        memory_bytes: memory.and_then(|text| procfs::kibibytes(procfs::value(&text, "MemTotal")?)),
    }
}

fn cpu_model() -> Option<String> {
    let info = procfs::text("/proc/cpuinfo").unwrap_or_default();
    let named = procfs::value(&info, "model name").or_else(|| procfs::value(&info, "Hardware"));
    named
        .map(str::to_owned)
        .or_else(|| procfs::text("/proc/device-tree/model"))
        .or_else(|| procfs::text("/sys/firmware/devicetree/base/model"))
        .or_else(|| arm_parts(&info))
}

/// The kinds of ARM cores by their registers, such as `arm 0x41/0xd05 ×4, 0x41/0xd0a ×2`: all that
/// recent Android kernels tell.
fn arm_parts(info: &str) -> Option<String> {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    let parts = procfs::values(info, "CPU part");
    for (implementer, part) in procfs::values(info, "CPU implementer").zip(parts) {
        let kind = format!("{implementer}/{part}");
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let told: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} ×{count}")).collect();
    (!told.is_empty()).then(|| format!("arm {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm_cores_without_a_name_are_told_by_their_parts() {
        let core = |part: &str| {
            format!(
                "processor\t: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x1\nCPU part\t: {part}\n\n"
            )
        };
        let info = [core("0xd05"), core("0xd05"), core("0xd0a")].concat();
        assert_eq!(arm_parts(&info), Some("arm 0x41/0xd05 ×2, 0x41/0xd0a ×1".into()));
        assert_eq!(arm_parts("processor : 0\n"), None);
    }

    #[test]
    fn this_machine_tells_its_processors_and_memory() {
        let platform = platform();
        assert!(!platform.cpus.is_empty());
        assert!(platform.memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(platform.kernel.is_some());
    }
}
