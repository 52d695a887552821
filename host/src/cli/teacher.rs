//! `pearl teacher`: the networks that teach.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use fs_err as fs;
use pearl_models::reference;
use serde_json::json;

use super::recipe::{RecipeArgs, WorkArgs};
use super::teacher_args::TeacherOptionArgs;
use super::train::{check, trained};
use crate::data;
use crate::measure::hashed_file;
use crate::output::error_class::{Classified, Classify, ClassifyWriting, ErrorClass, told};
use crate::output::terminal::Terminal;
use crate::output::terminal::{print_json, print_line};
use crate::search::seeds::Seeds;
use crate::store::home;
use crate::teacher::{Teacher, TeacherTraining, Teachers, check_name, imported_sha256};
use crate::train::worker_client::Worker;
use crate::train::worker_protocol::{
    Loss, NetworkSource, TeachRequest, TeacherSource, TrainRequest,
};

/// The largest accepted file of a teacher, in bytes.
const MOST_BYTES: u64 = 16 << 30;

/// Train a teacher, import one from PyTorch, or list them
#[derive(Subcommand)]
#[command(
    after_help = "Examples:\n  pearl teacher train --network resnet-8 --data fashion-mnist --name resnet\n  pearl teacher import resnet152.pt --data fashion-mnist\n  pearl teacher list"
)]
pub enum TeacherVerb {
    Train(TrainTeacherArgs),
    Import(ImportArgs),
    List(ListArgs),
}

/// Train a reference network as a teacher
#[derive(Args)]
#[command(
    after_help = "Example:\n  pearl teacher train --network resnet-8 --data fashion-mnist --name resnet \\\n      --images 55000 --epochs 4"
)]
pub struct TrainTeacherArgs {
    /// A reference network, such as resnet-8:2 or wide-resnet-10-2; see `pearl arch list`
    #[arg(long)]
    network: String,
    /// Data set by name, or the folder of its IDX files
    #[arg(long)]
    data: String,
    /// Name of the teacher [default: the network's name]
    #[arg(long)]
    name: Option<String>,
    /// Seed of the initial weights and of the order of images
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace the teacher of that name: runs that it taught can then not be resumed
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Import a TorchScript module: images in, logits out
///
/// A TorchScript file is a program, and runs as you: import only files that you trust. Without options it
/// gets images as the data has them, normalised, and answers with logits.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl teacher import resnet152.pt --data fashion-mnist --name resnet152\n  pearl teacher import vit.pt --data fashion-mnist --input 3x224x224 --mean 0.485,0.456,0.406 \\\n      --std 0.229,0.224,0.225 --output logits"
)]
pub struct ImportArgs {
    /// TorchScript file; it is copied
    #[arg(value_name = "FILE.pt")]
    file: PathBuf,
    /// Data set by name, or the folder of its IDX files; the teacher is checked against it
    #[arg(long)]
    data: String,
    /// Name of the teacher [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Replace the teacher of that name: runs that it taught can then not be resumed
    #[arg(long)]
    replace: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: TeacherOptionArgs,
    #[command(flatten)]
    work: WorkArgs,
}

/// List the available teachers
#[derive(Args)]
#[command(after_help = "Example:\n  pearl teacher list --json")]
pub struct ListArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(verb: TeacherVerb, terminal: &Terminal) -> anyhow::Result<()> {
    match verb {
        TeacherVerb::Train(args) => train(&args, terminal),
        TeacherVerb::Import(args) => import(&args, terminal),
        TeacherVerb::List(args) => list(&args),
    }
}

fn train(args: &TrainTeacherArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let teachers = Teachers::open()?;
    let name = args.name.clone().unwrap_or_else(|| args.network.replace([':', '@'], "-"));
    teachers.check_vacant(&name, args.replace, None)?;
    let data_source = data::resolve(&args.data).or_class(ErrorClass::Usage)?;
    let mut worker = Worker::start(&args.recipe.work.torch_device)?;
    let data = worker.data(data_source.clone())?;
    let network = reference::network(&args.network, Some(data.input), data.classes)
        .or_class(ErrorClass::Usage)?;
    check(&args.network, &network, &data)?;
    let weights = teachers.prepare(&name)?.join("weights.safetensors");
    let request = TrainRequest {
        network: NetworkSource::Reference {
            name: args.network.clone(),
            input: data.input,
            classes: data.classes,
        },
        data: data_source.clone(),
        split: args.recipe.work.split(),
        recipe: args.recipe.recipe(),
        loss: Loss::Hard,
        seeds: Seeds::derive(args.seed).of_candidate(0),
        weights_out: Some(weights.clone()),
        test: true,
    };
    let report = trained(&mut worker, &request, &args.network, terminal)?;
    let sha256 = hashed_file(&weights, MOST_BYTES)?.sha256;
    let source = TeacherSource::Native { network: args.network.clone(), weights };
    let mut teacher = Teacher::new(&name, &data_source.name, data.classes, source, sha256);
    teacher.training =
        Some(TeacherTraining { images: args.recipe.work.images, epochs: args.recipe.epochs });
    teacher.holdout_accuracy = Some(report.holdout.share());
    teacher.test_accuracy = report.test.map(|test| test.share());
    teachers.complete(&teacher)?;
    tell(&teacher, &[], args.json)
}

fn import(args: &ImportArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = args.name.clone().or(stem).unwrap_or_default();
    check_name(&name)?;
    let teachers = Teachers::open()?;
    let options = args.options.options();
    let sha256 = imported_sha256(&hashed_file(&args.file, MOST_BYTES)?.sha256, &options);
    teachers.check_vacant(&name, args.replace, Some(&sha256))?;
    let data_source = data::resolve(&args.data).or_class(ErrorClass::Usage)?;
    let mut worker = Worker::start(&args.work.torch_device)?;
    let data = worker.data(data_source.clone())?;
    options.check(data.input).map_err(Classified::usage)?;
    let source = |file| TeacherSource::TorchScript { file, options: Box::new(options.clone()) };
    terminal.note(format!(
        "{}: a TorchScript file is a program, and runs as you; import only files that you trust",
        args.file.display()
    ));
    terminal.note("the teacher runs on the data once; its logits are cached");
    let file = fs::canonicalize(&args.file).or_class(ErrorClass::Input)?;
    let report = worker.teach(TeachRequest {
        teacher: source(file.clone()),
        data: data_source.clone(),
        split: args.work.split(),
        cache: home::folder()?.join("logits"),
    })?;
    report.remarks.iter().for_each(|remark| terminal.note(remark));
    let kept = teachers.prepare(&name)?.join("teacher.pt");
    if kept != file {
        let partial = kept.with_extension("partial");
        fs::copy(&file, &partial).or_unwritable()?;
        fs::rename(&partial, &kept).or_unwritable()?;
    }
    let mut teacher = Teacher::new(&name, &data_source.name, data.classes, source(kept), sha256);
    teacher.holdout_accuracy = Some(report.accuracy.share());
    teachers.complete(&teacher)?;
    tell(&teacher, &report.remarks, args.json)
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let teachers = Teachers::open()?.list()?;
    if args.json {
        let teachers: Vec<_> = teachers
            .iter()
            .map(|(name, teacher)| match teacher {
                Ok(teacher) => json!(teacher),
                Err(error) => json!({ "name": name, "error": told(error) }),
            })
            .collect();
        return print_json(&json!({ "format": "pearl.teachers/1", "teachers": teachers }));
    }
    if teachers.is_empty() {
        return print_line("no teachers yet; see `pearl teacher train` and `pearl teacher import`");
    }
    for (name, teacher) in teachers {
        match teacher {
            Ok(teacher) => print_line(&line(&teacher))?,
            Err(error) => print_line(&format!("{name}  unusable: {}", told(&error)))?,
        }
    }
    Ok(())
}

fn tell(teacher: &Teacher, remarks: &[String], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let format = "pearl.teacher-made/1";
        print_json(&json!({ "format": format, "teacher": teacher, "remarks": remarks }))
    } else {
        print_line(&line(teacher))
    }
}

fn line(teacher: &Teacher) -> String {
    let kind = match &teacher.source {
        TeacherSource::Native { network, .. } => network.as_str(),
        TeacherSource::TorchScript { .. } => "TorchScript",
    };
    let percent = |share: Option<f64>| match share {
        Some(share) => format!("{:.2} %", 100.0 * share),
        None => "unknown".to_owned(),
    };
    let training = teacher.training.map_or(String::new(), |TeacherTraining { images, epochs }| {
        format!(", trained on {images} images, {epochs} epochs")
    });
    format!(
        "{}  {kind}, {} ({} classes), test {}, held out {}{training}",
        teacher.name,
        teacher.data,
        teacher.classes,
        percent(teacher.test_accuracy),
        percent(teacher.holdout_accuracy)
    )
}
