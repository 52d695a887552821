//! One model, launch after launch without a pause.

use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::ModelFile;

use super::measuring_session::no_samples;
use super::settings::nanos;
use super::step::{Observer, Step};
use super::{Measurement, Session};
use crate::output::error_class::{Classified, Classify, ErrorClass};

/// Fewest launches of a run: a third of them is the fewest that give an interval.
const LEAST_WINDOWS: usize = 18;
/// Launches that a run should have, if the starts of the processes leave time for them.
const WINDOWS: u32 = 60;
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
/// How much longer the overhead of a launch may be than the shortest one. The overhead is starting a
/// process, reading a file, and sending the report over a link.
const MOST_IDLE: Duration = Duration::from_secs(10);

impl Session<'_> {
    /// The outer error ends the session, the inner one only this model.
    pub(super) fn sustain(
        &mut self,
        at: usize,
        model: ModelFile,
        length: Duration,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<anyhow::Result<Measurement>> {
        let placed = match self.place(at, &model, observer)? {
            Ok(placed) => placed,
            Err(error) => return Ok(Err(self.agent.classified(&error).into())),
        };
        let slice = nanos((length / WINDOWS).clamp(SHORTEST, LONGEST));
        let request = self.request(placed.there, slice);
        let losses = self.losses.agents;
        let since = Instant::now();
        let (mut launches, mut least) = (Vec::new(), Duration::MAX);
        while since.elapsed() < length || launches.len() < LEAST_WINDOWS {
            let begun = nanos(since.elapsed());
            let asked = Instant::now();
            match self.attempt_within_limits(|agent| agent.launch(request.clone()))? {
                Ok(_) if self.losses.agents > losses => return Ok(Err(interrupted(&model))),
                Ok(report) if report.samples_ns.is_empty() => return Ok(Err(no_samples(&model))),
                Ok(report) => {
                    let work = self.ledger.launched(&report);
                    let rest = asked.elapsed().saturating_sub(work);
                    least = least.min(rest);
                    if rest - least > MOST_IDLE {
                        return Ok(Err(rested(&model, rest - least)));
                    }
                    launches.push((begun, report));
                }
                Err(error) => return Ok(Err(self.agent.classified(&error).into())),
            }
            let elapsed_ns = nanos(since.elapsed());
            observer(Step::Sustaining { at, elapsed_ns, of_ns: nanos(length) });
        }
        let fingerprint = self.fingerprint(launches.first().map(|(_, report)| report));
        let device = self.agent.device().name.clone();
        let target = self.settings.stopping_rule.target;
        let measurement = Measurement::of_sustained(model, device, fingerprint, launches, target);
        Ok(measurement
            .or_class(ErrorClass::Unstable)
            .map(|measurement| self.completed(measurement)))
    }
}

fn rested(model: &ModelFile, rest: Duration) -> anyhow::Error {
    let what = "the device was idle meanwhile; check its link and run it again";
    let message =
        format!("{}: an answer came {:.0} s late and {what}", model.path, rest.as_secs_f64());
    Classified::new(ErrorClass::Unstable, message).into()
}

/// A device that was idle during the run does not show the latency at which the model ends up.
fn interrupted(model: &ModelFile) -> anyhow::Error {
    let what = "the agent was lost during the run and the device was idle meanwhile; run it again";
    Classified::new(ErrorClass::Unstable, format_args!("{}: {what}", model.path)).into()
}
