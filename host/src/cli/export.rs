//! `pearl export`: a network as an ONNX file.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::network_args::NetworkArgs;
use super::recipe::FormArgs;
use crate::output::error_class::{Classify, ClassifyWriting, ErrorClass};
use crate::output::terminal::Terminal;
use crate::student;
use crate::train::weights_file::{WeightsFile, replace_file};

/// Write a network as an ONNX file (opset 17, fixed shapes, batch norm folded)
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl export runs/first/best.json --weights runs/first/best.safetensors -o student.onnx\n  pearl export mobilenet-v2:1.0@224 -o mobilenet-v2.onnx"
)]
pub struct ExportArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Safetensors file of the weights; without it they are random, which is enough to measure latency
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Seed of random weights
    #[arg(long, default_value_t = 0, conflicts_with = "weights")]
    seed: u64,
    #[command(flatten)]
    form: FormArgs,
    /// File to write
    #[arg(short, value_name = "MODEL.onnx")]
    out: PathBuf,
}

pub fn run(args: ExportArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let (_, network) = args.network.resolve()?;
    let bytes = match &args.weights {
        Some(path) => {
            let weights = WeightsFile::read(path).or_class(ErrorClass::Input)?;
            student::trained(&network, &weights, args.form.form())
                .or_class(ErrorClass::Input)
                .with_context(|| path.display().to_string())?
        }
        None => {
            student::untrained(&network, args.seed, args.form.form()).context("random weights")?
        }
    };
    replace_file(&args.out, &bytes).or_unwritable().context(args.out.display().to_string())?;
    let weights = if args.weights.is_some() { "" } else { " with random weights" };
    terminal.note(format!("{}: {}{weights}", args.out.display(), network.name));
    Ok(())
}
