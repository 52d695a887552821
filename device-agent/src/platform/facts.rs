//! What the device is.
//!
//! **Invariant:** every fact that some devices do not report is optional.

use super::procfs::{self, Tree};
use crate::engine::Engine;
use crate::engine::tract::Tract;
use crate::platform::{android, boot, cgroup, hypervisor, pinning, topology};
use crate::session::folder::Folder;
use pearl_agent::protocol::messages::Platform;

/// Without a private folder the folder's path is empty.
pub(crate) fn facts(folder: Option<&Folder>) -> Platform {
    let tree = Tree::of_the_device();
    let cpus = pinning::allowed();
    Platform {
        arch: std::env::consts::ARCH.into(),
        os: std::env::consts::OS.into(),
        kernel: rustix::system::uname().release().to_str().ok().map(str::to_owned),
        cpu_model: cpu_model(&tree),
        clusters: topology::clusters(&tree, &cpus),
        cpus,
        memory_bytes: procfs::kibibytes_of(&tree, "MemTotal"),
        cgroup: cgroup::cgroup(&tree),
        hypervisor: hypervisor::hypervisor(&tree),
        android: android::android(),
        half_precision: Tract.half_precision(),
        root: rustix::process::geteuid().is_root(),
        boot_id: boot::id(),
        folder: folder.and_then(|folder| folder.path().to_str()).unwrap_or_default().into(),
    }
}

fn cpu_model(tree: &Tree) -> Option<String> {
    let info = tree.text("proc/cpuinfo").unwrap_or_default();
    let named = procfs::value(&info, "model name").or_else(|| procfs::value(&info, "Hardware"));
    named
        .map(str::to_owned)
        .or_else(|| tree.text("proc/device-tree/model"))
        .or_else(|| tree.text("sys/firmware/devicetree/base/model"))
        .or_else(|| arm_parts(&info))
}

/// The types of ARM cores by their registers, such as `arm 0x41/0xd05 ×4, 0x41/0xd0a ×2`: recent Android
/// kernels report nothing else.
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
    use crate::platform::procfs::tests::tree;

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
    fn a_processor_is_named_by_its_maker_else_by_the_board_else_by_its_parts() {
        let parts = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05";
        let named = "processor\t: 0\nmodel name\t: Some CPU @ 3.00GHz";
        let board = ("proc/device-tree/model", "Some Board\0");
        for (files, expected) in [
            (&[("proc/cpuinfo", named), board][..], Some("Some CPU @ 3.00GHz")),
            (&[("proc/cpuinfo", parts), board], Some("Some Board")),
            (&[("proc/cpuinfo", parts)], Some("arm 0x41/0xd05 ×1")),
            (&[], None),
        ] {
            assert_eq!(cpu_model(&tree(files)).as_deref(), expected);
        }
    }

    #[test]
    fn this_machine_tells_its_processors_and_memory() {
        let platform = facts(None);
        assert!(!platform.cpus.is_empty());
        assert!(platform.memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(platform.kernel.is_some());
        let clustered: Vec<usize> =
            platform.clusters.iter().flat_map(|cluster| cluster.cpus.clone()).collect();
        assert_eq!(clustered.len(), platform.cpus.len());
    }
}
