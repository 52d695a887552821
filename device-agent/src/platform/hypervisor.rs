//! Whether the device is a virtual machine, and whose.
//!
//! **Invariant:** a name is told only where the device says that it is virtual: the name of a board alone is
//! none of a hypervisor.

use super::procfs::{self, Tree};

/// Longest name that is told, in characters.
const LONGEST: usize = 100;

/// The hypervisor's name, else that of the machine that it shows; `None` on hardware, and where the device
/// does not tell.
pub(crate) fn hypervisor(tree: &Tree) -> Option<String> {
    let told = tree.text("sys/hypervisor/type").or_else(|| {
        let compatible = tree.text("proc/device-tree/hypervisor/compatible")?;
        // Names that end in a zero byte, the most exact one first.
        compatible.split('\0').next().map(str::to_owned)
    });
    let name = told.or_else(|| {
        let dmi = |file: &str| tree.text(format!("sys/class/dmi/id/{file}"));
        let machine: Vec<_> = ["sys_vendor", "product_name"].into_iter().filter_map(dmi).collect();
        let is_virtual = announced(tree) || machine.first().is_some_and(|vendor| vendor == "QEMU");
        let unnamed = || "unnamed".to_owned();
        is_virtual.then(|| if machine.is_empty() { unnamed() } else { machine.join(" ") })
    });
    name.map(|name| name.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}

/// x86 processors carry a mark that hypervisors set.
fn announced(tree: &Tree) -> bool {
    let info = tree.text("proc/cpuinfo").unwrap_or_default();
    let flags = procfs::value(&info, "flags");
    flags.is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::procfs::tests::tree;

    #[test]
    fn a_virtual_machine_is_told_by_the_best_name_that_it_has() {
        let marked = ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 hypervisor lahf_lm");
        let plain = ("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 hypervisors");
        let vendor = ("sys/class/dmi/id/sys_vendor", "Some Vendor");
        let product = ("sys/class/dmi/id/product_name", "Some Machine");
        for (files, expected) in [
            (&[marked][..], Some("unnamed")),
            (&[marked, vendor, product], Some("Some Vendor Some Machine")),
            (&[marked, ("sys/hypervisor/type", "xen")], Some("xen")),
            (&[("proc/device-tree/hypervisor/compatible", "linux,kvm\0kvm")], Some("linux,kvm")),
            (&[("sys/class/dmi/id/sys_vendor", "QEMU")], Some("QEMU")),
            (&[plain, vendor, product], None),
            (&[], None),
        ] {
            assert_eq!(hypervisor(&tree(files)).as_deref(), expected, "{files:?}");
        }
        let endless = "x".repeat(5000);
        let told = hypervisor(&tree(&[("sys/hypervisor/type", endless.as_str())])).unwrap();
        assert_eq!(told.len(), LONGEST);
    }
}
