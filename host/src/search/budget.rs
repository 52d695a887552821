//! The latency target: a given latency, or a percentile of the latencies of random students.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use fs_err as fs;
use pearl_calibration::quantile;
use pearl_models::space::Space;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::device::agent_client::Agent;
use crate::measure::{Measurement, Session, Settings, Step, model_file};
use crate::output::duration;
use crate::search::seeds::Seeds;
use crate::student::{self, InputForm};

/// Random students measured to find a quantile.
const STUDENTS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    Fixed(Duration),
    /// This percentile of the latencies of random students, measured on the device.
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

/// The widest half interval, as a share of the latency, of a random student that counts.
const WIDEST: f64 = 0.25;

/// The budget that was found.
pub struct Found {
    pub budget_ns: u64,
    pub measured: Vec<Measurement>,
    /// A remark, if the latencies are known less precisely than was asked for.
    pub remark: Option<String>,
}

/// Measures random students with random weights and takes the percentile of their latencies. Latencies
/// with too wide an interval are left out.
///
/// # Errors
/// If none of them could be measured.
pub fn measure(
    percent: u8,
    space: &Space,
    agent: &mut Agent,
    settings: &Settings,
    form: InputForm,
    seeds: &Seeds,
    watch: impl FnMut(&Step),
) -> anyhow::Result<Found> {
    let folder = tempfile::tempdir().context("a folder for random students")?;
    let mut rng = Pcg64::seed_from_u64(seeds.measurement);
    let models = (0..STUDENTS)
        .map(|at| {
            let path = folder.path().join(format!("student-{at:02}.onnx"));
            write_random(&path, space, form, &mut rng)?;
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
        // Imprecise latencies are better than none; the remark says how imprecise they are.
        usable = measured.iter().collect();
    }
    let width = |measured: &&Measurement| measured.number().relative_half_width();
    let widest = usable.iter().map(width).fold(0.0, f64::max);
    let remark = (widest > settings.stopping_rule.target || usable.len() < STUDENTS).then(|| {
        format!(
            "device '{}': the budget comes from {} of {STUDENTS} random students, whose latencies are \
             known to ±{:.1} % at worst (±{:.1} % wanted); see `pearl devices check`",
            agent.device().name,
            usable.len(),
            100.0 * widest,
            100.0 * settings.stopping_rule.target
        )
    });
    let mut latencies: Vec<f64> =
        usable.iter().map(|measured| measured.number().point.0 as f64).collect();
    latencies.sort_unstable_by(f64::total_cmp);
    // Rounded up to the microsecond: a budget is quoted, and the students' spread is far wider.
    let budget_ns = quantile(&latencies, f64::from(percent) / 100.0).round() as u64;
    let budget_ns = budget_ns.div_ceil(1000) * 1000;
    Ok(Found { budget_ns, measured, remark })
}

fn write_random(
    path: &Path,
    space: &Space,
    form: InputForm,
    rng: &mut Pcg64,
) -> anyhow::Result<()> {
    let network = space.decode(&space.sample(rng)).context("a sampled architecture")?;
    let bytes = student::untrained(&network, 0, form).context("a sampled architecture")?;
    Ok(fs::write(path, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_duration_or_a_percentile() {
        assert_eq!("15ms".parse(), Ok(Budget::Fixed(Duration::from_millis(15))));
        assert_eq!("p50".parse(), Ok(Budget::Percentile(50)));
        for wrong in ["p0", "p100", "15", "", "-3ms", "p", "fast"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}
