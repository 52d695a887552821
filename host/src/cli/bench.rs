//! `pearl bench`: the latency of models on devices.

mod bench_progress;
mod columns;
mod operator_rendering;
mod rendering;
mod results;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::input_args::InputArgs;
use super::measuring::{MeasuringArgs, percent, sustained};
use crate::device::registry::Devices;
use crate::measure::past_sessions;
use crate::measure::{
    Ops, Order, Settings, Sharing, Step, What, measure_fleet, model_file_with, onnxruntime_library,
};
use crate::output::error_class::{Classified, all_of, both_of};
use crate::output::terminal::Terminal;
use crate::output::terminal::{print_document, print_json, print_line};

use bench_progress::Progress;
use operator_rendering::operators_csv;
use results::Results;

/// Measure the latency of ONNX models on devices
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl bench student.onnx\n  pearl bench *.onnx --device phone --device board --json > latencies.json\n  pearl bench student.onnx --device phone --sustained 10m\n  pearl bench detector.onnx --input images:1x3x640x640\n  pearl bench student.onnx --ops --format csv"
)]
pub struct BenchArgs {
    /// ONNX models
    #[arg(value_name = "MODEL.onnx", required = true)]
    models: Vec<PathBuf>,
    /// Device to measure on; several --device measure at the same time
    #[arg(long, value_name = "DEV", default_value = "local")]
    device: Vec<String>,
    /// Divide the models among the devices, which must have one common fingerprint
    #[arg(long)]
    share: bool,
    /// Largest number of launches of a model. At least 6 are made, and none after the interval is narrow
    /// enough. Contended launches do not count
    #[arg(long, value_name = "N", default_value_t = 40,
          value_parser = clap::value_parser!(u16).range(6..=1000))]
    launches: u16,
    /// Stop when each half of the interval is at most this share of the latency, from 0.01% to 50%
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = percent)]
    target: f64,
    /// Run each model for this time without a pause (1s to a day) and report the latency of the last
    /// third; --launches is ignored
    #[arg(long, value_name = "TIME", value_parser = sustained)]
    sustained: Option<Duration>,
    /// Also measure the time of each operator
    #[arg(long)]
    ops: bool,
    /// Also compare the outputs with those of onnxruntime on this machine, and fail where they differ: an
    /// engine that computes an operator otherwise measures another network. PEARL_ONNXRUNTIME names its
    /// library, else it is that of Python's package
    #[arg(long, conflicts_with = "random_weights")]
    verify: bool,
    /// Exit with 0 even if a verdict says not to believe a number
    #[arg(long)]
    accept_unstable: bool,
    /// Output format; with --ops, csv has a line for each operator
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Print one JSON document, as --format json does
    #[arg(long, conflicts_with = "format")]
    json: bool,
    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    measuring: MeasuringArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Markdown,
}

pub fn run(args: BenchArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let mut order = order(&args)?;
    let mut history = if args.measuring.no_history { None } else { Some(past_sessions::open()?) };
    if let Some(history) = &history {
        order.settings.usual = past_sessions::usual_speeds(history)?;
    }
    let mut results = Results::new(&order);
    let mut progress = Progress::new(terminal, &order);
    let left = measure_fleet(&order, |event| {
        progress.show(&event);
        if let What::Step(Step::Finished { result, .. }) = &event.what
            && let (Ok(measurement), Some(history)) = (result.as_ref(), &mut history)
        {
            match past_sessions::keep(history, measurement) {
                Ok(id) => results.number(measurement, id),
                Err(error) => results.unkept(error),
            }
            match past_sessions::reproducibility_of(history, measurement) {
                Ok(found) => {
                    found.into_iter().for_each(|found| results.expect(measurement, found));
                }
                Err(error) => results.unkept(error),
            }
        }
        results.take(event);
    });
    progress.close();
    results.leave(&left);
    let notes = |of: &Results<'_>| {
        of.notes(args.accept_unstable).iter().for_each(|note| terminal.note(note));
    };
    match if args.json { Format::Json } else { args.format } {
        Format::Json => print_json(&results.json())?,
        Format::Csv => {
            let csv = if args.ops { operators_csv } else { rendering::csv };
            print_document(csv(&results)?.trim_end())?;
            notes(&results);
        }
        Format::Markdown => print_line(rendering::markdown(&results).trim_end())?,
        Format::Table => {
            if let Some(table) = rendering::table(&results) {
                print_line(&table)?;
            }
            notes(&results);
        }
    }
    // First the numbers are printed, then all that failed.
    results.conclude(args.accept_unstable)
}

fn order(args: &BenchArgs) -> anyhow::Result<Order> {
    let mut settings = args.measuring.settings(Settings::bench());
    settings.stopping_rule.target = args.target;
    settings.stopping_rule.max_launches = args.launches.into();
    settings.sustained = args.sustained;
    settings.sizes = args.inputs.sizes();
    settings.values = args.inputs.values()?;
    let devices = Devices::find(args.measuring.devices.as_deref())?;
    let mut named = BTreeSet::new();
    let chosen = all_of(args.device.iter().map(|name| {
        if !named.insert(name) {
            return Err(Classified::usage(format_args!("device '{name}' is named twice")).into());
        }
        devices.get(name).cloned()
    }));
    let (most_bytes, absent) = (settings.limits.model_bytes, args.inputs.absent_weights());
    let models = args.models.iter().map(|path| model_file_with(path, most_bytes, absent));
    let (chosen, models) = both_of(chosen, all_of(models))?;
    Ok(Order {
        devices: chosen,
        models,
        settings,
        sharing: if args.share { Sharing::Among } else { Sharing::All },
        ops: if args.ops { Ops::With } else { Ops::Without },
        verify: args.verify.then(onnxruntime_library).transpose()?,
        seed: args.measuring.seed,
    })
}
