//! The device's state at one moment: clock rates, governor, temperatures, load.
//!
//! **Invariant:** what the device does not tell is absent, never zero.

use super::{pinning, procfs};
use crate::agent::State;

/// Devices have some dozens; a broken one may list the same for ever.
const MOST_ZONES: usize = 128;

/// Of the processors given, or of all that may run us where there are none.
pub fn state(cpus: &[usize]) -> State {
    let in_use = if cpus.is_empty() { pinning::allowed() } else { cpus.to_vec() };
    let frequency = |file: &str, cpu: &usize| {
        procfs::text(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/{file}"))
    };
    let current: Option<Vec<u64>> =
        in_use.iter().map(|cpu| frequency("scaling_cur_freq", cpu)?.parse().ok()).collect();
    State {
        frequency_khz: current.unwrap_or_default(),
        governor: in_use.first().and_then(|cpu| frequency("scaling_governor", cpu)),
        temperature_mc: (0..MOST_ZONES).map_while(zone).flatten().collect(),
        load_milli: procfs::text("/proc/loadavg").and_then(|text| load_milli(&text)),
        memory_available_bytes: None,
        battery: None,
    }
}

/// `None` where there is no such zone, an empty one where it does not tell its temperature.
fn zone(number: usize) -> Option<Option<(String, i64)>> {
    let zone = format!("/sys/class/thermal/thermal_zone{number}");
    let name = procfs::text(format!("{zone}/type"))?;
    let temperature = procfs::text(format!("{zone}/temp")).and_then(|text| text.parse().ok());
    Some(temperature.map(|temperature| (name, temperature)))
}

fn load_milli(loadavg: &str) -> Option<u64> {
    let load: f64 = loadavg.split_whitespace().next()?.parse().ok()?;
    (load >= 0.0).then_some((load * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_of_the_last_minute_is_told_in_thousandths() {
        assert_eq!(load_milli("0.52 0.10 0.05 1/234 5678"), Some(520));
        for odd in ["", "much", "-1 0 0", "NaN"] {
            assert_eq!(load_milli(odd), None, "{odd}");
        }
    }
}
