//! Cooldown: waiting until a device is cool, or until no other process uses it.
//!
//! **Invariant:** the total cooldown of a session is bounded; a device that stays busy is measured
//! anyway, and the verdict says so.

use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::{LaunchReport, ProbeReport, Reading, State};
use pearl_calibration::Samples;

use super::Session;
use super::remarks::android_heat;
use super::settings::nanos;
use super::step::{Observer, Step};
use crate::process::interrupt;

/// Pause between two probes.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest cooldown of a hot device at a time.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest wait for other processes at a time.
const LONGEST_FOR_QUIET: Duration = Duration::from_secs(2);
/// Number of first readings, two per launch, that tell what is usual.
const FIRST: usize = 12;
/// A sentinel slower than usual by more than `HOT` starts a cooldown; by at most `COOL` ends it.
const HOT: f64 = 1.10;
const COOL: f64 = 1.03;
/// The same in thousandths of a degree above the session's start, if the device reports temperatures.
const HOT_MC: i64 = 8_000;
const COOL_MC: i64 = 4_000;
/// The share of the wall time that a probe gets on an idle core.
const QUIET: f64 = 0.95;

/// What a session knows about the device's heat, and how much cooldown it has left.
pub(super) struct Cooldown {
    /// The first readings. Later readings are compared with their median, because the fastest of many
    /// is a lucky one, beside which every ordinary reading is slow.
    first_sentinels_ns: Vec<u64>,
    start_mc: Option<i64>,
    hot: bool,
    /// Whether a cooldown did not help. Then heat is not what slows the sentinel: it is something else,
    /// such as the varying clock rate of a shared machine.
    in_vain: bool,
    left: Duration,
}

impl Cooldown {
    pub fn new(left: Duration) -> Self {
        let first_sentinels_ns = Vec::with_capacity(FIRST);
        Self { first_sentinels_ns, start_mc: None, hot: false, in_vain: false, left }
    }

    pub fn note(&mut self, report: &LaunchReport) {
        self.start_mc = self.start_mc.or(hottest(&report.state_before));
        let ends = [report.readings.first(), report.readings.last()];
        let sentinels = ends.map(|reading| reading.map_or(0, |reading| reading.core_ns));
        self.feel(sentinels, hottest(&report.state_after));
        self.hot |= !self.in_vain && android_heat(&report.state_after).is_some();
    }

    fn feel(&mut self, sentinels: [u64; 2], now_mc: Option<i64>) {
        let room = FIRST - self.first_sentinels_ns.len();
        self.first_sentinels_ns.extend(sentinels.into_iter().take(room));
        self.hot = match (now_mc, self.start_mc) {
            (Some(now), Some(start)) => now > start + HOT_MC,
            // Both readings have to be slow, so that one outlier costs no time.
            _ => !self.in_vain && sentinels.iter().all(|sentinel| self.slower(*sentinel, HOT)),
        };
    }

    fn slower(&self, sentinel_ns: u64, than: f64) -> bool {
        let usual = median(&self.first_sentinels_ns);
        usual.is_some_and(|usual| sentinel_ns as f64 > usual as f64 * than)
    }

    fn is_cool(&self, look: &ProbeReport) -> bool {
        if android_heat(&look.state).is_some() {
            return false;
        }
        if let (Some(now), Some(start)) = (hottest(&look.state), self.start_mc) {
            return now <= start + COOL_MC;
        }
        let readings: Vec<u64> = look.readings.iter().map(|reading| reading.core_ns).collect();
        median(&readings).is_none_or(|median| !self.slower(median, COOL))
    }
}

impl Session<'_> {
    /// Waits for the device to cool down if it was hot after the last launch.
    pub(super) fn cool_down(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        if !self.cooldown.hot {
            return Ok(());
        }
        self.cooldown.hot = false;
        self.cooldown.in_vain = !self.pause("hot", LONGEST, observer, &Cooldown::is_cool)?;
        Ok(())
    }

    /// Waits until no other process runs on the processors of this session.
    pub(super) fn wait_until_quiet(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        let sum = |look: &ProbeReport, of: fn(&Reading) -> u64| {
            look.readings.iter().map(of).fold(0, u64::saturating_add)
        };
        let quiet = |_: &Cooldown, look: &ProbeReport| {
            sum(look, |reading| reading.cpu_ns) as f64
                >= QUIET * sum(look, |reading| reading.wall_ns) as f64
        };
        self.pause("busy", LONGEST_FOR_QUIET, observer, &quiet)?;
        Ok(())
    }

    /// Waits at most `longest`, and returns whether `enough` became true.
    fn pause(
        &mut self,
        why: &'static str,
        longest: Duration,
        observer: &mut Observer<'_>,
        enough: &dyn Fn(&Cooldown, &ProbeReport) -> bool,
    ) -> anyhow::Result<bool> {
        let since = Instant::now();
        let mut was_enough = false;
        let longest = longest.min(self.cooldown.left);
        while since.elapsed() + PAUSE <= longest {
            observer(Step::CoolingDown { why });
            interrupt::check()?;
            thread::sleep(PAUSE);
            // If the agent cannot probe, the pause has to do.
            match self.probe(Duration::ZERO)? {
                Some(look) if !enough(&self.cooldown, &look) => {}
                looked => {
                    was_enough = looked.is_some();
                    break;
                }
            }
        }
        let spent = since.elapsed();
        self.cooldown.left = self.cooldown.left.saturating_sub(spent);
        self.ledger.cooldown_ns += nanos(spent);
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
    use pearl_agent::protocol::messages::{Clock, Others, Thermal};

    use super::*;

    fn look(sentinel_ns: u64, temperature: Option<i64>) -> ProbeReport {
        let zones = temperature.map(|mc| ("cpu".to_owned(), mc));
        ProbeReport {
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
        let cooldown =
            Cooldown { first_sentinels_ns: vec![900, 1000, 1100], ..Cooldown::new(LONGEST) };
        assert!(cooldown.is_cool(&look(1030, None)) && !cooldown.is_cool(&look(1040, None)));
    }

    #[test]
    fn a_rest_in_vain_is_not_repeated_where_there_is_no_thermometer() {
        for (temperature, in_vain, hot) in
            [(None, false, true), (None, true, false), (Some(60_000), true, true)]
        {
            let start_mc = temperature.map(|_| 40_000);
            let first_sentinels_ns = vec![1000; FIRST];
            let mut cooldown =
                Cooldown { first_sentinels_ns, start_mc, in_vain, ..Cooldown::new(LONGEST) };
            cooldown.feel([1200; 2], temperature);
            assert_eq!(cooldown.hot, hot, "{temperature:?}, in vain: {in_vain}");
        }
    }

    #[test]
    fn a_device_with_one_is_cool_by_its_temperature() {
        let cooldown = Cooldown {
            first_sentinels_ns: vec![1000],
            start_mc: Some(40_000),
            ..Cooldown::new(LONGEST)
        };
        assert!(cooldown.is_cool(&look(2000, Some(44_000))));
        assert!(!cooldown.is_cool(&look(1000, Some(44_001))));
        let mut hot = look(1000, Some(44_000));
        hot.state.thermal = Some(Thermal { status: Some(1), headroom_milli: None });
        assert!(!cooldown.is_cool(&hot), "Android still throttles");
    }
}
