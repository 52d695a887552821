//! The latency target: given, or the latency that a share of random students keeps.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use fs_err as fs;
use pearl_models::onnx;
use pearl_models::space::Space;
use pearl_models::weights::RandomWeights;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::agent::Agent;
use crate::duration;
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

/// Beyond this half width of an interval a latency says too little, even of random students.
const WIDEST: f64 = 0.25;

/// What was found.
pub struct Found {
    pub budget_ns: u64,
    pub measured: Vec<Measurement>,
    /// Where the latencies are known less well than was asked for.
    pub remark: Option<String>,
}

/// Measures random students with random weights and takes the percentile of their latencies; those
/// that are known too badly are left out.
///
/// # Errors
/// Where not one of them could be measured.
pub fn measure(
    percent: u8,
    space: &Space,
    agent: &mut Agent,
    settings: &Settings,
    seeds: &Seeds,
    watch: impl FnMut(&Step),
) -> anyhow::Result<Found> {
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
    let (measured, failed): (Vec<_>, Vec<_>) =
        session.measure(models, watch)?.into_iter().partition(Result::is_ok);
    let measured: Vec<Measurement> = measured.into_iter().flatten().collect();
    if measured.is_empty() {
        return Err(failed.into_iter().find_map(Result::err).expect("there are random students"));
    }
    let mut usable: Vec<_> =
        measured.iter().filter(|measured| measured.is_usable(WIDEST)).collect();
    if usable.is_empty() {
        // Whatever is known of the device is more than nothing; its remark says how little it is.
        usable = measured.iter().collect();
    }
    let width = |measured: &&Measurement| measured.number().relative_half_width();
    let widest = usable.iter().map(width).fold(0.0, f64::max);
    let remark = (widest > settings.pace.target || usable.len() < STUDENTS).then(|| {
        format!(
            "device '{}': the budget is of {} of {STUDENTS} random students, whose latencies are known to \
             ±{:.1} % at worst (±{:.1} % wanted); see `pearl devices check`",
            agent.device().name,
            usable.len(),
            100.0 * widest,
            100.0 * settings.pace.target
        )
    });
    let mut latencies: Vec<_> = usable.iter().map(|measured| measured.number().point.0).collect();
    latencies.sort_unstable();
    // To the microsecond: a budget is quoted, and the students' spread is far wider.
    let budget_ns = quantile(&latencies, percent).div_ceil(1000) * 1000;
    Ok(Found { budget_ns, measured, remark })
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
