//! The options that commands which measure have in common.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pearl_agent::agent::Precision;

use crate::duration;
use crate::measure::Settings;

#[derive(Args)]
#[command(next_help_heading = "Measuring")]
pub struct MeasuringArgs {
    /// File of devices; else ./devices.toml, else the one in the user's configuration directory
    #[arg(long, value_name = "FILE")]
    pub devices: Option<PathBuf>,
    /// Threads of the engine's matrix products; else what the device's entry says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Arithmetic of the network
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// How long to wait for somebody else who measures on the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = patience)]
    wait: Duration,
    /// How long to wait, before anything is measured, for other processes to leave the device alone
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = patience)]
    quiet_wait: Duration,
    /// Seed of inputs and order
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Keep nothing in the history of measurements
    #[arg(long)]
    pub no_history: bool,
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
    /// Whether something is asked of how a network is run.
    pub fn says_how(&self) -> bool {
        self.threads.is_some() || self.precision != PrecisionName::F32
    }

    pub fn settings(&self, settings: Settings) -> Settings {
        Settings {
            threads: self.threads.map(usize::from),
            precision: self.precision.into(),
            patience: self.wait,
            quiet_wait: Some(self.quiet_wait),
            ..settings
        }
    }
}

const SHORTEST_SUSTAINED: Duration = Duration::from_secs(1);

/// Reads how long to wait; 0 is not at all.
pub fn patience(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms" | "0m") {
        Ok(Duration::ZERO)
    } else {
        duration::parse(text)
    }
}

/// Reads how long a sustained run takes.
pub fn sustained(text: &str) -> Result<Duration, String> {
    let length = duration::parse(text)?;
    if length < SHORTEST_SUSTAINED {
        return Err(format!("'{text}' is too short to sustain anything; it takes 1s at least"));
    }
    Ok(length)
}

/// Reads `1%`, or a share such as `0.01`.
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
        assert_eq!(patience("0"), Ok(Duration::ZERO));
        assert_eq!(patience("0ms"), Ok(Duration::ZERO));
        assert_eq!(patience("5s"), Ok(Duration::from_secs(5)));
        assert!(patience("-1s").is_err());
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
