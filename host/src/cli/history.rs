//! `pearl history`: measurements that were kept.

use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use pearl_calibration::Nanos;
use serde_json::{Value, json};

use super::terminal::{print_json, print_line};
use crate::duration::ms;
use crate::exit::Fault;
use crate::history;
use crate::measure::{model_file, result_json};
use crate::store::Kept;

/// List and show measurements that were kept
#[derive(Subcommand)]
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
    /// How many
    #[arg(short, default_value_t = 20)]
    n: usize,
    /// Of this file's content alone, whatever its name was
    #[arg(long, value_name = "MODEL.onnx")]
    model: Option<std::path::PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Show one measurement with its raw samples, as JSON
#[derive(Args)]
#[command(after_help = "Example:\n  pearl history show 12")]
pub struct ShowArgs {
    /// Its number
    #[arg(value_name = "#N")]
    number: String,
}

pub fn run(verb: HistoryVerb) -> anyhow::Result<()> {
    match verb {
        HistoryVerb::List(args) => list(&args),
        HistoryVerb::Show(args) => show(&args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let model = args.model.as_deref().map(|path| model_file(path, u64::MAX)).transpose()?;
    let sha256 = model.as_ref().map(|model| model.sha256.as_str());
    let kept = history::open()?.latest(args.n, sha256).map_err(Fault::usage)?;
    if args.json {
        let all: Vec<_> = kept.iter().map(kept_json).collect();
        return print_json(&json!({ "format": "pearl.history/1", "measurements": all }));
    }
    if kept.is_empty() {
        return print_line("no measurements yet; see `pearl bench`");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "",
        "at",
        "model",
        "device",
        "median",
        "95 % interval",
        "verdict",
    ]);
    for Kept { id, entry } in &kept {
        table.add_row([
            format!("#{id}"),
            entry.at.clone(),
            entry.model.clone(),
            entry.device.clone(),
            ms(entry.median_ns),
            format!("{} – {}", ms(entry.lo_ns), ms(entry.hi_ns)),
            entry.verdict.clone(),
        ]);
    }
    for column in [4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    print_line(&table.to_string())
}

fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let id = history::number(&args.number).ok_or_else(|| {
        Fault::usage(format_args!("'{}' is no number of a measurement, such as 12", args.number))
    })?;
    let (kept, measurement) = history::load(&history::open()?, id)?;
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

fn kept_json(kept: &Kept) -> Value {
    let entry = &kept.entry;
    json!({
        "id": kept.id,
        "at": entry.at,
        "model": { "path": entry.model, "sha256": entry.sha256 },
        "device": { "name": entry.device, "fingerprint": entry.fingerprint },
        "latency_ns": {
            "median": Nanos(entry.median_ns),
            "ci95": [entry.lo_ns, entry.hi_ns],
        },
        "verdict": entry.verdict,
    })
}
