//! How hot Android's own thermal service finds the device.
//!
//! The shell may ask it where it may not read the kernel's thermal zones. The service may say that all is well
//! of a device that throttles, so what it tells is a hint and nothing rests on it alone.
//!
//! **Invariant:** what the service does not tell, or tells as no number, is absent.

use super::android::Programs;
use super::procfs;
use pearl_agent::protocol::messages::Thermal;

/// How far ahead the headroom is forecast, in seconds.
const FORECAST: &str = "10";

/// The highest status that Android knows: the device shuts down.
const HIGHEST_STATUS: u64 = 6;

/// Kinds of sensors that tell degrees: processors, graphics, battery, skin. Others tell volts, amperes or
/// per cent.
const DEGREES: [u64; 4] = [0, 1, 2, 3];

/// Degrees beyond this are the mark of a sensor that has no reading.
const MOST_DEGREES: f64 = 200.0;

/// What `dumpsys thermalservice` prints, as far as it counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Service {
    status: Option<u64>,
    /// Somebody has set the status by hand; it says nothing of the device then.
    overridden: bool,
    /// As in [`State`](pearl_agent::protocol::messages::State).
    temperature_mc: Vec<(String, i64)>,
}

/// Status and headroom, and the temperatures of the service's sensors.
pub(crate) fn thermal(programs: &Programs) -> (Thermal, Vec<(String, i64)>) {
    let Service { status, temperature_mc, .. } = service(programs);
    let headroom = programs.output("cmd", &["thermalservice", "headroom", FORECAST]);
    let headroom_milli = headroom.and_then(|text| headroom_milli(&text));
    (Thermal { status, headroom_milli }, temperature_mc)
}

/// Whether somebody has set the status by hand.
pub(crate) fn is_overridden(programs: &Programs) -> bool {
    service(programs).overridden
}

fn service(programs: &Programs) -> Service {
    programs
        .output("dumpsys", &["thermalservice"])
        .map_or_else(Service::default, |text| parse(&text))
}

fn parse(text: &str) -> Service {
    let status = procfs::value(text, "Thermal Status");
    let status = status.and_then(|status| status.parse::<u64>().ok());
    let of = |heading: &str| {
        let lines = text.lines().skip_while(move |line| line.trim() != heading).skip(1);
        lines
            .take_while(|line| line.trim_start().starts_with("Temperature{"))
            .filter_map(temperature)
            .collect::<Vec<_>>()
    };
    let now = of("Current temperatures from HAL:");
    Service {
        status: status.filter(|status| *status <= HIGHEST_STATUS),
        overridden: procfs::value(text, "IsStatusOverride") == Some("true"),
        temperature_mc: if now.is_empty() { of("Cached temperatures:") } else { now },
    }
}

/// Such as `Temperature{mValue=36.9, mType=3, mName=VIRTUAL-SKIN, mStatus=0}`.
fn temperature(line: &str) -> Option<(String, i64)> {
    let fields = line.trim().strip_prefix("Temperature{")?.strip_suffix('}')?;
    let field = |name: &str| {
        fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    let degrees: f64 = field("mValue")?.parse().ok()?;
    let kind: u64 = field("mType")?.parse().ok()?;
    let told = DEGREES.contains(&kind) && degrees.abs() <= MOST_DEGREES;
    told.then(|| Some((field("mName")?.to_owned(), (degrees * 1000.0).round() as i64)))?
}

/// Such as `Headroom in 10 seconds: 0.62`. Some devices have no forecast and print `NaN`.
fn headroom_milli(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Headroom"))?;
    let headroom: f64 = line.rsplit(':').next()?.trim().parse().ok()?;
    headroom.is_finite().then_some((headroom.max(0.0) * 1000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::android::tests::scripts;

    const COOL: &str = "\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 3
\tkilled: false
ThermalStatusListeners:
\tcallbacks: 5
Thermal Status: 0
Cached temperatures:
\tTemperature{mValue=30.1, mType=3, mName=skin, mStatus=0}
HAL Ready: true
HAL connection:
\tThermalHAL AIDL 2 connected: yes
Current temperatures from HAL:
\tTemperature{mValue=41.56, mType=0, mName=BIG, mStatus=0}
\tTemperature{mValue=-3.4028235E38, mType=1, mName=GPU, mStatus=0}
\tTemperature{mValue=NaN, mType=2, mName=battery, mStatus=0}
\tTemperature{mValue=36.9, mType=3, mName=VIRTUAL-SKIN, mStatus=0}
\tTemperature{mValue=3917.0, mType=6, mName=vbat, mStatus=0}
Current cooling devices from HAL:
\tCoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}
Temperature static thresholds from HAL:
\tTemperatureThreshold{mType=3, mName=VIRTUAL-SKIN, mHotThrottlingThresholds=[NaN, 39.0, 43.0]}
";

    fn told(name: &str, mc: i64) -> (String, i64) {
        (name.to_owned(), mc)
    }

    #[test]
    fn status_and_degrees_are_read_and_what_is_no_temperature_is_not() {
        let temperature_mc = vec![told("BIG", 41_560), told("VIRTUAL-SKIN", 36_900)];
        assert_eq!(parse(COOL), Service { status: Some(0), overridden: false, temperature_mc });
        let no_hal = COOL.replace("Current temperatures from HAL:", "Other:");
        assert_eq!(parse(&no_hal).temperature_mc, [told("skin", 30_100)]);
        let hot =
            COOL.replace("Status: 0", "Status: 3").replace("false\nThermalE", "true\nThermalE");
        assert_eq!((parse(&hot).status, parse(&hot).overridden), (Some(3), true));
        for odd in
            ["", "Thermal Status: 9", "Thermal Status: none", "Can't find service: thermalservice"]
        {
            assert_eq!(parse(odd), Service::default(), "{odd}");
        }
    }

    #[test]
    fn a_headroom_is_a_number_or_absent() {
        for (text, milli) in [
            ("Headroom in 10 seconds: 0.62\n", Some(620)),
            ("Headroom in 10 seconds: 1.0371\n", Some(1037)),
            ("Headroom in 10 seconds: -0.1\n", Some(0)),
            ("Headroom in 10 seconds: NaN\n", None),
            ("Unknown command: headroom\n", None),
            ("", None),
        ] {
            assert_eq!(headroom_milli(text), milli, "{text}");
        }
    }

    #[test]
    fn the_service_is_asked_as_android_14_and_15_take_it() {
        let dumpsys = format!("test \"$*\" = thermalservice || exit 1\ncat <<'END'\n{COOL}END");
        let headroom = "test \"$*\" = 'thermalservice headroom 10' || exit 1
                        echo 'Headroom in 10 seconds: 0.91'";
        let unknown = "echo 'Unknown command: headroom'; exit 255";
        for (cmd, headroom_milli) in [(headroom, Some(910)), (unknown, None)] {
            let (_folder, programs) = scripts(&[("dumpsys", dumpsys.as_str()), ("cmd", cmd)]);
            let (found, degrees) = thermal(&programs);
            assert_eq!(found, Thermal { status: Some(0), headroom_milli });
            assert_eq!(degrees.len(), 2);
            assert!(!is_overridden(&programs));
        }
        let (_folder, nothing) = scripts(&[]);
        assert_eq!(thermal(&nothing), (Thermal::default(), Vec::new()));
    }
}
