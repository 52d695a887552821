//! Energy that the device counts itself: of the processor's package, or of the battery.
//!
//! **Invariant:** where a counter cannot be read, did not move or is too coarse for what was measured, the
//! energy is absent, never zero.

use super::procfs::Tree;

/// Zones of RAPL that a machine may have: its packages, and the whole platform, which holds them.
const MOST_ZONES: usize = 32;

/// A battery's counter must have moved by at least so many of its own steps: then half a step of error at
/// either end is 5 %.
const LEAST_STEPS: u64 = 20;

const ZONE: &str = "sys/class/powercap/intel-rapl:";
const SUPPLIES: &str = "sys/class/power_supply";

/// Readings at one moment.
pub(crate) struct Meter {
    packages: Vec<Package>,
    battery: Option<Charge>,
}

struct Package {
    energy_uj: u64,
    /// The value at which the counter wraps around.
    range_uj: u64,
}

struct Charge {
    name: String,
    file: &'static str,
    /// What is left, in µWh or in µAh.
    left: u64,
    microvolt: Option<u64>,
}

impl Meter {
    pub(crate) fn read(tree: &Tree) -> Self {
        let name = |number: &usize| tree.text(format!("{ZONE}{number}/name"));
        let zones = (0..MOST_ZONES).map_while(|number| Some((number, name(&number)?)));
        let packages = zones.filter(|(_, name)| name.starts_with("package"));
        let packages = packages.filter_map(|(number, _)| package(tree, number)).collect();
        Self { packages, battery: charge(tree) }
    }

    /// Energy used between `self` and `later`, in microjoules.
    pub(crate) fn used_uj(&self, later: &Self) -> Option<u64> {
        self.packages_uj(later).or_else(|| self.battery_uj(later)).filter(|used| *used > 0)
    }

    fn packages_uj(&self, later: &Self) -> Option<u64> {
        let same = !self.packages.is_empty() && self.packages.len() == later.packages.len();
        let used = |(before, after): (&Package, &Package)| {
            let forward = after.energy_uj.checked_sub(before.energy_uj);
            // The counter wraps around about once an hour; every launch is shorter.
            forward.or_else(|| (before.range_uj + after.energy_uj).checked_sub(before.energy_uj))
        };
        same.then(|| self.packages.iter().zip(&later.packages).map(used).sum())?
    }

    fn battery_uj(&self, later: &Self) -> Option<u64> {
        let (before, after) = (self.battery.as_ref()?, later.battery.as_ref()?);
        if before.name != after.name || before.file != after.file {
            return None;
        }
        let used = before.left.checked_sub(after.left)?;
        let step = greatest_common_divisor(before.left, after.left);
        if used / step.max(1) < LEAST_STEPS {
            return None;
        }
        // A micro-ampere-hour is 3.6 millicoulombs.
        let microwatthours = match (before.microvolt, after.microvolt) {
            (None, None) => u128::from(used),
            (Some(first), Some(last)) => {
                u128::from(used) * (u128::from(first) + u128::from(last)) / 2 / 1_000_000
            }
            _ => return None,
        };
        u64::try_from(microwatthours * 3600).ok()
    }
}

fn package(tree: &Tree, number: usize) -> Option<Package> {
    let value = |file: &str| tree.number(format!("{ZONE}{number}/{file}"));
    Some(Package { energy_uj: value("energy_uj")?, range_uj: value("max_energy_range_uj")? })
}

/// The charge of a battery that is discharging.
fn charge(tree: &Tree) -> Option<Charge> {
    let name = super::device_state::battery_name(tree)?;
    let folder = format!("{SUPPLIES}/{name}");
    if tree.text(format!("{folder}/status"))? != "Discharging" {
        return None;
    }
    let value = |file: &str| tree.number(format!("{folder}/{file}"));
    if let Some(left) = value("energy_now") {
        return Some(Charge { name, file: "energy_now", left, microvolt: None });
    }
    let file = ["charge_counter", "charge_now"].into_iter().find(|file| value(file).is_some())?;
    let (left, microvolt) = (value(file)?, Some(value("voltage_now")?));
    Some(Charge { name, file, left, microvolt })
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::procfs::tests::tree;

    fn rapl(counters: &[u64]) -> Meter {
        let names = ["package-0", "package-1", "psys"];
        let files: Vec<_> = counters
            .iter()
            .enumerate()
            .flat_map(|(number, energy)| {
                let folder = format!("sys/class/powercap/intel-rapl:{number}");
                [
                    (format!("{folder}/name"), names[number].into()),
                    (format!("{folder}/energy_uj"), energy.to_string()),
                    (format!("{folder}/max_energy_range_uj"), "262143328850".into()),
                ]
            })
            .collect();
        Meter::read(&tree(&files))
    }

    #[test]
    fn packages_are_added_up_and_their_counters_begin_anew() {
        for (before, after, used) in [
            (&[1_000][..], &[251_000][..], Some(250_000)),
            (&[262_143_328_000], &[150], Some(1_000)),
            (&[10, 20], &[110, 220], Some(300)),
            (&[10, 20, 30], &[110, 220, 1_000], Some(300)),
            (&[10], &[10], None),
            (&[10], &[20, 30], None),
            (&[], &[], None),
        ] {
            assert_eq!(rapl(before).used_uj(&rapl(after)), used, "{before:?} {after:?}");
        }
    }

    fn battery(status: &str, file: &str, left: u64) -> Meter {
        let at = |name: &str| format!("{SUPPLIES}/battery/{name}");
        Meter::read(&tree(&[
            (at("type"), "Battery".into()),
            (at("status"), status.into()),
            (at(file), left.to_string()),
            (at("voltage_now"), "4000000".into()),
        ]))
    }

    #[test]
    fn a_battery_counts_only_where_it_is_used_and_fine_enough() {
        let used = |status: &str, file: &str, before, after| {
            battery(status, file, before).used_uj(&battery(status, file, after))
        };
        // 101 µAh at 4 V are 404 µWh.
        assert_eq!(used("Discharging", "charge_counter", 3_000_000, 2_999_899), Some(1_454_400));
        assert_eq!(used("Discharging", "energy_now", 20_000_000, 19_999_899), Some(363_600));
        assert_eq!(used("Discharging", "charge_now", 3_000_000, 2_995_000), None, "five steps");
        assert_eq!(used("Discharging", "charge_now", 3_000_000, 3_000_000), None);
        assert_eq!(used("Charging", "charge_now", 3_000_000, 2_999_899), None);
        assert_eq!(used("Discharging", "charge_now", 2_999_899, 3_000_000), None);
    }
}
