//! The device's state at one moment: clock rates, governor, temperatures, load.
//!
//! **Invariant:** what the device does not report is absent, never zero.

use super::android::{self, Programs};
use super::procfs::{self, Tree};
use super::{pinning, thermal};
use pearl_agent::protocol::messages::{Battery, State, Thermal};

/// Most thermal zones that are read: devices have some dozens; a broken one may list the same for ever.
const MOST_ZONES: usize = 128;

const SUPPLIES: &str = "sys/class/power_supply";

/// The state; clock rates are those of `cpus`, or of all allowed processors where `cpus` is empty.
pub(crate) fn state(tree: &Tree, cpus: &[usize]) -> State {
    let in_use = if cpus.is_empty() { pinning::allowed() } else { cpus.to_vec() };
    let file = |cpu: &usize, file: &str| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}");
    let current: Option<Vec<u64>> =
        in_use.iter().map(|cpu| tree.number(file(cpu, "scaling_cur_freq"))).collect();
    let mut state = State {
        frequency_khz: current.unwrap_or_default(),
        governor: in_use.first().and_then(|cpu| tree.text(file(cpu, "scaling_governor"))),
        preference: in_use
            .first()
            .and_then(|cpu| tree.text(file(cpu, "energy_performance_preference"))),
        boost: boost(tree),
        temperature_mc: (0..MOST_ZONES).map_while(|number| zone(tree, number)).flatten().collect(),
        load_milli: tree.text("proc/loadavg").and_then(|text| load_milli(&text)),
        memory_available_bytes: procfs::kibibytes_of(tree, "MemAvailable"),
        battery: battery(tree),
        thermal: None,
        scheduling: None,
        fixed_performance: false,
    };
    if let Some(programs) = Programs::of_the_device() {
        add_what_android_tells(&mut state, tree, &programs);
    }
    state
}

/// Its thermal service also tells temperatures where the kernel does not let the shell read them.
fn add_what_android_tells(state: &mut State, tree: &Tree, programs: &Programs) {
    let (found, temperature_mc) = thermal::thermal(programs);
    if state.temperature_mc.is_empty() {
        state.temperature_mc = temperature_mc;
    }
    state.thermal = (found != Thermal::default()).then_some(found);
    state.scheduling = tree.text("proc/self/cgroup").and_then(|text| android::scheduling(&text));
}

/// Intel's driver has a switch of its own, which means the contrary.
fn boost(tree: &Tree) -> Option<bool> {
    let number = |file: &str| tree.number::<u8>(format!("sys/devices/system/cpu/{file}"));
    let intel = number("intel_pstate/no_turbo").map(|off| off == 0);
    intel.or_else(|| number("cpufreq/boost").map(|on| on != 0))
}

/// `None` where there is no such zone, `Some(None)` where the zone does not report its temperature.
fn zone(tree: &Tree, number: usize) -> Option<Option<(String, i64)>> {
    let zone = format!("sys/class/thermal/thermal_zone{number}");
    let name = tree.text(format!("{zone}/type"))?;
    Some(tree.number(format!("{zone}/temp")).map(|temperature| (name, temperature)))
}

fn battery(tree: &Tree) -> Option<Battery> {
    let folder = format!("{SUPPLIES}/{}", battery_name(tree)?);
    Some(Battery {
        percent: tree.number(format!("{folder}/capacity")).filter(|percent| *percent <= 100),
        status: tree.text(format!("{folder}/status")),
    })
}

/// The first battery of the device itself, not of a mouse.
pub(crate) fn battery_name(tree: &Tree) -> Option<String> {
    let is = |name: &str, file: &str, text: &str| {
        tree.text(format!("{SUPPLIES}/{name}/{file}")).as_deref() == Some(text)
    };
    let mut names = tree.names(SUPPLIES).into_iter();
    names.find(|name| is(name, "type", "Battery") && !is(name, "scope", "Device"))
}

fn load_milli(loadavg: &str) -> Option<u64> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (load >= 0.0).then_some((load * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::android::tests::scripts;
    use crate::platform::procfs::tests::tree;

    #[test]
    fn a_phone_tells_all_of_it() {
        let cpu =
            |cpu: usize, file: &str| format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}");
        let zone =
            |number: usize, file: &str| format!("sys/class/thermal/thermal_zone{number}/{file}");
        let supply = |name: &str, file: &str| format!("{SUPPLIES}/{name}/{file}");
        let phone = tree(&[
            (cpu(6, "scaling_cur_freq"), "2802000"),
            (cpu(7, "scaling_cur_freq"), "1164000"),
            (cpu(6, "scaling_governor"), "sched_pixel"),
            (cpu(6, "energy_performance_preference"), "balance_power"),
            ("sys/devices/system/cpu/cpufreq/boost".into(), "1"),
            (zone(0, "type"), "BIG"),
            (zone(0, "temp"), "41500"),
            (zone(1, "type"), "silent"),
            (zone(2, "type"), "frost"),
            (zone(2, "temp"), "-3000"),
            ("proc/meminfo".into(), "MemTotal: 7000000 kB\nMemAvailable:  2048 kB"),
            (supply("a-mouse", "type"), "Battery"),
            (supply("a-mouse", "scope"), "Device"),
            (supply("a-mouse", "capacity"), "3"),
            (supply("battery", "type"), "Battery"),
            (supply("battery", "capacity"), "83"),
            (supply("battery", "status"), "Discharging"),
            (supply("usb", "type"), "USB"),
        ]);
        let state = state(&phone, &[6, 7]);
        assert_eq!(state.frequency_khz, [2_802_000, 1_164_000]);
        assert_eq!(state.governor.as_deref(), Some("sched_pixel"));
        assert_eq!((state.preference.as_deref(), state.boost), (Some("balance_power"), Some(true)));
        assert_eq!(state.temperature_mc, [("BIG".to_owned(), 41_500), ("frost".to_owned(), -3000)]);
        assert_eq!(state.memory_available_bytes, Some(2048 * 1024));
        let battery = Battery { percent: Some(83), status: Some("Discharging".into()) };
        assert_eq!(state.battery, Some(battery));
    }

    #[test]
    fn android_tells_what_the_kernel_does_not_let_the_shell_read() {
        let phone = tree(&[("proc/self/cgroup", "2:cpu:/top-app\n0::/")]);
        let (_folder, programs) = scripts(&[
            (
                "dumpsys",
                "echo 'Thermal Status: 1
Current temperatures from HAL:
\tTemperature{mValue=39.5, mType=3, mName=skin, mStatus=1}'",
            ),
            ("cmd", "echo 'Headroom in 10 seconds: 0.9'"),
        ]);
        let mut state = State::default();
        add_what_android_tells(&mut state, &phone, &programs);
        assert_eq!(state.thermal, Some(Thermal { status: Some(1), headroom_milli: Some(900) }));
        assert_eq!(state.scheduling.as_deref(), Some("top-app"));
        assert_eq!(state.temperature_mc, [("skin".to_owned(), 39_500)]);
        // The kernel's own are kept: the session compares temperatures of one source.
        state.temperature_mc = vec![("BIG".into(), 41_000)];
        add_what_android_tells(&mut state, &phone, &programs);
        assert_eq!(state.temperature_mc, [("BIG".to_owned(), 41_000)]);
        let (_folder, nothing) = scripts(&[]);
        let mut state = State::default();
        add_what_android_tells(&mut state, &tree::<&str, &str>(&[]), &nothing);
        assert_eq!(state, State::default());
    }

    #[test]
    fn a_device_that_tells_nothing_has_nothing_told() {
        let nothing = tree::<&str, &str>(&[]);
        assert_eq!(state(&nothing, &[0]), State::default());
        // Clock rates that are not known of all processors are not reported.
        let half = tree(&[("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1")]);
        assert_eq!(state(&half, &[0, 1]), State::default());
    }

    #[test]
    fn the_switch_of_either_driver_is_read() {
        for (file, text, expected) in [
            ("intel_pstate/no_turbo", "1", Some(false)),
            ("intel_pstate/no_turbo", "0", Some(true)),
            ("cpufreq/boost", "0", Some(false)),
            ("cpufreq/boost", "odd", None),
        ] {
            let tree = tree(&[(format!("sys/devices/system/cpu/{file}"), text)]);
            assert_eq!(boost(&tree), expected, "{file} {text}");
        }
    }

    #[test]
    fn the_load_of_the_last_minute_is_told_in_thousandths() {
        assert_eq!(load_milli("0.52 0.10 0.05 1/234 5678"), Some(520));
        for odd in ["", "much", "-1 0 0", "NaN"] {
            assert_eq!(load_milli(odd), None, "{odd}");
        }
    }
}
