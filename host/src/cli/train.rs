//! `pearl train`: trains one student and exports it.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use fs_err as fs;
use pearl_models::network::Network;
use serde_json::json;

use super::network_args::{Named, NetworkArgs};
use super::recipe::{DistillationArgs, FormArgs, Learning, RecipeArgs};
use crate::data;
use crate::data::class_names::class_names;
use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass};
use crate::output::terminal::Terminal;
use crate::output::terminal::{Pulse, print_json, print_line};
use crate::search::seeds::Seeds;
use crate::store::home;
use crate::student::{self, Student};
use crate::teacher::Teachers;
use crate::train::weights_file::{WeightsFile, replace_file};
use crate::train::worker_client::{self, Worker};
use crate::train::worker_protocol::{
    DataReport, Loss, NetworkSource, TeachRequest, TrainReport, TrainRequest,
};

/// Train one student and export it
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl train students/0123456789abcdef.json --data fashion-mnist --teacher resnet \\\n      --training-by distillation --epochs 10 --images 55000 --out trained/"
)]
pub struct TrainArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Data set by name, or the folder of its IDX files
    #[arg(long)]
    data: String,
    /// Name of a teacher (see `pearl teacher list`); needed for distillation
    #[arg(long)]
    teacher: Option<String>,
    /// What the student learns from
    #[arg(long, value_enum)]
    training_by: Learning,
    /// Seed of the initial weights and of the order of images
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for model.onnx, model.safetensors and train.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    distillation: DistillationArgs,
}

pub fn run(args: TrainArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let teachers = Teachers::open()?;
    let teacher = args.teacher.as_deref().map(|name| teachers.get(name)).transpose()?;
    let taught_by = teacher.clone().filter(|_| args.training_by == Learning::Distillation);
    let data_source = data::resolve(&args.data).or_class(ErrorClass::Usage)?;
    let split = args.recipe.work.split();
    let loss = match (args.training_by, teacher) {
        (Learning::Hard, _) => Loss::Hard,
        (Learning::Distillation, None) => {
            return Err(Classified::usage("training by distillation needs --teacher").into());
        }
        (Learning::Distillation, Some(teacher)) => Loss::Distillation {
            teacher: teacher.source,
            cache: home::folder()?.join("logits"),
            alpha: args.distillation.alpha,
            temperature: args.distillation.temperature,
        },
    };
    let (named, network) = args.network.resolve()?;
    let mut worker = Worker::start(&args.recipe.work.torch_device)?;
    let data = worker.data(data_source.clone())?;
    check(&args.network.arch, &network, &data)?;
    let classes = class_names(&data_source, data.classes).or_class(ErrorClass::Input)?;
    let arch_id = match &named {
        Named::Architecture(architecture) => Some(architecture.id().to_string()),
        Named::Reference => None,
    };
    if let Loss::Distillation { teacher, cache, .. } = &loss {
        let (teacher, cache, data) = (teacher.clone(), cache.clone(), data_source.clone());
        let report = worker.teach(TeachRequest { teacher, data, split, cache })?;
        report.remarks.iter().for_each(|remark| terminal.note(remark));
    }
    fs::create_dir_all(&args.out).or_unwritable()?;
    let out = fs::canonicalize(&args.out).or_unwritable()?;
    let weights_path = out.join("model.safetensors");
    let request = TrainRequest {
        network: match named {
            Named::Architecture(architecture) => NetworkSource::Architecture(architecture),
            Named::Reference => {
                let name = args.network.arch.clone();
                let (input, classes) = (network.input, network.classes);
                NetworkSource::Reference { name, input, classes }
            }
        },
        data: data_source,
        split,
        recipe: args.recipe.recipe(),
        loss,
        seeds: Seeds::derive(args.seed).of_candidate(0),
        weights_out: Some(weights_path.clone()),
        test: true,
    };
    let report = trained(&mut worker, &request, &args.network.arch, terminal)?;
    let onnx_path = out.join("model.onnx");
    let weights = WeightsFile::read(&weights_path)?;
    let test = report.test.context("the worker did not evaluate the test images")?;
    let student = Student {
        run: out.file_name().and_then(|name| name.to_str()),
        started: None,
        arch_id: arch_id.as_deref(),
        classes: &classes,
        teacher: taught_by.as_ref(),
        test_accuracy: test.share(),
        holdout_accuracy: report.holdout.share(),
        measured: None,
    };
    let onnx = student.complete(student::trained(&network, &weights, args.form.form())?);
    replace_file(&onnx_path, &onnx).or_unwritable()?;
    let document = json!({
        "format": "pearl.train/1",
        "network": network.name,
        "onnx": onnx_path,
        "weights": weights_path,
        "accuracy": test.share(),
        "holdout_accuracy": report.holdout.share(),
        "epoch_loss": report.epoch_loss,
        "time": report.time,
        "request": request,
    });
    let text = serde_json::to_string_pretty(&document).context("the document of the training")?;
    replace_file(&out.join("train.json"), text.as_bytes()).or_unwritable()?;
    if args.json {
        return print_json(&document);
    }
    print_line(&format!(
        "{}: {:.2} % on the test images, {:.2} % held out",
        network.name,
        100.0 * test.share(),
        100.0 * report.holdout.share()
    ))?;
    print_line(&format!("model:  {}", args.out.join("model.onnx").display()))
}

/// Trains with progress on the terminal.
///
/// # Errors
/// If the worker fails, or if the loss of the network called `name` diverges.
pub fn trained(
    worker: &mut Worker,
    request: &TrainRequest,
    name: &str,
    terminal: &Terminal,
) -> anyhow::Result<TrainReport> {
    let bar = terminal.bar(1, "{bar:24} step {pos}/{len}, {eta} left  {msg}");
    let mut pulse = Pulse::new(terminal);
    let report = worker.train(request, |progress| {
        pulse.tell(|| format!("{name}: training, step {} of {}", progress.step, progress.steps));
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
        bar.set_message(progress.loss.map(|loss| format!("loss {loss:.3}")).unwrap_or_default());
    });
    bar.finish_and_clear();
    let report = report.map_err(|error| worker_client::classified(&error))?;
    match &report.diverged {
        Some(reason) => Err(Classified::input(format_args!(
            "{name}: training diverged: {reason}; try a lower --learning-rate"
        ))
        .into()),
        None => Ok(report),
    }
}

/// Refuses a network whose input or classes differ from those of the data.
pub fn check(name: &str, network: &Network, data: &DataReport) -> anyhow::Result<()> {
    if (network.input, network.classes) == (data.input, data.classes) {
        return Ok(());
    }
    let (ours, theirs) = (network.input, data.input);
    Err(Classified::input(format_args!(
        "{name}: made for {}x{}x{} and {} classes, and the data has {}x{}x{} and {}; for a \
         reference network see --input and --classes, for an architecture `pearl arch sample`",
        ours.channels,
        ours.height,
        ours.width,
        network.classes,
        theirs.channels,
        theirs.height,
        theirs.width,
        data.classes
    ))
    .into())
}
