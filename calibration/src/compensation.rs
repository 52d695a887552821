//! What a model takes while the device runs at its usual, undisturbed speed.
//!
//! The sentinel is read before and after each short block of samples. Where it runs slower than it
//! usually does, so did the model: by how much, is a matter of the model. For block `b`
//!
//! ```text
//! log y_b = log θ + ε_network · log(network_b / usual) + ε_memory · log(memory_b / usual) + noise
//! ```
//!
//! with `y` the median sample, `θ` the compensated latency and `ε` the *elasticities*: 1 where the model
//! slows as that part of the sentinel does, 0 where it does not feel what that feels. They are estimated
//! from how blocks of a launch differ and how launches differ, by Huber's M-estimator with a normal prior
//! (ridge regression), so that a quiet session, which says nothing of them, takes the prior's. A block
//! counts the less, the more it had to be compensated: where some blocks were undisturbed, they decide,
//! and errors of the elasticities matter little.
//!
//! The interval is that of the centre of the launches' levels, by signed ranks, widened by what the
//! elasticities are uncertain of at the mean slowness of the session.
//!
//! **Invariant:** how a block counts for a launch's level is decided by the sentinel alone, never by how
//! slow the model was in it. The usual speed is given, not estimated here from the same samples.

use serde::{Deserialize, Serialize};

use crate::signed_rank::signed_rank;
use crate::{Estimate, LaunchView, Nanos, Samples, Sentinel, StatisticError};

/// What slows a model: the sentinel's network and its memory part.
const PARTS: usize = 2;
/// What networks feel of each, chosen on traces of four networks beside three kinds of neighbours, and how
/// far they differ in that.
const PRIOR_MEAN: [f64; PARTS] = [0.8, 0.1];
const PRIOR_SD: [f64; PARTS] = [0.3, 0.15];
/// Blocks one after another meet the same disturbance: so many say as much as one independent one.
const BLOCKS_IN_ONE: f64 = 20.0;
/// Readings differ by this share though nothing disturbs. Smaller differences between blocks are no
/// evidence: noise in what is to explain makes every slope look flatter than it is.
const READING_NOISE: f64 = 0.05;
/// The usual speed is that of the faster readings; on an undisturbed device the mean is slower by so
/// much, which is nothing to be uncertain of.
const CALM_SPREAD: f64 = 0.01;
/// Huber's constant, in standard deviations: 95 % efficient where nothing is odd.
const HUBER: f64 = 1.345;
/// Enough for four digits.
const ITERATIONS: usize = 12;
/// How far blocks of a quiet launch usually lie apart.
const USUAL_NOISE: f64 = 0.01;
/// No clock repeats better than this.
const LEAST_NOISE: f64 = 0.002;
/// Of the normal distribution, two-sided 95 %.
const Z95: f64 = 1.96;
/// A block in which the model is slower by less than this ran undisturbed.
pub const UNDISTURBED: f64 = 0.03;

/// The compensated latency, and what it was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compensated {
    pub latency: Estimate,
    /// The speed that it is compensated to.
    pub usual: Sentinel,
    /// By how many per cent the model slows for each per cent of the sentinel's network and memory.
    pub elasticity: [f64; PARTS],
    /// By how much the device slowed the model, as the sentinel tells: the median over all blocks and
    /// the tenth of them that were disturbed least, as shares.
    pub slowdown: f64,
    pub least_slowdown: f64,
    /// By how much the sentinel's parts were slower than usual in the median, as shares.
    pub core_slowdown: f64,
    pub network_slowdown: f64,
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
    /// Of the sentinel's network and memory over their usual time.
    slower: [f64; PARTS],
    core: f64,
}

/// What is known of the elasticities.
struct Fit {
    elasticity: [f64; PARTS],
    covariance: [[f64; PARTS]; PARTS],
    noise: f64,
}

/// Latency and slowness, less those of what they are compared with.
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
    let slowness = slowness.map(|slower| (slower.abs() - CALM_SPREAD).max(0.0));
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

/// What is left of one launch, in nanoseconds, by the priors' elasticities alone: the same function of
/// every launch, so that two that are compared are treated alike whatever else was measured. None where
/// the sentinel was not read.
pub fn launch_level(launch: &LaunchView, usual: Sentinel) -> Option<f64> {
    let covariance = [[PRIOR_SD[0].powi(2), 0.0], [0.0, PRIOR_SD[1].powi(2)]];
    let fit = Fit { elasticity: PRIOR_MEAN, covariance, noise: USUAL_NOISE };
    let points = points(std::slice::from_ref(launch), usual);
    let levels = points.iter().map(|point| (fit.undisturbed(point), fit.weight(point)));
    weighted_median(levels.collect()).map(f64::exp)
}

/// The speed of a session's calm moments: what the sentinel's parts take in the fastest fifth of its
/// blocks. None where the sentinel was not read.
pub fn calm_speed(launches: &[LaunchView]) -> Option<Sentinel> {
    speed_of(launches.iter().flat_map(|launch| &launch.blocks).map(|block| block.sentinel))
}

/// The same, of readings one after another.
pub fn speed_of(readings: impl IntoIterator<Item = Sentinel>) -> Option<Sentinel> {
    fastest(readings, 0.2)
}

/// The usual speed, of the calm speeds of several sessions: what one in four reaches. The fastest one
/// would be a stroke of luck, and the median that of a device that is disturbed half of the time.
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

/// A reading of zero, which no real clock gives, stays finite.
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

    /// Huber's weights; returns the standard deviation of what is left, robustly.
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

    /// Of what is compensated for such a slowness, in logarithms.
    fn variance(&self, slower: &[f64; PARTS]) -> f64 {
        dot(&self.covariance.map(|row| dot(&row, slower)), slower)
    }

    /// By the prior's uncertainty, so that it depends on the sentinel alone.
    fn weight(&self, point: &Point) -> f64 {
        let uncertain: f64 =
            point.slower.iter().zip(PRIOR_SD).map(|(slower, sd)| (sd * slower).powi(2)).sum();
        1.0 / (self.noise.powi(2) + uncertain)
    }

    /// Of the launches, which all count alike, each by the weights of its blocks.
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

/// The blocks less the mean of their launch, and the launches less the middle of the session.
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

/// Of the levels, in logarithms; of too few for ranks their range.
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

/// Of a symmetric positive definite matrix.
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

/// Linear between order statistics (Hyndman and Fan's type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests;
