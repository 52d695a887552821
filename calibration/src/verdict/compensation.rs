//! The compensated latency: the latency of a model while the device runs at its usual, undisturbed speed.
//!
//! The reference workload (sentinel) is timed before and after each short block of samples. Where the
//! sentinel is slower than usual, the model is slower too; by how much depends on the model. For block `b`
//!
//! ```text
//! log y_b = log θ + ε_network · log(network_b / usual) + ε_memory · log(memory_b / usual) + noise
//! ```
//!
//! with `y` the median sample, `θ` the compensated latency and `ε` the *elasticities*. An elasticity is 1
//! where the model slows as much as that part of the sentinel, and 0 where the model does not slow with it.
//! The elasticities are estimated from the differences between the blocks of a launch and between launches,
//! by Huber's M-estimator with a normal prior (ridge regression). A quiet session holds no information on
//! them, so that the prior decides. The more a block had to be compensated, the less it weighs. Where some
//! blocks were undisturbed, these decide, and errors of the elasticities matter little.
//!
//! The interval is that of the centre of the launches' levels, by signed ranks. It is widened by the
//! uncertainty of the elasticities at the mean slowdown of the session.
//!
//! **Invariant:** the weight of a block in its launch's level depends on the sentinel, never on how slow the
//! model was in that block. The usual speed is an argument, not estimated here from the same samples.

use serde::{Deserialize, Serialize};

use crate::stats::quantile;
use crate::stats::signed_rank::signed_rank;
use crate::{Estimate, LaunchView, Nanos, Samples, Sentinel, StatisticError};

/// The parts of the sentinel that explain a model's slowdown: network and memory.
const PARTS: usize = 2;
/// Prior of the elasticities: their mean and standard deviation over networks, chosen on traces of four
/// networks beside three kinds of disturbing processes.
const PRIOR_MEAN: [f64; PARTS] = [0.8, 0.1];
const PRIOR_SD: [f64; PARTS] = [0.3, 0.15];
/// Consecutive blocks meet the same disturbance: this many hold as much information as one independent
/// block.
const BLOCKS_IN_ONE: f64 = 20.0;
/// Undisturbed readings of the sentinel differ by this share. Smaller differences between blocks are no
/// evidence: noise in an explanatory variable makes its slope too flat (attenuation).
const READING_NOISE: f64 = 0.05;
/// The usual speed is that of the faster readings, so that the mean of an undisturbed device is slower by
/// this share. This part of a slowdown adds no uncertainty.
const UNDISTURBED_SPREAD: f64 = 0.01;
/// Huber's constant, in standard deviations: 95 % efficient under a normal distribution.
const HUBER: f64 = 1.345;
/// Iterations of the reweighting: enough for four digits.
const ITERATIONS: usize = 12;
/// Usual standard deviation of the blocks of a quiet launch, in logarithms.
const USUAL_NOISE: f64 = 0.01;
/// Least standard deviation: no clock repeats better than this.
const LEAST_NOISE: f64 = 0.002;
/// Quantile of the normal distribution, two-sided 95 %.
const Z95: f64 = 1.96;
/// A block counts as undisturbed where the model is slower by less than this share.
pub(crate) const UNDISTURBED: f64 = 0.03;

/// The compensated latency, and what it was computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compensated {
    /// The compensated latency with its interval.
    pub latency: Estimate,
    /// The usual speed of the sentinel, to which the latency is compensated.
    pub usual: Sentinel,
    /// By how many per cent the model slows for each per cent that the sentinel's network and memory slow.
    pub elasticity: [f64; PARTS],
    /// By how much the device slowed the model, estimated from the sentinel: the median over all blocks, as a
    /// share.
    pub slowdown: f64,
    /// The same, but the 10th percentile over all blocks.
    pub least_slowdown: f64,
    /// By how much the core part of the sentinel was slower than usual in the median, as a share.
    pub core_slowdown: f64,
    /// The same of the network part.
    pub network_slowdown: f64,
    /// The same of the memory part.
    pub memory_slowdown: f64,
    /// The share of blocks that ran undisturbed.
    pub undisturbed: f64,
    /// The level of each launch, in nanoseconds.
    #[serde(skip)]
    pub levels: Vec<f64>,
}

/// One block, in logarithms.
struct Point {
    launch: usize,
    latency: f64,
    /// Times of the sentinel's network and memory over their usual times.
    slower: [f64; PARTS],
    core: f64,
}

/// The estimated elasticities.
struct Fit {
    elasticity: [f64; PARTS],
    covariance: [[f64; PARTS]; PARTS],
    noise: f64,
}

/// Latency and slowdown, each as the difference to the launch's mean or the session's median.
type Difference = (f64, [f64; PARTS]);

/// # Errors
/// Where no launch has a block with samples.
pub fn compensated(
    launches: &[LaunchView],
    usual: Sentinel,
    confidence: f64,
) -> Result<Compensated, StatisticError> {
    let points = points(launches, usual);
    if points.is_empty() {
        return Err(StatisticError::Empty);
    }
    let fit = Fit::of(&points, launches.len());
    let mut levels = Vec::new();
    for launch in 0..launches.len() {
        let own = points.iter().filter(|point| point.launch == launch);
        levels.extend(weighted_median(own.map(|p| (fit.undisturbed(p), fit.weight(p))).collect()));
    }
    let (mut point, mut lo, mut hi) = centre(&levels, confidence)?;
    let slowness = fit.mean_slowness(&points, launches.len());
    let slowness = slowness.map(|slower| (slower.abs() - UNDISTURBED_SPREAD).max(0.0));
    let beyond = Z95 * fit.variance(&slowness).sqrt();
    lo = point - (point - lo).hypot(beyond);
    hi = point + (hi - point).hypot(beyond);
    [point, lo, hi] = [point, lo, hi].map(f64::exp);
    let n = launches.iter().map(|launch| launch.samples.n()).sum();
    let [at, lo, hi] = [point, lo, hi].map(Nanos::from_f64);
    let slowdowns = sorted(points.iter().map(|p| dot(&fit.elasticity, &p.slower).exp_m1()));
    let of = |part: fn(&Point) -> f64| quantile(&sorted(points.iter().map(part)), 0.5).exp_m1();
    let undisturbed = slowdowns.iter().filter(|slowdown| **slowdown < UNDISTURBED).count();
    Ok(Compensated {
        latency: Estimate { point: at, lo: lo.min(at), hi: hi.max(at), n },
        usual,
        elasticity: fit.elasticity,
        slowdown: quantile(&slowdowns, 0.5),
        least_slowdown: quantile(&slowdowns, 0.1),
        core_slowdown: of(|point| point.core),
        network_slowdown: of(|point| point.slower[0]),
        memory_slowdown: of(|point| point.slower[1]),
        undisturbed: undisturbed as f64 / slowdowns.len() as f64,
        levels: levels.into_iter().map(f64::exp).collect(),
    })
}

/// The compensated level of one launch, in nanoseconds, with the prior's elasticities. It is the same
/// function for every launch, so that two compared launches are treated alike whatever else was measured.
/// `None` where the sentinel was not read.
pub fn launch_level(launch: &LaunchView, usual: Sentinel) -> Option<f64> {
    let covariance = [[PRIOR_SD[0].powi(2), 0.0], [0.0, PRIOR_SD[1].powi(2)]];
    let fit = Fit { elasticity: PRIOR_MEAN, covariance, noise: USUAL_NOISE };
    let points = points(std::slice::from_ref(launch), usual);
    let levels = points.iter().map(|point| (fit.undisturbed(point), fit.weight(point)));
    weighted_median(levels.collect()).map(f64::exp)
}

/// The sentinel's speed in the undisturbed moments of a session: of each part the time that a fifth of the
/// blocks reach (20th percentile). `None` where the sentinel was not read.
pub fn undisturbed_speed(launches: &[LaunchView]) -> Option<Sentinel> {
    speed_of(launches.iter().flat_map(|launch| &launch.blocks).map(|block| block.sentinel))
}

/// As [`undisturbed_speed`], for single readings.
pub fn speed_of(readings: impl IntoIterator<Item = Sentinel>) -> Option<Sentinel> {
    fastest(readings, 0.2)
}

/// The usual speed, from the undisturbed speeds of several sessions: what one in four reaches. The fastest
/// session may be luck, and the median is disturbed where half of the sessions are.
pub fn usual_speed(calm: impl IntoIterator<Item = Sentinel>) -> Option<Sentinel> {
    fastest(calm, 0.25)
}

fn fastest(readings: impl IntoIterator<Item = Sentinel>, share: f64) -> Option<Sentinel> {
    let readings: Vec<Sentinel> = readings.into_iter().collect();
    let of = |part: fn(&Sentinel) -> Nanos| {
        let sorted = sorted(readings.iter().map(|reading| part(reading).0 as f64));
        Nanos::from_f64(quantile(&sorted, share))
    };
    (!readings.is_empty()).then(|| Sentinel {
        core: of(|r| r.core),
        network: of(|r| r.network),
        memory: of(|r| r.memory),
    })
}

fn points(launches: &[LaunchView], usual: Sentinel) -> Vec<Point> {
    let slower = |now: Nanos, usual: Nanos| log(now) - log(usual);
    let mut points = Vec::new();
    for (launch, view) in launches.iter().enumerate() {
        for (block, samples) in view.blocks() {
            let Ok(samples) = Samples::new(samples.to_vec()) else { continue };
            let Sentinel { core, network, memory } = block.sentinel;
            points.push(Point {
                launch,
                latency: log(samples.median()),
                slower: [slower(network, usual.network), slower(memory, usual.memory)],
                core: slower(core, usual.core),
            });
        }
    }
    points
}

/// The logarithm of a time; finite also for zero, which no real clock gives.
fn log(time: Nanos) -> f64 {
    (time.0.max(1) as f64).ln()
}

impl Fit {
    fn of(points: &[Point], launches: usize) -> Self {
        let prior = PRIOR_SD.map(|sd| sd.powi(-2));
        let covariance = [[1.0 / prior[0], 0.0], [0.0, 1.0 / prior[1]]];
        let mut fit = Self { elasticity: PRIOR_MEAN, covariance, noise: LEAST_NOISE };
        let mut weights = vec![1.0; points.len()];
        for _ in 0..ITERATIONS {
            let Centred { within, between } = centred(points, &weights, launches);
            fit.noise = fit.reweigh(&within, &mut weights);
            let mut of_launches = vec![1.0; between.len()];
            let noise = fit.reweigh(&between, &mut of_launches);
            let unit = fit.noise.powi(2) * BLOCKS_IN_ONE;
            let blocks = within.iter().zip(&weights).map(|(one, weight)| (one, weight / unit));
            let of_launches = between.iter().zip(&of_launches);
            let all = blocks.chain(of_launches.map(|(one, weight)| (one, weight / noise.powi(2))));
            let mut precision = [[prior[0], 0.0], [0.0, prior[1]]];
            let mut towards = [0, 1].map(|part| PRIOR_MEAN[part] * prior[part]);
            for ((latency, slower), weight) in all {
                let size = dot(slower, slower).powi(2);
                let evidence = weight * size / (size + READING_NOISE.powi(4));
                for row in 0..PARTS {
                    towards[row] += evidence * slower[row] * latency;
                    for column in 0..PARTS {
                        precision[row][column] += evidence * slower[row] * slower[column];
                    }
                }
            }
            fit.covariance = inverse(precision);
            fit.elasticity = fit.covariance.map(|row| dot(&row, &towards));
        }
        // No disturbance makes a model faster.
        fit.elasticity = fit.elasticity.map(|elasticity| elasticity.max(0.0));
        fit
    }

    /// Sets Huber's weights and returns a robust standard deviation of the residuals.
    fn reweigh(&self, differences: &[Difference], weights: &mut [f64]) -> f64 {
        let residual =
            |(latency, slower): &Difference| (latency - dot(&self.elasticity, slower)).abs();
        let residuals: Vec<f64> = differences.iter().map(residual).collect();
        let median = quantile(&sorted(residuals.iter().copied()), 0.5);
        let noise = (1.4826 * median).max(LEAST_NOISE);
        for (weight, residual) in weights.iter_mut().zip(residuals) {
            *weight = (HUBER * noise / residual.max(f64::MIN_POSITIVE)).min(1.0);
        }
        noise
    }

    fn undisturbed(&self, point: &Point) -> f64 {
        point.latency - dot(&self.elasticity, &point.slower)
    }

    /// Variance of the compensation at this slowdown, in logarithms.
    fn variance(&self, slower: &[f64; PARTS]) -> f64 {
        dot(&self.covariance.map(|row| dot(&row, slower)), slower)
    }

    /// The weight of a block. It uses the prior's uncertainty, so that blocks differ by the sentinel alone.
    fn weight(&self, point: &Point) -> f64 {
        let uncertain: f64 =
            point.slower.iter().zip(PRIOR_SD).map(|(slower, sd)| (sd * slower).powi(2)).sum();
        1.0 / (self.noise.powi(2) + uncertain)
    }

    /// The mean slowdown of the launches, which all count alike; the blocks of a launch count by weight.
    fn mean_slowness(&self, points: &[Point], launches: usize) -> [f64; PARTS] {
        let mut sums = vec![(0.0, [0.0; PARTS]); launches];
        for point in points {
            let (weight, (all, slower)) = (self.weight(point), &mut sums[point.launch]);
            *all += weight;
            slower.iter_mut().zip(point.slower).for_each(|(sum, of)| *sum += weight * of);
        }
        let with_blocks: Vec<_> = sums.into_iter().filter(|(all, _)| *all > 0.0).collect();
        let mean = |part: usize| with_blocks.iter().map(|(all, sum)| sum[part] / all).sum::<f64>();
        [0, 1].map(|part| mean(part) / with_blocks.len() as f64)
    }
}

/// The blocks less the mean of their launch, and the launches less the median of the session.
struct Centred {
    within: Vec<Difference>,
    between: Vec<Difference>,
}

fn centred(points: &[Point], weights: &[f64], launches: usize) -> Centred {
    let mut sums = vec![(0.0, 0.0, [0.0; PARTS]); launches];
    for (point, weight) in points.iter().zip(weights) {
        let (all, latency, slower) = &mut sums[point.launch];
        *all += weight;
        *latency += weight * point.latency;
        slower.iter_mut().zip(point.slower).for_each(|(sum, of)| *sum += weight * of);
    }
    let mean = |(all, latency, slower): &(f64, f64, [f64; PARTS])| -> Difference {
        (latency / all, slower.map(|sum| sum / all))
    };
    let within =
        points.iter().map(|point| less(&(point.latency, point.slower), &mean(&sums[point.launch])));
    let of_launches: Vec<_> = sums.iter().filter(|(all, ..)| *all > 0.0).map(mean).collect();
    let middle =
        |of: &dyn Fn(&Difference) -> f64| quantile(&sorted(of_launches.iter().map(of)), 0.5);
    let session = (middle(&|one| one.0), [0, 1].map(|part| middle(&|one| one.1[part])));
    let between = of_launches.iter().map(|launch| less(launch, &session)).collect();
    Centred { within: within.collect(), between }
}

fn less(one: &Difference, other: &Difference) -> Difference {
    (one.0 - other.0, [0, 1].map(|part| one.1[part] - other.1[part]))
}

/// The levels' centre and interval, in logarithms; their median and range where they are too few for ranks.
fn centre(levels: &[f64], confidence: f64) -> Result<(f64, f64, f64), StatisticError> {
    match signed_rank(levels, confidence) {
        Ok(centre) => Ok((centre.point, centre.lo, centre.hi)),
        Err(StatisticError::TooFew { .. }) => {
            let sorted = sorted(levels.iter().copied());
            Ok((quantile(&sorted, 0.5), sorted[0], sorted[sorted.len() - 1]))
        }
        Err(error) => Err(error),
    }
}

fn dot(a: &[f64; PARTS], b: &[f64; PARTS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Inverts a symmetric positive definite matrix.
fn inverse([[a, b], [c, d]]: [[f64; PARTS]; PARTS]) -> [[f64; PARTS]; PARTS] {
    let determinant = a * d - b * c;
    [[d / determinant, -b / determinant], [-c / determinant, a / determinant]]
}

fn weighted_median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    let reached = values.iter().find(|(_, weight)| {
        below += weight;
        below >= half
    });
    reached.or(values.last()).map(|(value, _)| *value)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests;
