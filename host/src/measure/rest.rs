//! Giving a device time to get cool or quiet.
//!
//! **Invariant:** all rests of a session together are bounded; a device that never gets quiet is
//! measured all the same, and the verdict says so.

use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::agent::{LaunchReport, LookReport, Reading, State};
use pearl_calibration::Samples;

use super::Session;
use super::settings::nanos;
use super::step::{Observer, Step};
use crate::interrupt;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// At a time.
const LONGEST: Duration = Duration::from_secs(10);
const LONGEST_FOR_QUIET: Duration = Duration::from_secs(2);
/// So many readings, two a launch, tell what is usual.
const FIRST: usize = 12;
/// Slower than usual by more than the first asks for a rest, by the second ends it.
const HOT: f64 = 1.10;
const COOL: f64 = 1.03;
/// The same in thousandths of a degree above the session's start, where the device tells.
const HOT_MC: i64 = 8_000;
const COOL_MC: i64 = 4_000;
/// Of the time that passed, for a look at an idle core.
const QUIET: f64 = 0.95;

/// What a session knows of the device's mood.
pub(super) struct Calm {
    /// The first readings; their median is what later ones are held against, for the best of many is
    /// a stroke of luck that every ordinary one is slow beside.
    first_sentinels_ns: Vec<u64>,
    start_mc: Option<i64>,
    hot: bool,
    /// Whether a rest did not help: what looked like heat by the sentinel alone is something else,
    /// such as the wandering clock of a shared machine.
    in_vain: bool,
    left: Duration,
}

impl Calm {
    pub fn new(left: Duration) -> Self {
        let first_sentinels_ns = Vec::with_capacity(FIRST);
        Self { first_sentinels_ns, start_mc: None, hot: false, in_vain: false, left }
    }

    pub fn note(&mut self, report: &LaunchReport) {
        self.start_mc = self.start_mc.or(hottest(&report.state_before));
        let ends = [report.readings.first(), report.readings.last()];
        let sentinels = ends.map(|reading| reading.map_or(0, |reading| reading.core_ns));
        self.feel(sentinels, hottest(&report.state_after));
    }

    fn feel(&mut self, sentinels: [u64; 2], now_mc: Option<i64>) {
        let room = FIRST - self.first_sentinels_ns.len();
        self.first_sentinels_ns.extend(sentinels.into_iter().take(room));
        self.hot = match (now_mc, self.start_mc) {
            (Some(now), Some(start)) => now > start + HOT_MC,
            // Both, so that one odd reading costs no time.
            _ => !self.in_vain && sentinels.iter().all(|sentinel| self.slower(*sentinel, HOT)),
        };
    }

    fn slower(&self, sentinel_ns: u64, than: f64) -> bool {
        let usual = median(&self.first_sentinels_ns);
        usual.is_some_and(|usual| sentinel_ns as f64 > usual as f64 * than)
    }

    fn is_cool(&self, look: &LookReport) -> bool {
        if let (Some(now), Some(start)) = (hottest(&look.state), self.start_mc) {
            return now <= start + COOL_MC;
        }
        let readings: Vec<u64> = look.readings.iter().map(|reading| reading.core_ns).collect();
        median(&readings).is_none_or(|median| !self.slower(median, COOL))
    }
}

impl Session<'_> {
    /// Rests where the last launch found the device hot.
    pub(super) fn cool_down(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        if !self.calm.hot {
            return Ok(());
        }
        self.calm.hot = false;
        self.calm.in_vain = !self.rest("hot", LONGEST, observer, &Calm::is_cool)?;
        Ok(())
    }

    /// Rests until nobody else runs where this session measures.
    pub(super) fn rest_until_quiet(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        let sum = |look: &LookReport, of: fn(&Reading) -> u64| {
            look.readings.iter().map(of).fold(0, u64::saturating_add)
        };
        let quiet = |_: &Calm, look: &LookReport| {
            sum(look, |reading| reading.cpu_ns) as f64
                >= QUIET * sum(look, |reading| reading.wall_ns) as f64
        };
        self.rest("busy", LONGEST_FOR_QUIET, observer, &quiet)?;
        Ok(())
    }

    /// Whether it was enough.
    fn rest(
        &mut self,
        why: &'static str,
        longest: Duration,
        observer: &mut Observer<'_>,
        enough: &dyn Fn(&Calm, &LookReport) -> bool,
    ) -> anyhow::Result<bool> {
        let since = Instant::now();
        let mut was_enough = false;
        let longest = longest.min(self.calm.left);
        while since.elapsed() + PAUSE <= longest {
            observer(Step::Resting { why });
            interrupt::check()?;
            thread::sleep(PAUSE);
            // An agent that cannot look leaves the pause at that.
            match self.glance(Duration::ZERO)? {
                Some(look) if !enough(&self.calm, &look) => {}
                looked => {
                    was_enough = looked.is_some();
                    break;
                }
            }
        }
        let spent = since.elapsed();
        self.calm.left = self.calm.left.saturating_sub(spent);
        self.ledger.rest_ns += nanos(spent);
        Ok(was_enough)
    }
}

fn median(readings: &[u64]) -> Option<u64> {
    Samples::from_ns(readings).ok().map(|readings| readings.median().0)
}

fn hottest(state: &State) -> Option<i64> {
    state.temperature_mc.iter().map(|(_, temperature)| *temperature).max()
}

#[cfg(test)]
mod tests {
    use pearl_agent::agent::{Clock, Others};

    use super::*;

    fn look(sentinel_ns: u64, temperature: Option<i64>) -> LookReport {
        let zones = temperature.map(|mc| ("cpu".to_owned(), mc));
        LookReport {
            state: State { temperature_mc: zones.into_iter().collect(), ..State::default() },
            clock: Clock { resolution_ns: 1, overhead_ns: 20 },
            readings: vec![
                Reading {
                    core_ns: sentinel_ns,
                    network_ns: 1,
                    memory_ns: 1,
                    cpu_ns: 1,
                    wall_ns: 1
                };
                3
            ],
            others: Others::default(),
        }
    }

    #[test]
    fn a_device_without_a_thermometer_is_cool_once_the_sentinel_is_back() {
        let calm = Calm { first_sentinels_ns: vec![900, 1000, 1100], ..Calm::new(LONGEST) };
        assert!(calm.is_cool(&look(1030, None)) && !calm.is_cool(&look(1040, None)));
    }

    #[test]
    fn a_rest_in_vain_is_not_repeated_where_there_is_no_thermometer() {
        for (temperature, in_vain, hot) in
            [(None, false, true), (None, true, false), (Some(60_000), true, true)]
        {
            let start_mc = temperature.map(|_| 40_000);
            let first_sentinels_ns = vec![1000; FIRST];
            let mut calm = Calm { first_sentinels_ns, start_mc, in_vain, ..Calm::new(LONGEST) };
            calm.feel([1200; 2], temperature);
            assert_eq!(calm.hot, hot, "{temperature:?}, in vain: {in_vain}");
        }
    }

    #[test]
    fn a_device_with_one_is_cool_by_its_temperature() {
        let calm =
            Calm { first_sentinels_ns: vec![1000], start_mc: Some(40_000), ..Calm::new(LONGEST) };
        assert!(calm.is_cool(&look(2000, Some(44_000))));
        assert!(!calm.is_cool(&look(1000, Some(44_001))));
    }
}
