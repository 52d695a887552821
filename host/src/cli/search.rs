//! `pearl search`: the main job.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use pearl_models::space::{Space, SpaceError};
use serde_json::{Map, Value, json};

use super::limit_args::LimitArgs;
use super::measuring::{PrecisionName, sustained, wait};
use super::recipe::{
    DistillationArgs, FormArgs, Learning, MOST_EPOCHS, MOST_IMAGES, RecipeArgs, count,
};
use super::search_progress::{SearchProgress, missed};
use crate::data;
use crate::device::agent_client::Agent;
use crate::device::registry::Devices;
use crate::measure::past_sessions;
use crate::measure::{Settings, UsualSpeeds};
use crate::output::duration::{self, ms};
use crate::output::error_class::{Classified, Classify, ErrorClass, all_of, both_of, told};
use crate::output::terminal::Terminal;
use crate::output::terminal::{print_json, print_line};
use crate::process::interrupt;
use crate::report::stored_run;
use crate::search::objective::Objective;
use crate::search::seeds::Seeds;
use crate::search::{self, Budget, FinalTraining, Observer, Outcome, SearchConfig};
use crate::store::home;
use crate::store::{Candidate, OtherConditions, RunLock, Segment, Status, Store};
use crate::teacher::Teachers;
use crate::train::worker_client::Worker;
use crate::train::worker_protocol::{Loss, PolicyConfig, Update};

/// As many as in the commands of the README.
const CANDIDATES: usize = 24;

/// Search for the student that a teacher teaches best within a latency budget
///
/// The same command with the same --out resumes the run.
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl search --space mnas --data fashion-mnist --teacher resnet \\\n      --device local --budget 2ms --candidates 24 --out runs/first"
)]
pub struct SearchArgs {
    /// Search space: mnas or conv20
    #[arg(long)]
    space: String,
    /// Data set by name, or the folder of its IDX files
    #[arg(long)]
    data: String,
    /// Name of a teacher (see `pearl teacher list`); needed for distillation
    #[arg(long)]
    teacher: Option<String>,
    /// Device to measure latency on
    #[arg(long, default_value = "local")]
    device: String,
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Threads of the engine's matrix products [default: the device's entry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Precision of the networks' arithmetic on the device
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// Run each network for this time without a pause (1s to a day); reward the latency of the last third
    #[arg(long, value_name = "TIME", value_parser = sustained)]
    sustained: Option<std::time::Duration>,
    /// How long to wait, before training starts, until no other process uses the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = wait)]
    quiet_wait: std::time::Duration,
    /// Latency target such as 15ms, or p50: the median latency of random students on this device
    #[arg(long)]
    budget: Budget,
    /// Choose the winner within budget ± window instead of below the budget
    #[arg(long, value_parser = duration::parse)]
    window: Option<std::time::Duration>,
    /// Reward function: soft[:w], hard or absolute[:b]
    #[arg(long, default_value_t)]
    objective: Objective,
    /// Number of candidates to sample, train and measure in all
    #[arg(long, default_value_t = CANDIDATES)]
    candidates: usize,
    /// What candidates learn from
    #[arg(long, value_enum, default_value_t = Learning::Distillation)]
    searching_by: Learning,
    /// How the policy learns
    #[arg(long, value_enum, default_value_t = Policy::Reinforce)]
    policy: Policy,
    /// Seed of everything random: weights, order of images, policy, order of measurements
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Epochs of the winner's training; 0 leaves it untrained
    #[arg(long, default_value_t = 3, value_parser = count::<0, MOST_EPOCHS>)]
    final_epochs: usize,
    /// Training images of the winner's training
    #[arg(long, default_value_t = 55_000, value_parser = count::<2, MOST_IMAGES>)]
    final_images: usize,
    /// Run directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on in a new segment of the run where the device, agent, engine, torch, its threads or the teacher
    /// are not those of before. Without this, that is refused
    #[arg(long)]
    new_segment: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    distillation: DistillationArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Policy {
    Reinforce,
    Ppo,
}

pub fn run(args: SearchArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let config = config(&args, known_speeds(terminal))?;
    let mut progress = SearchProgress::new(terminal, &config.device.name);
    let result = run_search(&config, &mut |event| progress.show(&event));
    progress.close();
    let outcome = match result {
        Err(error) if interrupt::requested() => {
            // Report the candidates so far. This fails for a run that did not start: it has none.
            let _ = stored_run::write_report(&config.out);
            return Err(Classified::new(ErrorClass::Interrupted, told(&error)).into());
        }
        result => result?,
    };
    let (report, _) = stored_run::write_report(&config.out)?;
    if args.json {
        print_json(&document(&config.out, &outcome))?;
    } else {
        summary(&config, &outcome, &report)?;
    }
    has_rewards(&outcome, &report)?;
    has_student(&outcome)
}

/// Settings that differ from those of an existing run are refused before anything slow starts. The
/// database is created only after the whole command has been checked.
fn run_search(config: &SearchConfig, observer: &mut Observer<'_>) -> anyhow::Result<Outcome> {
    let since = Instant::now();
    let _lock = RunLock::take(&config.out).or_class(ErrorClass::Usage)?;
    let file = Store::path(&config.out);
    if let Some(run) = Store::find(&file).or_class(ErrorClass::Usage)? {
        run.compare(&config.settings()).or_class(ErrorClass::Usage)?;
    }
    let mut agent = Agent::connect(&config.device)?;
    let start = || Worker::start(&config.torch_device);
    let (prepared, mut worker) = search::prepare(config, &mut agent, start, since, observer)?;
    let mut store = Store::open(&file).or_class(ErrorClass::Usage)?;
    search::search(config, prepared, &mut store, &mut worker, &mut agent, observer)
}

/// A search in which no candidate got a reward is an error.
fn has_rewards(outcome: &Outcome, report: &Path) -> anyhow::Result<()> {
    let all = &outcome.candidates;
    if all.iter().any(|candidate| candidate.reward.is_some()) {
        return Ok(());
    }
    let unmeasured = all.iter().any(|candidate| candidate.status == Status::Unmeasured);
    let kind = if unmeasured { ErrorClass::Unstable } else { ErrorClass::Input };
    let last = all.iter().rev().find_map(|one| one.reason.as_deref());
    let message = format!(
        "not one of {} candidates could be trained and measured; the last: {}; see {}, then search \
         again with another --out, or with more --candidates",
        all.len(),
        last.unwrap_or("no reason is kept"),
        report.display()
    );
    Err(Classified::new(kind, message).into())
}

/// A search whose winner misses the budget, or that has no winner, is one to go on with.
fn has_student(outcome: &Outcome) -> anyhow::Result<()> {
    let budget = ms(outcome.budget_ns);
    let why = match (&outcome.best, outcome.chosen) {
        (Some(best), _) if best.within_budget => return Ok(()),
        (Some(best), _) => missed(&best.all_missed(), outcome.budget_ns),
        (None, Some(_)) => return Ok(()),
        (None, None) => {
            let of = if outcome.segments.len() > 1 { " of the last segment" } else { "" };
            format!("no candidate{of} lies within the budget of {budget}")
        }
    };
    let message = format!(
        "{why}; search on with more --candidates, or in another --out with a larger --budget"
    );
    Err(Classified::new(ErrorClass::Unstable, message).into())
}

/// The usual speeds from the history. Without them, the search finds the usual speed by itself.
fn known_speeds(terminal: &Terminal) -> UsualSpeeds {
    let known = past_sessions::open().and_then(|history| past_sessions::usual_speeds(&history));
    known.unwrap_or_else(|error| {
        let why = told(&error);
        terminal.note(format!("nothing is known of the device's usual speed: {why}"));
        UsualSpeeds::new()
    })
}

fn config(args: &SearchArgs, usual: UsualSpeeds) -> anyhow::Result<SearchConfig> {
    let devices = Devices::find(args.devices.as_deref())?;
    let teachers = Teachers::open()?;
    // All names are checked before anything is reached or started.
    let device = devices.get(&args.device).cloned();
    let data = data::resolve(&args.data).or_class(ErrorClass::Usage);
    let teacher = args.teacher.as_deref().map(|name| teachers.get(name)).transpose();
    let others = all_of([
        known_space(&args.space),
        args.recipe.work.check_torch_device(),
        RunLock::check_vacant(&args.out).or_class(ErrorClass::Usage),
    ]);
    let ((device, data), (teacher, _)) = both_of(both_of(device, data), both_of(teacher, others))?;
    let loss = match (args.searching_by, &teacher) {
        (Learning::Hard, _) => Loss::Hard,
        (Learning::Distillation, Some(teacher)) => Loss::Distillation {
            teacher: teacher.source.clone(),
            cache: home::folder()?.join("logits"),
            alpha: args.distillation.alpha,
            temperature: args.distillation.temperature,
        },
        (Learning::Distillation, None) => {
            return Err(Classified::usage(
                "searching by distillation needs --teacher; see `pearl teacher list`, or search \
                 with --searching-by hard",
            )
            .into());
        }
    };
    if args.candidates == 0 {
        return Err(Classified::usage("--candidates 0: a search needs at least one").into());
    }
    let update = match args.policy {
        Policy::Reinforce => Update::Reinforce,
        Policy::Ppo => Update::PPO,
    };
    Ok(SearchConfig {
        space: args.space.clone(),
        data,
        split: args.recipe.work.split(),
        teacher,
        recipe: args.recipe.recipe(),
        loss,
        device,
        measuring: Settings {
            threads: args.threads.map(usize::from),
            precision: args.precision.into(),
            sustained: args.sustained,
            quiet_wait: Some(args.quiet_wait),
            usual,
            limits: args.limits.limits(Settings::search().limits),
            ..Settings::search()
        },
        input_form: args.form.form(),
        budget: args.budget,
        window_ns: args.window.map(|window| window.as_nanos() as u64),
        objective: args.objective,
        controller: PolicyConfig { update, ..PolicyConfig::default() },
        seeds: Seeds::derive(args.seed),
        torch_device: args.recipe.work.torch_device.clone(),
        candidates: args.candidates,
        final_training: (args.final_epochs > 0)
            .then_some(FinalTraining { epochs: args.final_epochs, images: args.final_images }),
        other_conditions: if args.new_segment {
            OtherConditions::NewSegment
        } else {
            OtherConditions::Refuse
        },
        out: args.out.clone(),
        command: command_line(),
    })
}

fn known_space(name: &str) -> anyhow::Result<()> {
    if Space::names().contains(&name) {
        return Ok(());
    }
    Err(Classified::usage(SpaceError::Unknown { space: name.to_owned() }).into())
}

/// The command line of this process, quoted for a shell.
fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    let quote = |word: String| {
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let words = std::env::args().skip(1).map(quote);
    std::iter::once("pearl".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn document(run: &Path, outcome: &Outcome) -> Value {
    let best = outcome.best.as_ref().map(|best| {
        json!({
            "index": best.index,
            "arch_id": best.arch_id,
            "accuracy": best.test_accuracy,
            "holdout_accuracy": best.holdout_accuracy,
            "epochs": best.epochs,
            "latency_ns": best.latency_ns,
            "ci95": [best.lo_ns, best.hi_ns],
            "verdict": best.verdict,
            "within_budget": best.within_budget,
            "missed": best.missed,
            "segment": best.segment,
            "onnx": run.join("best.onnx"),
        })
    });
    json!({
        "format": "pearl.search/1",
        "run": run,
        "report": run.join("report.html"),
        "budget_ns": outcome.budget_ns,
        "engine": outcome.engine,
        "wall_ns": outcome.wall_ns,
        "candidates": outcome.candidates.iter().map(candidate_json).collect::<Vec<_>>(),
        "segments": outcome.segments.iter().map(segment_json).collect::<Vec<_>>(),
        "chosen": outcome.chosen,
        "best": best,
    })
}

fn candidate_json(candidate: &Candidate) -> Value {
    let latency = candidate.latency;
    json!({
        "index": candidate.index,
        "arch_id": candidate.arch_id,
        "accuracy": candidate.accuracy,
        "latency_ns": latency.map(|latency| latency.median_ns),
        "ci95": latency.map(|latency| [latency.lo_ns, latency.hi_ns]),
        "reward": candidate.reward,
        "status": candidate.status,
        "reason": candidate.reason,
        "repeats": candidate.repeats,
        "params": candidate.params,
        "macs": candidate.macs,
        "time": candidate.time,
        "segment": candidate.segment,
    })
}

fn segment_json(segment: &Segment) -> Value {
    let named = segment.conditions.iter();
    let conditions: Map<_, _> =
        named.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({ "index": segment.index, "started": segment.started, "conditions": conditions })
}

fn summary(config: &SearchConfig, outcome: &Outcome, report: &Path) -> anyhow::Result<()> {
    let engine = &outcome.engine;
    let budget = ms(outcome.budget_ns);
    match (&outcome.best, outcome.chosen) {
        (Some(best), _) => {
            print_line(&format!(
                "best: {} (candidate {}), {:.2} % on the test images, {} on {} with {} {}, budget {budget}",
                best.arch_id,
                best.index,
                100.0 * best.test_accuracy,
                ms(best.latency_ns),
                config.device.name,
                engine.name,
                engine.version,
            ))?;
            if best.verdict != "stable" {
                print_line(&format!(
                    "its final latency is {}; measure it again with `pearl bench`",
                    best.verdict
                ))?;
            }
            if best.within_budget && !best.missed.is_empty() {
                print_line(&missed(&best.missed, outcome.budget_ns))?;
            }
            print_line(&format!("model:  {}", config.out.join("best.onnx").display()))?;
        }
        (None, Some(index)) => {
            print_line(&format!("best: candidate {index}, not trained further"))?
        }
        // The error says so.
        (None, None) => {}
    }
    print_line(&format!("report: {}", report.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn without_an_option_a_search_samples_as_many_candidates_as_the_readme_and_make() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (file, words) in [("README.md", "--candidates "), ("Makefile", "CANDIDATES ?= ")] {
            let text = fs::read_to_string(checkout.join(file)).unwrap();
            assert!(text.contains(&format!("{words}{CANDIDATES}")), "{file}");
        }
    }
}
