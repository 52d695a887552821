//! `pearl history`: the kept measurements.

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use pearl_agent::protocol::messages::{LaunchReport, ModelFile, Reading};
use pearl_calibration::{Nanos, Samples, Summary};
use serde_json::{Value, json};

use crate::measure::past_sessions;
use crate::measure::{
    AbsentWeights, Fingerprint, Measurement, UsualFrom, model_file_with, result_json,
};
use crate::output::duration::{ms, ms_with_interval};
use crate::output::error_class::{Classified, Classify, ErrorClass};
use crate::output::terminal::{print_json, print_line};
use crate::store::Kept;

/// List and show kept measurements
#[derive(Subcommand)]
#[command(after_help = "Examples:\n  pearl history list\n  pearl history show 12")]
pub enum HistoryVerb {
    List(ListArgs),
    Show(ShowArgs),
}

/// List the latest measurements
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl history list\n  pearl history list -n 5 --model student.onnx"
)]
pub struct ListArgs {
    /// Number of measurements
    #[arg(short, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Only measurements of a model with this file's content, whatever its name was
    #[arg(long, value_name = "MODEL.onnx")]
    model: Option<std::path::PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Show one measurement, launch by launch
#[derive(Args)]
#[command(after_help = "Examples:\n  pearl history show 12\n  pearl history show 12 --json")]
pub struct ShowArgs {
    /// Number of the measurement in `pearl history list`
    #[arg(value_name = "#N")]
    number: String,
    /// Print one JSON document, raw samples included
    #[arg(long)]
    json: bool,
}

pub fn run(verb: HistoryVerb) -> anyhow::Result<()> {
    match verb {
        HistoryVerb::List(args) => list(&args),
        HistoryVerb::Show(args) => show(&args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    // A model that was measured with random weights is found without its own.
    let file = |path| model_file_with(path, u64::MAX, AbsentWeights::Random);
    let model = args.model.as_deref().map(file).transpose()?;
    let identity = model.as_ref().map(ModelFile::identity);
    let history = past_sessions::open()?;
    let kept =
        history.latest(args.n as usize, identity.as_deref()).map_err(past_sessions::classified)?;
    if args.json {
        let all: Vec<_> = kept.iter().map(kept_json).collect();
        return print_json(&json!({ "format": "pearl.history/1", "measurements": all }));
    }
    if kept.is_empty() {
        return match &model {
            Some(model)
                if !history.latest(1, None).map_err(past_sessions::classified)?.is_empty() =>
            {
                let path = &model.path;
                print_line(&format!("no measurement of {path} is kept; see `pearl history list`"))
            }
            _ => print_line("no measurements yet; see `pearl bench`"),
        };
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "",
        "at",
        "model",
        "device",
        "engine",
        "how",
        "as timed (95 %)",
        "compensated",
        "verdict",
    ]);
    for Kept { id, entry, engine, threads, precision, sustained, random_weights } in &kept {
        let threads = threads.filter(|threads| *threads > 1).map(|n| format!("{n} threads"));
        let sustained = sustained.then(|| "sustained".to_owned());
        let random = random_weights.then(|| "random weights".to_owned());
        let how = [precision.clone(), threads, sustained, random];
        let how: Vec<_> = how.into_iter().flatten().collect();
        let engine = engine.as_ref().map(|engine| format!("{} {}", engine.name, engine.version));
        table.add_row([
            format!("#{id}"),
            entry.at.clone(),
            entry.model.clone(),
            entry.device.clone(),
            engine.unwrap_or_default(),
            how.join(", "),
            format!("{} ({} – {})", ms(entry.median_ns), ms(entry.lo_ns), ms(entry.hi_ns)),
            entry.compensated_ns.map(ms).unwrap_or_default(),
            entry.verdict.clone(),
        ]);
    }
    print_aligned(table, &[6, 7])
}

fn print_aligned(mut table: Table, right: &[usize]) -> anyhow::Result<()> {
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    print_line(&table.to_string())
}

fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let id = past_sessions::number(&args.number).ok_or_else(|| {
        Classified::usage(format_args!(
            "'{}' is not the number of a measurement, such as 12",
            args.number
        ))
    })?;
    let (kept, measurement) = past_sessions::load(&past_sessions::open()?, id)?;
    if !args.json {
        return show_launches(&kept, &measurement);
    }
    let launches: Vec<_> = measurement
        .launches
        .iter()
        .zip(&measurement.contended)
        .map(|(launch, contended)| json!({ "contended": contended, "report": launch }))
        .collect();
    print_json(&json!({
        "format": "pearl.history/1",
        "id": id,
        "at": kept.entry.at,
        "result": result_json(&measurement),
        "launches": launches,
    }))
}

fn show_launches(kept: &Kept, measurement: &Measurement) -> anyhow::Result<()> {
    let entry = &kept.entry;
    let engine = &measurement.fingerprint.engine;
    print_line(&format!(
        "#{}  {}  {} on {} with {} {}",
        kept.id, entry.at, entry.model, entry.device, engine.name, engine.version
    ))?;
    print_line(&format!("as timed: {}", ms_with_interval(&measurement.latency)))?;
    let Fingerprint { threads, precision, cpus, .. } = &measurement.fingerprint;
    let pinned = if cpus.is_empty() { String::new() } else { format!(", processors {cpus:?}") };
    let sustained = if measurement.sustained.is_some() {
        "; sustained: the last third of the launches"
    } else {
        ""
    };
    let weights = match measurement.weights_text() {
        text if text.is_empty() => String::new(),
        text => format!("weights {text}, "),
    };
    print_line(&format!("{weights}arithmetic {precision}, threads: {threads}{pinned}{sustained}"))?;
    if let Some(found) = &measurement.compensated {
        let from = match measurement.usual_from {
            Some(UsualFrom::Device) => "the device's usual speed",
            _ => "the speed of this session's fastest moments",
        };
        print_line(&format!(
            "compensated to {from}: {}; the device slowed the model by {:.1} % in the median, {:.0} % of \
             the blocks ran undisturbed",
            ms_with_interval(&found.latency),
            100.0 * found.slowdown,
            100.0 * found.undisturbed
        ))?;
    }
    print_line(&format!("verdict: {}", entry.verdict))?;
    for warning in measurement.warnings() {
        print_line(&warning)?;
    }
    let mut table = Table::new();
    let header =
        ["launch", "samples", "min", "median", "max", "sentinel: core", "network", "memory", ""];
    table.load_style(presets::NOTHING).set_header(header);
    for (at, launch) in measurement.launches.iter().enumerate() {
        let samples = Samples::from_ns(&launch.samples_ns).or_class(ErrorClass::Input)?;
        let summary = Summary::of(&samples);
        table.add_row([
            (at + 1).to_string(),
            summary.n.to_string(),
            ms(summary.min.0),
            ms(samples.median().0),
            ms(summary.max.0),
            ms(middle(launch, |reading| reading.core_ns)),
            ms(middle(launch, |reading| reading.network_ns)),
            ms(middle(launch, |reading| reading.memory_ns)),
            if measurement.contended[at] { "contended".into() } else { String::new() },
        ]);
    }
    print_aligned(table, &[0, 1, 2, 3, 4, 5, 6, 7])
}

/// The median of one part over the launch's readings; zero if there are none.
fn middle(launch: &LaunchReport, of: fn(&Reading) -> u64) -> u64 {
    let readings: Vec<u64> = launch.readings.iter().map(of).collect();
    Samples::from_ns(&readings).map_or(0, |readings| readings.median().0)
}

fn kept_json(kept: &Kept) -> Value {
    let entry = &kept.entry;
    json!({
        "id": kept.id,
        "at": entry.at,
        "model": { "path": entry.model, "sha256": entry.sha256 },
        "device": { "name": entry.device, "fingerprint": entry.fingerprint },
        "engine": kept.engine,
        "threads": kept.threads,
        "arithmetic": kept.precision,
        "sustained": kept.sustained,
        "random_weights": kept.random_weights,
        "latency_ns": {
            "median": Nanos(entry.median_ns),
            "ci95": [entry.lo_ns, entry.hi_ns],
        },
        "compensated_ns": entry.compensated_ns,
        "verdict": entry.verdict,
    })
}
