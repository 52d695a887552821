//! What a run keeps besides its candidates: the budget, versions, measurements, time.
//!
//! **Invariant:** every fact is written as soon as it is known.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::event::Observer;
use super::run::Run;
use super::{Budget, Event, SearchConfig, budget};
use crate::device::agent_client::Agent;
use crate::measure::{Fingerprint, Measurement, PROBE, Session, Step, document};
use crate::output::error_class::{Classify, ErrorClass};
use crate::store::{RunAgent, RunWorker};

/// Length of the characterisation of a device whose usual speed is not known. If the device is faster
/// later on, the faster speed counts as the usual one.
const BRIEF: Duration = Duration::from_secs(2);

/// Reports which other processes use the device, and waits for them as long as the user says. This comes
/// before everything that takes long.
pub(super) fn watch(
    config: &SearchConfig,
    agent: &mut Agent,
    observer: &mut Observer<'_>,
) -> anyhow::Result<Fingerprint> {
    let mut session = Session::new(agent, &config.measuring, config.seeds.measurement);
    let probe = session.characterise(PROBE, &mut |step| told(&step, observer))?;
    Ok(probe.fingerprint)
}

fn told(step: &Step, observer: &mut Observer<'_>) {
    match step {
        Step::Waiting { who } => observer(Event::Waiting { who }),
        Step::Disturbed { who, waits } => observer(Event::Disturbed { who, waits: *waits }),
        Step::Characterising { .. } => observer(Event::Characterising),
        _ => {}
    }
}

impl Run<'_> {
    pub fn keep(
        &mut self,
        candidate: Option<usize>,
        measurement: &Measurement,
    ) -> anyhow::Result<()> {
        let document = document::write(measurement).context("own measurement")?;
        let verdict = measurement.judgement.verdict.to_string();
        self.store.keep_measurement(candidate, &verdict, &document).or_class(ErrorClass::Usage)
    }

    pub fn find_budget(&mut self, observer: &mut Observer<'_>) -> anyhow::Result<u64> {
        if let Some(stored) = self.store.fact("budget_ns").or_class(ErrorClass::Usage)? {
            return stored.parse().or_class(ErrorClass::Input).context("the stored budget");
        }
        let budget_ns = match self.config.budget {
            Budget::Fixed(duration) => duration.as_nanos() as u64,
            Budget::Percentile(percent) => {
                let Self { config, space, agent, measuring, .. } = self;
                let (settings, seeds) = (&*measuring, &config.seeds);
                let mut launches = 0;
                let count = |step: &Step| match step {
                    Step::Waiting { who } => observer(Event::Waiting { who }),
                    Step::Launched { .. } => {
                        launches += 1;
                        observer(Event::FindingBudget { launches });
                    }
                    _ => {}
                };
                let form = config.input_form;
                let found = budget::measure(percent, space, agent, settings, form, seeds, count)?;
                for measurement in &found.measured {
                    self.keep(None, measurement)?;
                }
                if let Some(remark) = &found.remark {
                    observer(Event::BudgetRemark { remark });
                    self.store.set_fact("budget_remark", remark).or_class(ErrorClass::Usage)?;
                }
                found.budget_ns
            }
        };
        self.store.set_fact("budget_ns", &budget_ns.to_string()).or_class(ErrorClass::Usage)?;
        Ok(budget_ns)
    }

    /// Finds the usual speed that latencies are compensated to from the start of the run to its end: the
    /// speed that is known of the device, or that of a short characterisation. If a candidate's own fastest
    /// blocks are faster, their speed counts for it.
    pub fn find_usual_speed(
        &mut self,
        fingerprint: &Fingerprint,
        observer: &mut Observer<'_>,
    ) -> anyhow::Result<()> {
        // Other processes were looked for; candidates are measured without looking again.
        self.measuring.quiet_wait = None;
        if let Some(stored) = self.store.fact("usual_speeds").or_class(ErrorClass::Usage)? {
            let usual = serde_json::from_str(&stored).or_class(ErrorClass::Input);
            self.measuring.usual = usual.context("the stored usual speeds")?;
        }
        if !self.measuring.usual.contains_key(&fingerprint.id()) {
            let seed = self.config.seeds.measurement;
            let mut session = Session::new(self.agent, &self.measuring, seed);
            let found = session.characterise(BRIEF, &mut |step| told(&step, observer))?;
            self.measuring.usual.insert(found.fingerprint.id(), found.usual);
        }
        let usual = serde_json::to_string(&self.measuring.usual)?;
        self.store.set_fact("usual_speeds", &usual).or_class(ErrorClass::Usage)
    }

    /// Stores what a reader of the run needs to know besides the settings.
    pub fn note_versions(&mut self) -> anyhow::Result<()> {
        let config = self.config;
        let mut facts = vec![
            ("input", serde_json::to_string(&self.space.input())?),
            ("classes", self.space.classes().to_string()),
            ("command", config.command.clone()),
            ("agent", serde_json::to_string(&RunAgent::from(self.agent.hello()))?),
            ("worker", serde_json::to_string(&RunWorker::from(self.worker.hello()))?),
            ("total", config.candidates.to_string()),
            ("program", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if let Some(teacher) = &config.teacher {
            facts.push(("teacher", serde_json::to_string(teacher)?));
        }
        if self.store.fact("started").or_class(ErrorClass::Usage)?.is_none() {
            facts.push(("started", now()));
        }
        facts
            .iter()
            .try_for_each(|(key, value)| self.store.set_fact(key, value))
            .or_class(ErrorClass::Usage)
    }

    /// Keeps the policy's probabilities, which a reader without torch understands.
    pub fn keep_marginals(&mut self) -> anyhow::Result<()> {
        let marginals = serde_json::to_string(&self.state.policy.marginals(self.worker)?)?;
        self.store.set_fact("marginals", &marginals).or_class(ErrorClass::Usage)
    }

    pub fn wall_time(&self) -> anyhow::Result<u64> {
        let stored = self.store.fact("wall_ns").or_class(ErrorClass::Usage)?;
        Ok(stored.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Adds the wall time since the last call to the run's.
    pub fn keep_wall_time(&mut self) -> anyhow::Result<()> {
        let now = self.wall_time()? + self.since.elapsed().as_nanos() as u64;
        self.since = Instant::now();
        self.store.set_fact("wall_ns", &now.to_string()).or_class(ErrorClass::Usage)
    }
}

/// The time of day to the second.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
