//! Seeded latencies for tests: skewed distributions with known medians.
//!
//! **Invariant:** the same seed gives the same samples on every machine.

use crate::{Block, LaunchView, Nanos, Samples, Sentinel};

/// SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014).
pub(crate) struct Stream(u64);

/// Distributions of latencies around a millisecond.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Distribution {
    Exponential,
    LogNormal,
    /// Shape 1.5: infinite variance.
    Pareto,
}

const SCALE_NS: f64 = 1e6;

impl Stream {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn draw(&mut self, distribution: Distribution) -> Nanos {
        let value = match distribution {
            Distribution::Exponential => -self.uniform().ln(),
            Distribution::LogNormal => self.normal().exp(),
            Distribution::Pareto => self.uniform().powf(-1.0 / 1.5),
        };
        Nanos::from_f64(SCALE_NS * value)
    }
}

impl Distribution {
    /// In nanoseconds.
    pub(crate) fn median(self) -> f64 {
        SCALE_NS
            * match self {
                Self::Exponential => std::f64::consts::LN_2,
                Self::LogNormal => 1.0,
                Self::Pareto => 2f64.powf(1.0 / 1.5),
            }
    }
}

/// A launch of `count` samples around `level` ns on an idle machine, skewed as latencies are.
pub(crate) fn quiet_launch(stream: &mut Stream, level: f64, count: usize) -> LaunchView {
    let draw = |_| Nanos::from_f64(level * (1.0 + 0.01 * stream.normal().abs()));
    let samples: Vec<Nanos> = (0..count).map(draw).collect();
    let wall = samples.iter().map(|sample| sample.0).sum::<u64>() + 1000;
    // Interrupts take a little, now and then more.
    let lost = wall as f64 * -0.004 * stream.uniform().ln();
    LaunchView {
        samples: Samples::new(samples).expect("a launch has samples"),
        sample_cpu: Vec::new(),
        cpu: Nanos(wall - lost as u64),
        wall: Nanos(wall),
        cycles: None,
        threads: 1,
        involuntary_switches: 1,
        blocks: blocks(count, USUAL),
        clock_resolution: Nanos(30),
        clock_overhead: Nanos(25),
        steady: true,
        frequency_before_khz: vec![2_000_000],
        frequency_after_khz: vec![2_000_000],
    }
}

/// The times of the reference workload (sentinel) on an undisturbed device.
pub(crate) const USUAL: Sentinel =
    Sentinel { core: Nanos(500_000), network: Nanos(360_000), memory: Nanos(210_000) };

/// Blocks of five samples each; the last one holds the rest.
pub(crate) fn blocks(samples: usize, sentinel: Sentinel) -> Vec<Block> {
    let sizes = (0..samples).step_by(5).map(|first| (samples - first).min(5));
    sizes.map(|samples| Block { samples, sentinel }).collect()
}

/// What changes the level of consecutive launches besides the model: random spread, a drift of 5 % over
/// minutes, and bursts of another process.
pub(crate) struct Weather {
    pub(crate) stream: Stream,
    spread: f64,
    bursts: f64,
    launch: f64,
    phase: f64,
}

impl Weather {
    /// `spread` of launches and probability of a burst, as shares.
    pub(crate) fn new(seed: u64, spread: f64, bursts: f64) -> Self {
        let mut stream = Stream::new(seed);
        let phase = std::f64::consts::TAU * stream.uniform();
        Self { stream, spread, bursts, launch: 0.0, phase }
    }

    /// The factor by which the level of the next launch is multiplied.
    pub(crate) fn next(&mut self) -> f64 {
        // 600 launches of half a second are five minutes.
        self.launch += std::f64::consts::TAU / 600.0;
        let drift = 1.0 + 0.025 * (self.launch + self.phase).sin();
        let burst = self.stream.uniform() < self.bursts;
        let burst = if burst { 1.05 + 0.45 * self.stream.uniform() } else { 1.0 };
        drift * burst * (1.0 + self.spread * self.stream.normal())
    }
}

/// A busy loop of another process on the same core; times are in seconds of the session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    pub(crate) from: f64,
    pub(crate) length: f64,
}

impl Busy {
    pub(crate) fn never() -> Self {
        Self { from: f64::INFINITY, length: 0.0 }
    }

    /// For how long the loop goes on after `now`.
    pub(crate) fn left(&self, now: f64) -> f64 {
        if now < self.from { 0.0 } else { (self.from + self.length - now).max(0.0) }
    }

    /// A launch whose samples begin at `now` and take a quarter of a second on a quiet core.
    pub(crate) fn launch(&self, stream: &mut Stream, now: f64, level: f64) -> LaunchView {
        const TIMED: f64 = 0.25;
        let mut launch = quiet_launch(stream, level, 50);
        let shared = (now + TIMED).min(self.from + self.length) - now.max(self.from);
        let share = (shared / TIMED).clamp(0.0, 1.0);
        // Every sample that meets the loop waits for about as long as it runs itself.
        let met = (share * 50.0) as usize;
        let mut samples: Vec<Nanos> = launch.samples.clone().into();
        launch.sample_cpu.clone_from(&samples);
        samples.iter_mut().take(met).for_each(|sample| sample.0 *= 2);
        launch.samples = Samples::new(samples).expect("a launch has samples");
        launch.cpu = Nanos::from_f64(launch.cpu.0 as f64 * (1.0 - share / 2.0));
        launch.involuntary_switches += (share * 60.0) as u64;
        launch
    }
}

/// A process on another core that is busy at times, and the slowdowns while it is busy.
#[derive(Clone, Debug)]
pub(crate) struct Neighbour {
    /// Shares by which the model and two of the sentinel's parts are slower while the process is busy.
    model: f64,
    network: f64,
    memory: f64,
    /// Share of the time in which the process is busy.
    share: f64,
    busy: bool,
}

impl Neighbour {
    pub(crate) fn new(model: f64, network: f64, memory: f64, share: f64) -> Self {
        Self { model, network, memory, share, busy: share >= 1.0 }
    }

    /// A launch of ten blocks of five samples; the process starts or stops every four blocks in the mean.
    pub(crate) fn launch(&mut self, stream: &mut Stream, level: f64) -> LaunchView {
        let level = level * (1.0 + 0.005 * stream.normal());
        let (mut samples, mut blocks) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            if stream.uniform() < 0.25 {
                self.busy = stream.uniform() < self.share;
            }
            let slower = |by: f64| if self.busy { 1.0 + by } else { 1.0 };
            let mut noisy = |ns: f64| Nanos::from_f64(ns * (1.0 + 0.007 * stream.normal()));
            let network = noisy(USUAL.network.0 as f64 * slower(self.network));
            let memory = noisy(USUAL.memory.0 as f64 * slower(self.memory));
            blocks.push(Block {
                samples: 5,
                sentinel: Sentinel { core: USUAL.core, network, memory },
            });
            samples.extend((0..5).map(|_| noisy(level * slower(self.model))));
        }
        let launch = quiet_launch(stream, level, samples.len());
        let samples = Samples::new(samples).expect("a launch has samples");
        LaunchView { samples, blocks, ..launch }
    }
}
