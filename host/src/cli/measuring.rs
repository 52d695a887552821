//! The options shared by all commands that measure.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pearl_agent::protocol::messages::Precision;

use super::limit_args::LimitArgs;
use crate::measure::Settings;
use crate::output::duration;

#[derive(Args)]
#[command(next_help_heading = "Measuring")]
pub struct MeasuringArgs {
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    pub devices: Option<PathBuf>,
    /// Threads of the engine's matrix products [default: the device's entry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Precision of the network's arithmetic
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// How long to wait while another host measures on the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = wait)]
    wait: Duration,
    /// How long to wait, before the first launch, until no other process uses the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = wait)]
    quiet_wait: Duration,
    /// Seed of the inputs and of the order of launches
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Do not keep the measurements in the history
    #[arg(long)]
    pub no_history: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PrecisionName {
    F32,
    F16,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Self::F32,
            PrecisionName::F16 => Self::F16,
        }
    }
}

impl MeasuringArgs {
    /// Whether an option says how to run the network.
    pub fn says_how(&self) -> bool {
        self.threads.is_some() || self.precision != PrecisionName::F32
    }

    pub fn settings(&self, settings: Settings) -> Settings {
        Settings {
            threads: self.threads.map(usize::from),
            precision: self.precision.into(),
            lease_wait: self.wait,
            quiet_wait: Some(self.quiet_wait),
            limits: self.limits.limits(settings.limits),
            ..settings
        }
    }
}

const SHORTEST_SUSTAINED: Duration = Duration::from_secs(1);

/// Parses a waiting time; 0 means not to wait.
pub fn wait(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms" | "0m") {
        Ok(Duration::ZERO)
    } else {
        duration::parse(text)
    }
}

/// Parses the length of a sustained run.
pub fn sustained(text: &str) -> Result<Duration, String> {
    let length = duration::parse(text)?;
    if length < SHORTEST_SUSTAINED {
        return Err(format!("'{text}' is too short for a sustained run; it takes at least 1s"));
    }
    Ok(length)
}

/// Parses `1%`, or a share such as `0.01`.
pub fn percent(text: &str) -> Result<f64, String> {
    let expected = || format!("'{text}' is not a percentage between 0.01% and 50%, such as 1%");
    let number = text.strip_suffix('%');
    let value: f64 = number.unwrap_or(text).trim().parse().map_err(|_| expected())?;
    let share = if number.is_some() { value / 100.0 } else { value };
    if (0.0001..=0.5).contains(&share) { Ok(share) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_want_to_wait_says_nought() {
        assert_eq!(wait("0"), Ok(Duration::ZERO));
        assert_eq!(wait("0ms"), Ok(Duration::ZERO));
        assert_eq!(wait("5s"), Ok(Duration::from_secs(5)));
        assert!(wait("-1s").is_err());
    }

    #[test]
    fn a_percentage_is_a_share() {
        assert_eq!(percent("1%"), Ok(0.01));
        assert_eq!(percent("0.5 %"), Ok(0.005));
        assert_eq!(percent("0.02"), Ok(0.02));
        for wrong in ["", "%", "1", "0%", "60%", "-1%", "NaN", "one"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
