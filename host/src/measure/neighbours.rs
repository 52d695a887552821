//! The device without a model: which other processes use it, and how fast it usually is.
//!
//! **Invariant:** a probe changes nothing; a device that other processes use is measured anyway.

use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::{Others, ProbeReport, ProbeRequest, Reading};
use pearl_calibration::{Sentinel, speed_of};

use super::measurement::sentinel;
use super::settings::nanos;
use super::step::{Observer, Step};
use super::{Fingerprint, Session};
use crate::output::error_class::{Classified, ErrorClass};
use crate::process::child::ChildError;
use crate::process::interrupt;

/// Length of a probe: long enough for the kernel's count in hundredths of a second.
pub const PROBE: Duration = Duration::from_millis(600);
/// Length of one probe while a device is characterised: other processes come and go.
const STRETCH: Duration = Duration::from_secs(2);
/// How long a probe may take in addition to its length.
const SLACK: Duration = Duration::from_secs(60);
/// Smallest share of one processor that is reported if other processes use it, and smallest share of
/// the measured time that is reported if a hypervisor takes it.
const BUSY: f64 = 0.10;
const STOLEN: f64 = 0.01;
const MOST_NAMED: usize = 5;

/// The usual speed of one fingerprint, as it was measured just now.
#[derive(Clone, Debug)]
pub struct Characterised {
    pub fingerprint: Fingerprint,
    pub usual: Sentinel,
    pub readings: usize,
}

impl Session<'_> {
    /// Reports which other processes use the device, and waits for them to stop if the settings say so.
    pub(super) fn watch_others(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<()> {
        let Some(longest) = self.settings.quiet_wait else { return Ok(()) };
        let since = Instant::now();
        let mut told = None;
        loop {
            let Some(look) = self.probe(PROBE)? else { return Ok(()) };
            let Some(who) = disturbance(&look.others) else { return Ok(()) };
            let waits = since.elapsed() < longest;
            if told.is_none() || !waits {
                observer(Step::Disturbed { who: who.clone(), waits });
            }
            told = Some(who);
            if !waits {
                return Ok(());
            }
            observer(Step::CoolingDown { why: "busy" });
            interrupt::check()?;
        }
    }

    /// `None` if the agent cannot probe.
    pub(super) fn probe(&mut self, length: Duration) -> anyhow::Result<Option<ProbeReport>> {
        // One thread has its whole processor if no other process runs. One of several threads waits
        // for the others.
        Ok(self.look(length, 1)?.ok())
    }

    fn look(
        &mut self,
        length: Duration,
        threads: usize,
    ) -> anyhow::Result<Result<ProbeReport, ChildError>> {
        let request = ProbeRequest {
            cpus: self.agent.cpus(),
            threads,
            probe_ns: nanos(length),
            time_ns: nanos(length + SLACK),
        };
        self.attempt(|agent| agent.look(request.clone()))
    }

    /// Reads the reference workload (sentinel) for `length`. The speed of the fastest fifth of the
    /// readings is the usual speed.
    ///
    /// # Errors
    /// A device that cannot be leased or probed; an interrupt.
    pub fn characterise(
        &mut self,
        length: Duration,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<Characterised> {
        self.hold(observer, |session, observer| {
            let since = Instant::now();
            let mut readings = Vec::<Reading>::new();
            let state = loop {
                interrupt::check()?;
                let look = session.look(STRETCH.min(length), session.threads())?;
                let look = look.map_err(|error| session.agent.classified(&error))?;
                readings.extend(look.readings);
                let (elapsed_ns, of_ns) = (nanos(since.elapsed()), nanos(length));
                observer(Step::Characterising { elapsed_ns, of_ns });
                if elapsed_ns >= of_ns {
                    break look.state;
                }
            };
            let usual = speed_of(readings.iter().map(sentinel)).ok_or_else(|| {
                let device = &session.agent.device().name;
                Classified::new(
                    ErrorClass::Bug,
                    format_args!("device '{device}': the agent read no sentinel"),
                )
            })?;
            let fingerprint = session.fingerprint_with(Some(&state));
            Ok(Characterised { fingerprint, usual, readings: readings.len() })
        })
    }
}

/// Which other processes use the device, in words; `None` if they use less than the limits.
pub fn disturbance(others: &Others) -> Option<String> {
    let share = |ns: u64| ns as f64 / others.wall_ns.max(1) as f64;
    let busy = others.busy_ns.map(share).filter(|busy| *busy >= BUSY);
    let stolen = others.stolen_ns.map(share).filter(|stolen| *stolen >= STOLEN);
    let together: f64 = others.processes.iter().map(|of| share(of.cpu_ns)).sum();
    let named = others.processes.iter().take(MOST_NAMED).map(|of| {
        let name = of.name.replace(char::is_control, "?");
        format!("{name} (process {}) {:.0} %", of.pid, 100.0 * share(of.cpu_ns))
    });
    let busy = if together >= BUSY {
        Some(format!(
            "other processes use its processors: {}",
            named.collect::<Vec<_>>().join(", ")
        ))
    } else {
        busy.map(|busy| {
            format!("processes that cannot be seen use {:.0} % of a processor", 100.0 * busy)
        })
    };
    let stolen = stolen.map(|stolen| {
        format!("its hypervisor gives {:.1} % of a processor to other machines", 100.0 * stolen)
    });
    let all: Vec<String> = [busy, stolen].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use pearl_agent::protocol::messages::Process;

    use super::*;

    #[test]
    fn who_disturbs_is_named_and_who_does_not_is_left_out() {
        let rustc = || vec![Process { pid: 7, name: "rustc".into(), cpu_ns: 900 }];
        for (processes, busy_ns, stolen_ns, told) in [
            (vec![], None, None, None),
            (vec![], Some(50), Some(5), None),
            (vec![Process { pid: 7, name: "ticks".into(), cpu_ns: 40 }], Some(60), None, None),
            (
                rustc(),
                Some(950),
                None,
                Some("other processes use its processors: rustc (process 7) 90 %"),
            ),
            (
                vec![],
                Some(950),
                None,
                Some("processes that cannot be seen use 95 % of a processor"),
            ),
            (
                vec![],
                Some(0),
                Some(20),
                Some("its hypervisor gives 2.0 % of a processor to other machines"),
            ),
        ] {
            let others = Others { wall_ns: 1000, processes, busy_ns, stolen_ns };
            assert_eq!(disturbance(&others).as_deref(), told);
        }
    }
}
