//! The report of a run, filled from its store.
//!
//! **Invariant:** reads the store and writes the report's files, nothing else; needs no torch.

use std::path::{Path, PathBuf};

use anyhow::Context;
use pearl_agent::protocol::messages::Engine;
use pearl_models::shape::ImageShape;
use pearl_models::space::Space;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass};
use crate::report::view::{
    BestView, CandidateStatus, CandidateView, ChoiceView, DecisionView, LatencyView,
    PolicyUpdateView, RunState, RunView, SegmentView, SettingsView, TeacherView, TrainedView,
    WallTime,
};
use crate::report::{render, scatter_svg};
use crate::search::choice::{choose, choose_untrained};
use crate::store::{
    Best, Candidate, RunAgent, RunLock, RunWorker, Segment, Status, Store, StoreError, differences,
};
use crate::train::weights_file::replace_file;
use crate::train::worker_protocol::PolicyUpdate;

/// Writes `report.html` into the run directory. Returns its path, and how far the run is.
pub fn write_report(run: &Path) -> anyhow::Result<(PathBuf, RunState)> {
    let path = run.join("report.html");
    let view = view(run)?;
    replace_file(&path, render(&view)?.as_bytes()).or_unwritable()?;
    Ok((path, view.state))
}

/// Writes the picture of accuracy against latency. Returns how far the run is.
pub fn write_picture(run: &Path, path: &Path) -> anyhow::Result<RunState> {
    let view = view(run)?;
    replace_file(path, scatter_svg(&view)?.as_bytes()).or_unwritable()?;
    Ok(view.state)
}

/// The settings of a run, in groups.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "Space and data",
        &["space", "data", "data sha256", "training images", "held-out images", "split"],
    ),
    ("Teacher", &["teacher", "teacher sha256", "searching by"]),
    (
        "Device",
        &[
            "device",
            "cpus",
            "threads",
            "precision",
            "input of networks",
            "sustained",
            "budget",
            "window",
            "latency",
            "latency interval",
        ],
    ),
    (
        "Training",
        &["epochs", "batch", "learning rate", "momentum", "weight decay", "flip", "torch device"],
    ),
    ("Objective and policy", &["objective", "controller"]),
    ("Seeds", &["seed of weights", "seed of order", "seed of controller", "seed of measurement"]),
];

/// A setting's name for a reader. The policy is stored under an older word, which stored runs keep.
fn shown(name: &str) -> &str {
    match name {
        "controller" => "policy",
        "seed of controller" => "seed of policy",
        name => name,
    }
}

/// The parts of a teacher that a report shows.
#[derive(Deserialize)]
struct Teacher {
    name: String,
    holdout_accuracy: Option<f64>,
    test_accuracy: Option<f64>,
}

fn view(run: &Path) -> anyhow::Result<RunView> {
    let file = Store::path(run);
    // Before the run is read: a search that ends in between has then been running.
    let is_held = RunLock::is_held(run);
    let Some(store) = Store::find(&file).or_class(ErrorClass::Usage)? else {
        return Err(Classified::usage(format_args!(
            "{}: there is no run; make one with `pearl search --out {}`",
            file.display(),
            run.display()
        ))
        .into());
    };
    let facts = Facts { store: &store, file: &file };
    let candidates = store.candidates().map_err(StoreError::classified)?;
    let budget_ns: u64 = facts.required("budget_ns")?;
    let agent: RunAgent = facts.required("agent")?;
    let settings = store.settings().or_class(ErrorClass::Usage)?;
    let setting = |name: &str| {
        let found = settings.iter().find(|(setting, _)| setting == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let window_ns = setting("window").strip_suffix(" ns").and_then(|ns| ns.parse().ok());
    let total: usize = facts.required("total")?;
    let done = candidates.iter().filter(|candidate| candidate.status.is_final()).count();
    let ended = facts.text("ended")?;
    let state = state(is_held, ended.is_some(), done, total);
    let segments = store.segments().or_class(ErrorClass::Usage)?;
    let current = segments.last().map_or(0, |segment| segment.index);
    let trained: Option<Best> = facts.optional("best")?;
    // A student of an earlier segment is trained and measured again.
    let trained = trained.filter(|best| best.segment == current);
    let chosen = match &trained {
        Some(best) => choose(&candidates, budget_ns, window_ns, &best.all_missed()),
        None => choose_untrained(&candidates, current, budget_ns, window_ns),
    };
    let last = trained.as_ref().filter(|best| !best.within_budget).map(|best| best.index);
    let chosen = chosen.or(last);
    Ok(RunView {
        title: format!("{} on {}, {}", setting("space"), setting("device"), setting("data")),
        directory: run.display().to_string(),
        state,
        command: facts.text("command")?.unwrap_or_default(),
        settings: sections(&settings, &segments, &agent, facts.optional("worker")?, &facts)?,
        remarks: facts.text("budget_remark")?.into_iter().collect(),
        started: facts.text("started")?.unwrap_or_default(),
        ended: ended.filter(|_| state == RunState::Finished),
        wall: wall_time(&candidates, facts.required("wall_ns")?),
        device: setting("device"),
        engine: Engine { name: agent.engine.name, version: agent.engine.version },
        budget_ns,
        window_ns,
        teacher: facts.optional::<Teacher>("teacher")?.map(|teacher| TeacherView {
            name: teacher.name,
            holdout_accuracy: teacher.holdout_accuracy,
            test_accuracy: teacher.test_accuracy,
        }),
        best: chosen.map(|index| BestView {
            candidate: index as u64,
            trained: trained
                .filter(|best| best.index == index)
                .map(|best| trained_view(run, &best)),
        }),
        decisions: decisions(&facts, &setting("space"), &candidates)?,
        candidates: candidates.iter().map(candidate_view).collect(),
        updates: store
            .policy_updates()
            .or_class(ErrorClass::Usage)?
            .iter()
            .map(update_view)
            .collect(),
        segments: segment_views(&segments, &candidates),
    })
}

/// A search that trains its winner, or that was asked for more candidates, runs although all candidates
/// that are known are done.
fn state(is_held: bool, has_ended: bool, done: usize, total: usize) -> RunState {
    match (is_held, has_ended && done >= total) {
        (true, _) => RunState::Running { done, total },
        (false, true) => RunState::Finished,
        (false, false) => RunState::Interrupted { done, total },
    }
}

struct Facts<'a> {
    store: &'a Store,
    file: &'a Path,
}

impl Facts<'_> {
    fn text(&self, key: &str) -> anyhow::Result<Option<String>> {
        self.store.fact(key).or_class(ErrorClass::Usage)
    }

    fn optional<T: DeserializeOwned>(&self, key: &str) -> anyhow::Result<Option<T>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let value = serde_json::from_str(&text)
            .or_class(ErrorClass::Input)
            .with_context(|| format!("{}: '{key}' is damaged", self.file.display()))?;
        Ok(Some(value))
    }

    fn required<T: DeserializeOwned>(&self, key: &str) -> anyhow::Result<T> {
        self.optional(key)?.ok_or_else(|| {
            Classified::usage(format_args!(
                "{}: the run is not far enough for a report",
                self.file.display()
            ))
            .into()
        })
    }
}

fn sections(
    settings: &[(String, String)],
    segments: &[Segment],
    agent: &RunAgent,
    worker: Option<RunWorker>,
    facts: &Facts<'_>,
) -> anyhow::Result<Vec<SettingsView>> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut sections: Vec<_> = GROUPS
        .iter()
        .map(|(title, names)| SettingsView {
            title: (*title).to_owned(),
            entries: settings
                .iter()
                .filter(|(name, _)| names.contains(&name.as_str()))
                .map(|(name, value)| pair(shown(name), value))
                .collect(),
        })
        .collect();
    let mut entries = vec![pair("pearl", &facts.text("program")?.unwrap_or_default())];
    if segments.is_empty() {
        // A run of an older format.
        let platform = &agent.platform;
        entries.push(pair("engine", &format!("{} {}", agent.engine.name, agent.engine.version)));
        entries.push(pair("agent", &agent.version));
        entries.push(pair("agent sha256", &agent.build));
        entries.push(pair("device", &format!("{} {}", platform.os, platform.arch)));
        entries.extend(platform.cpu_model.as_ref().map(|model| pair("processor", model)));
        if let Some(worker) = worker {
            entries.push(pair("torch", &format!("{} on {}", worker.torch, worker.torch_device)));
        }
    }
    sections.push(SettingsView { title: "Versions".to_owned(), entries });
    sections.extend(segments.iter().map(|segment| SettingsView {
        title: if segments.len() > 1 {
            format!("Conditions of segment {}", segment.index)
        } else {
            "Conditions".to_owned()
        },
        entries: segment.conditions.clone(),
    }));
    Ok(sections)
}

fn segment_views(segments: &[Segment], candidates: &[Candidate]) -> Vec<SegmentView> {
    let before = std::iter::once(None).chain(segments.iter().map(Some));
    let view = |(segment, before): (&Segment, Option<&Segment>)| SegmentView {
        index: segment.index as u64,
        started: segment.started.clone(),
        candidates: candidates.iter().filter(|one| one.segment == segment.index).count(),
        differences: before
            .map(|before| differences(&before.conditions, &segment.conditions))
            .unwrap_or_default(),
    };
    segments.iter().zip(before).map(view).collect()
}

fn wall_time(candidates: &[Candidate], wall_ns: u64) -> WallTime {
    let own = candidates.iter().filter(|candidate| candidate.repeats.is_none());
    let mut wall = WallTime::default();
    for time in own.map(|candidate| candidate.time) {
        wall.training_ns += time.train_steps_ns;
        wall.inference_ns += time.timed_inference_ns;
        wall.launches_ns += time.measure_other_ns;
    }
    let known = wall.training_ns + wall.inference_ns + wall.launches_ns;
    wall.other_ns = wall_ns.saturating_sub(known);
    wall
}

fn trained_view(run: &Path, best: &Best) -> TrainedView {
    TrainedView {
        epochs: best.epochs as u64,
        test_accuracy: best.test_accuracy,
        holdout_accuracy: Some(best.holdout_accuracy),
        latency: Some(LatencyView {
            point_ns: best.latency_ns,
            lo_ns: best.lo_ns,
            hi_ns: best.hi_ns,
        }),
        verdict: best.verdict.clone(),
        onnx: run.join("best.onnx").display().to_string(),
    }
}

fn candidate_view(candidate: &Candidate) -> CandidateView {
    let status = match candidate.status {
        Status::Done if candidate.repeats.is_some() => CandidateStatus::Repeated,
        Status::Done => CandidateStatus::Done,
        Status::Unmeasured => CandidateStatus::Unmeasured,
        Status::Failed => CandidateStatus::Failed,
        Status::Sampled | Status::Trained => CandidateStatus::InFlight,
    };
    CandidateView {
        index: candidate.index as u64,
        arch_id: candidate.arch_id.clone(),
        status,
        reason: candidate.reason.clone(),
        accuracy: candidate.accuracy,
        latency: candidate.latency.map(|latency| LatencyView {
            point_ns: latency.median_ns,
            lo_ns: latency.lo_ns,
            hi_ns: latency.hi_ns,
        }),
        reward: candidate.reward,
        params: Some(candidate.params),
        macs: Some(candidate.macs),
        segment: candidate.segment as u64,
    }
}

fn update_view((candidate, update): &(usize, PolicyUpdate)) -> PolicyUpdateView {
    let PolicyUpdate { loss, entropy, baseline, grad_norm } = *update;
    PolicyUpdateView { candidate: *candidate as u64, loss, entropy, baseline, grad_norm }
}

/// Decisions are named `group.name`, such as `b3.kernel`.
fn decisions(
    facts: &Facts<'_>,
    space: &str,
    candidates: &[Candidate],
) -> anyhow::Result<Vec<DecisionView>> {
    let Some(marginals) = facts.optional::<Vec<Vec<f64>>>("marginals")? else {
        return Ok(Vec::new());
    };
    let input: ImageShape = facts.required("input")?;
    let space = Space::new(space, input, facts.required("classes")?).or_class(ErrorClass::Usage)?;
    let quarter = candidates.len().div_ceil(4);
    let first = &candidates[..quarter];
    let last = &candidates[candidates.len() - quarter..];
    let count = |of: &[Candidate], decision: usize, choice: usize| {
        of.iter().filter(|candidate| candidate.choices.get(decision) == Some(&choice)).count()
            as u64
    };
    let view = |at: usize, probabilities: &Vec<f64>| {
        let decision = space.decisions().get(at)?;
        let (group, name) = decision.name.split_once('.').unwrap_or(("", &decision.name));
        let choices = decision.choices.iter().zip(probabilities).enumerate();
        Some(DecisionView {
            group: group.to_owned(),
            name: name.to_owned(),
            choices: choices
                .map(|(choice, (label, &probability))| ChoiceView {
                    label: label.clone(),
                    first_quarter: count(first, at, choice),
                    last_quarter: count(last, at, choice),
                    probability,
                })
                .collect(),
        })
    };
    Ok(marginals.iter().enumerate().filter_map(|(at, row)| view(at, row)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_running_while_its_lock_is_held_and_finished_once_it_ended() {
        let (done, total) = (3, 3);
        for (is_held, has_ended, done, expected) in [
            (true, false, 1, RunState::Running { done: 1, total }),
            // The winner is being trained; or more candidates were asked for after the end.
            (true, false, 3, RunState::Running { done, total }),
            (true, true, 3, RunState::Running { done, total }),
            (false, true, 3, RunState::Finished),
            (false, false, 3, RunState::Interrupted { done, total }),
            (false, false, 1, RunState::Interrupted { done: 1, total }),
            // An older version left the end of before standing.
            (false, true, 1, RunState::Interrupted { done: 1, total }),
        ] {
            assert_eq!(state(is_held, has_ended, done, total), expected);
        }
    }
}
