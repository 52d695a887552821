//! The options that bound what a launch may take on the device.

use std::time::Duration;

use clap::Args;
use pearl_agent::protocol::messages::Limits;

use crate::output::{duration, size};

/// Shorter launches are of no use: starting a process on a slow board takes longer.
const SHORTEST: Duration = Duration::from_secs(1);

#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Longest time of a launch, which loads the model and infers at least 12 times: for a model that takes
    /// 30s, --limit 10m
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = limit)]
    limit: Duration,
    /// Most memory of a launch, such as 16GB; at most the memory of the device is given
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = size::parse)]
    memory_limit: u64,
}

impl LimitArgs {
    pub fn limits(&self, limits: Limits) -> Limits {
        let time_ns = u64::try_from(self.limit.as_nanos()).expect("a limit is a day at most");
        Limits { memory_bytes: self.memory_limit, time_ns, ..limits }
    }
}

fn limit(text: &str) -> Result<Duration, String> {
    let limit = duration::parse(text)?;
    if limit < SHORTEST {
        return Err(format!("'{text}' is too short for a launch; it takes at least 1s"));
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::measure::Settings;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn limits(words: &str) -> Limits {
        let words = std::iter::once("pearl").chain(words.split_whitespace());
        Line::try_parse_from(words).unwrap().limits.limits(Settings::bench().limits)
    }

    #[test]
    fn limits_are_those_of_the_options_and_else_those_of_the_settings() {
        assert_eq!(limits(""), Settings::bench().limits);
        let raised = limits("--limit 10m --memory-limit 4GB");
        assert_eq!(raised.time_ns, 600_000_000_000);
        assert_eq!(raised.memory_bytes, 4_000_000_000);
        assert_eq!(raised.model_bytes, Settings::bench().limits.model_bytes);
        assert!(limit("900ms").is_err() && limit("1s").is_ok());
    }
}
