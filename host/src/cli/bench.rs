//! `pearl bench`: the latency of models on devices.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use pearl_calibration::Verdict;
use serde_json::json;

use super::Terminal;
use super::terminal::{print_json, print_line};
use crate::agent::Agent;
use crate::device::Devices;
use crate::duration::ms;
use crate::exit::{Fault, Kind};
use crate::measure::{Measurement, Session, Settings, model_file, result_json};

/// Measure the latency of ONNX models on a device
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl bench student.onnx\n  pearl bench *.onnx --device local --json > latencies.json"
)]
pub struct BenchArgs {
    #[arg(value_name = "MODEL.onnx", required = true)]
    models: Vec<PathBuf>,
    /// Where to measure; repeat it for several
    #[arg(long, value_name = "DEV", default_value = "local")]
    device: Vec<String>,
    /// File of devices; else ./devices.toml, else the one in the user's configuration directory
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Seed of inputs and order
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Exit with 0 though a verdict says not to believe a number
    #[arg(long)]
    accept_unstable: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(args: BenchArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let settings = Settings::bench();
    let devices = Devices::find(args.devices.as_deref())?;
    let chosen: Vec<_> =
        args.device.iter().map(|name| devices.get(name)).collect::<anyhow::Result<_>>()?;
    let models: Vec<_> = args
        .models
        .iter()
        .map(|path| model_file(path, settings.limits.model_bytes))
        .collect::<anyhow::Result<_>>()?;

    let mut measured = Vec::new();
    let mut failures = Vec::new();
    for device in chosen {
        let mut agent = Agent::connect(device)?;
        let bar = terminal.spinner();
        let mut launches = vec![0; models.len()];
        let results = Session::new(&mut agent, &settings, args.seed).measure(
            models.clone(),
            |at, count| {
                launches[at] = count;
                let path = args.models[at].display();
                let total: usize = launches.iter().sum();
                bar.set_message(format!("{}: launch {total}, {path}", device.name));
            },
        )?;
        bar.finish_and_clear();
        for result in results {
            match result {
                Ok(measurement) => measured.push(measurement),
                Err(error) => failures.push(error),
            }
        }
    }

    if args.json {
        let errors: Vec<_> = failures.iter().map(|error| format!("{error:#}")).collect();
        let results: Vec<_> = measured.iter().map(result_json).collect();
        print_json(&json!({ "format": "pearl.bench/1", "results": results, "errors": errors }))?;
    } else {
        print_table(&measured)?;
        for measurement in &measured {
            for evidence in &measurement.judgement.evidence {
                terminal.note(format!(
                    "{}: {}: {evidence}",
                    measurement.model.path, measurement.judgement.verdict
                ));
            }
        }
    }
    verdict(failures, &measured, args.accept_unstable)
}

/// One failure is the error; of several the first, after the others were told.
fn verdict(
    failures: Vec<anyhow::Error>,
    measured: &[Measurement],
    accept_unstable: bool,
) -> anyhow::Result<()> {
    let count = failures.len();
    if let Some(first) = failures.into_iter().next() {
        let others = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
        let kind = crate::exit::kind(&first);
        return Err(Fault::new(kind, format_args!("{first:#}{others}")).into());
    }
    let doubted: Vec<_> = measured
        .iter()
        .filter(|measurement| measurement.judgement.verdict != Verdict::Stable)
        .map(|measurement| {
            format!("{} is {}", measurement.model.path, measurement.judgement.verdict)
        })
        .collect();
    if doubted.is_empty() || accept_unstable {
        return Ok(());
    }
    Err(Fault::new(
        Kind::Unstable,
        format_args!(
            "not to be believed: {}; repeat it on a quiet device, or accept it with \
             --accept-unstable",
            doubted.join(", ")
        ),
    )
    .into())
}

fn print_table(measured: &[Measurement]) -> anyhow::Result<()> {
    if measured.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "model",
        "device",
        "engine",
        "median",
        "95 % interval",
        "samples",
        "launches",
        "verdict",
    ]);
    for measurement in measured {
        let latency = measurement.latency;
        let engine = &measurement.fingerprint.engine;
        table.add_row([
            measurement.model.path.clone(),
            measurement.device.clone(),
            format!("{} {}", engine.name, engine.version),
            ms(latency.point.0),
            format!("{} – {}", ms(latency.lo.0), ms(latency.hi.0)),
            latency.n.to_string(),
            measurement.launches.len().to_string(),
            measurement.judgement.verdict.to_string(),
        ]);
    }
    for column in 3..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    print_line(&table.to_string())
}
