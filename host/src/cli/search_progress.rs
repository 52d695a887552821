//! The progress display of `pearl search`.

use indicatif::ProgressBar;

use crate::output::duration::ms;
use crate::output::terminal::{Pulse, Terminal, Waiting, disturbed};
use crate::search::Event;
use crate::store::{Candidate, Miss, Status};

const TEMPLATE: &str = "{bar:24} {pos}/{len} candidates, {elapsed} so far, {eta} left  {msg}";

/// Progress bars on a terminal; elsewhere one line per candidate.
pub struct SearchProgress<'a> {
    terminal: &'a Terminal,
    device: &'a str,
    total: Option<ProgressBar>,
    step: ProgressBar,
    pulse: Pulse,
    budget_ns: u64,
    best: Option<(f64, u64)>,
    rewards: Vec<f64>,
    waiting: Waiting,
}

impl<'a> SearchProgress<'a> {
    pub fn new(terminal: &'a Terminal, device: &'a str) -> Self {
        Self {
            terminal,
            device,
            total: None,
            step: terminal.spinner(),
            pulse: Pulse::new(terminal),
            budget_ns: 0,
            best: None,
            rewards: Vec::new(),
            waiting: Waiting::default(),
        }
    }

    pub fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Segment { entered } => {
                if !entered.differences.is_empty() {
                    let differences = entered.differences.join("; ");
                    self.terminal
                        .note(format!("segment {} begins: {differences}", entered.segment));
                }
                if !entered.added.is_empty() {
                    let added = entered.added.join(", ");
                    self.terminal.note(format!(
                        "the version of pearl that began the run did not keep: {added}; they are kept \
                         from now on"
                    ));
                }
            }
            Event::FindingBudget { launches } => {
                self.waiting = Waiting::default();
                self.doing(format!("finding the budget: launch {launches}"));
            }
            Event::Waiting { who } => {
                self.waiting.tell(self.terminal, self.device, who);
                self.step.set_message("waiting for the device");
            }
            Event::Disturbed { who, waits } => {
                self.terminal.note(disturbed(self.device, who, *waits));
            }
            Event::Characterising => {
                self.doing("finding the device's usual speed".to_owned());
            }
            Event::TeacherRemark { remark } | Event::BudgetRemark { remark } => {
                self.terminal.note(remark);
            }
            Event::Budget { budget_ns } => {
                self.budget_ns = *budget_ns;
                self.terminal.note(format!("budget: {}", ms(*budget_ns)));
            }
            Event::Started { total, known } => {
                let bar = self.terminal.bar(*total, TEMPLATE);
                let done = known.iter().filter(|candidate| candidate.status.is_final());
                let done = done.count() as u64;
                bar.set_position(done);
                bar.reset_eta();
                if done > 0 {
                    self.terminal.note(format!("resuming after {done} of {total} candidates"));
                }
                self.total = Some(bar);
                known.iter().for_each(|candidate| self.count(candidate));
            }
            Event::Training { index, step, steps } => {
                self.doing(format!("candidate {index}: training, step {step}/{steps}"));
            }
            Event::Measuring { index, launches } => {
                self.waiting = Waiting::default();
                self.doing(format!("candidate {index}: measuring, launch {launches}"));
            }
            Event::Finished { candidate } => {
                self.count(candidate);
                self.terminal.note(line(candidate));
                if let Some(bar) = &self.total {
                    bar.inc(1);
                    bar.set_message(self.standing());
                }
            }
            Event::Missed { best } => {
                self.terminal.note(missed(&best.all_missed(), self.budget_ns))
            }
            Event::Winner { index, step, steps } => {
                if *step == 0 {
                    self.terminal.note(format!("training the winner, candidate {index}"));
                }
                self.doing(format!("winner: training, step {step}/{steps}"));
            }
        }
    }

    /// What is being done just now.
    fn doing(&mut self, what: String) {
        self.pulse.tell(|| what.clone());
        self.step.set_message(what);
    }

    pub fn close(&mut self) {
        self.step.finish_and_clear();
        if let Some(bar) = &self.total {
            bar.abandon();
        }
    }

    fn count(&mut self, candidate: &Candidate) {
        self.rewards.extend(candidate.reward);
        let (Some(accuracy), Some(latency)) = (candidate.accuracy, candidate.latency) else {
            return;
        };
        let better = self.best.is_none_or(|(best, _)| accuracy > best);
        if candidate.status == Status::Done && latency.hi_ns <= self.budget_ns && better {
            self.best = Some((accuracy, latency.median_ns));
        }
    }

    /// The best candidate so far, and the mean of the recent rewards.
    fn standing(&self) -> String {
        let best = match self.best {
            Some((accuracy, latency)) => {
                format!("best {:.1} % at {}", 100.0 * accuracy, ms(latency))
            }
            None => "none within the budget yet".to_owned(),
        };
        let recent = &self.rewards[self.rewards.len().saturating_sub(8)..];
        let mean = recent.iter().sum::<f64>() / recent.len().max(1) as f64;
        format!("{best}, recent reward {mean:.4}")
    }
}

/// Which candidates missed the budget once they were trained, and by how much.
pub fn missed(all: &[Miss], budget_ns: u64) -> String {
    let told = |miss: &Miss| {
        format!("candidate {} takes {} (up to {})", miss.index, ms(miss.latency_ns), ms(miss.hi_ns))
    };
    let told: Vec<_> = all.iter().map(told).collect();
    format!(
        "trained and measured again, {}: not within the budget of {}",
        told.join(", "),
        ms(budget_ns)
    )
}

fn line(candidate: &Candidate) -> String {
    let mut line = format!("candidate {:>3}  {}", candidate.index, candidate.arch_id);
    if let Some(accuracy) = candidate.accuracy {
        line += &format!("  {:.2} %", 100.0 * accuracy);
    }
    if let Some(latency) = candidate.latency {
        let half = (latency.hi_ns.saturating_sub(latency.lo_ns)) as f64 / 2.0;
        let width = 100.0 * half / latency.median_ns.max(1) as f64;
        line += &format!("  {} ±{width:.1} %", ms(latency.median_ns));
    }
    if let Some(reward) = candidate.reward {
        line += &format!("  reward {reward:.4}");
    }
    if candidate.status != Status::Done {
        line += &format!("  {}", candidate.status);
    }
    if let Some(earlier) = candidate.repeats {
        line += &format!("  repeats {earlier}");
    }
    if let Some(reason) = &candidate.reason {
        line += &format!(": {reason}");
    }
    line
}
