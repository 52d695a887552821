//! The latency target: given, or the latency that a share of random students keeps.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use fs_err as fs;
use pearl_calibration::Verdict;
use pearl_models::onnx;
use pearl_models::space::Space;
use pearl_models::weights::RandomWeights;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::agent::Agent;
use crate::duration;
use crate::exit::{Fault, Kind};
use crate::measure::{Measurement, Session, Settings, Step, model_file};
use crate::seeds::Seeds;

/// Random students measured to find a quantile.
const STUDENTS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Fixed(Duration),
    /// The latency that this percentage of random students keeps, measured on the device.
    Percentile(u8),
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let quantile = text.strip_prefix('p').and_then(|number| number.parse().ok());
        match quantile {
            Some(percent @ 1..=99) => Ok(Self::Percentile(percent)),
            Some(_) => Err(format!("'{text}': a percentile lies between p1 and p99")),
            None => duration::parse(text).map(Self::Fixed).map_err(|error| {
                format!("{error}; or a percentile of random students such as p50")
            }),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(duration) => write!(f, "{} ns", duration.as_nanos()),
            Self::Percentile(percent) => write!(f, "p{percent}"),
        }
    }
}

/// Measures random students with random weights and takes the percentile of the medians that can be
/// believed; all measurements are handed back.
///
/// # Errors
/// Where fewer than half of them could be measured believably.
pub fn measure(
    percent: u8,
    space: &Space,
    agent: &mut Agent,
    settings: &Settings,
    seeds: &Seeds,
    watch: impl FnMut(&Step),
) -> anyhow::Result<(u64, Vec<Measurement>)> {
    let folder = tempfile::tempdir().context("a folder for random students")?;
    let mut rng = Pcg64::seed_from_u64(seeds.measurement);
    let models = (0..STUDENTS)
        .map(|at| {
            let path = folder.path().join(format!("student-{at:02}.onnx"));
            write_random(&path, space, &mut rng)?;
            model_file(&path, settings.limits.model_bytes)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut session = Session::new(agent, settings, seeds.measurement);
    let measured = session.measure(models, watch)?;
    let measured = measured.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let stable = |measured: &&Measurement| measured.judgement.verdict == Verdict::Stable;
    let believed: Vec<_> = measured.iter().filter(stable).collect();
    if believed.len() < STUDENTS / 2 {
        return Err(Fault::new(
            Kind::Unstable,
            format_args!(
                "device '{}': only {} of {STUDENTS} measurements for the budget can be believed; \
                 see `pearl bench`, or give a budget such as 15ms",
                agent.device().name,
                believed.len()
            ),
        )
        .into());
    }
    let mut medians: Vec<_> = believed.iter().map(|measured| measured.latency.point.0).collect();
    medians.sort_unstable();
    // To the microsecond: a budget is quoted, and the students' spread is far wider.
    let budget_ns = quantile(&medians, percent).div_ceil(1000) * 1000;
    Ok((budget_ns, measured))
}

/// Linear between order statistics (Hyndman and Fan's type 7).
fn quantile(sorted: &[u64], percent: u8) -> u64 {
    let place = (sorted.len() - 1) as f64 * f64::from(percent) / 100.0;
    let below = sorted[place.floor() as usize] as f64;
    let above = sorted[place.ceil() as usize] as f64;
    (below + (above - below) * place.fract()).round() as u64
}

fn write_random(path: &Path, space: &Space, rng: &mut Pcg64) -> anyhow::Result<()> {
    let network = space.decode(&space.sample(rng)).context("own sample")?;
    let bytes = onnx::export(&network, &RandomWeights { seed: 0 }).context("own sample")?;
    Ok(fs::write(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        assert_eq!(quantile(&[10, 20, 30, 40, 50], 50), 30);
        assert_eq!(quantile(&[10, 20], 50), 15);
        assert_eq!(quantile(&[10, 20], 99), 20);
        assert_eq!(quantile(&[7], 50), 7);
    }

    #[test]
    fn a_budget_is_a_duration_or_a_percentile() {
        assert_eq!("15ms".parse(), Ok(Budget::Fixed(Duration::from_millis(15))));
        assert_eq!("p50".parse(), Ok(Budget::Percentile(50)));
        for wrong in ["p0", "p100", "15", "", "-3ms", "p", "fast"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}
