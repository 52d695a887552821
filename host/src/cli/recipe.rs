//! How students are trained: the options that several commands share.

use clap::Args;

use crate::output::error_class::Classified;
use crate::student::InputForm;
use crate::train::worker_protocol::{Recipe, Split};

/// How many images torch trains on, and on which device.
#[derive(Args)]
#[command(next_help_heading = "Training")]
pub struct WorkArgs {
    /// Number of training images, from the start of the training files
    #[arg(long, default_value_t = 6_000, value_parser = count::<2, MOST_IMAGES>)]
    pub images: usize,
    /// Number of images at the end of the training files held out to judge accuracy
    #[arg(long, default_value_t = 5_000, value_parser = count::<1, MOST_IMAGES>)]
    pub holdout: usize,
    /// Where torch computes: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    pub torch_device: String,
}

impl WorkArgs {
    pub fn split(&self) -> Split {
        Split { images: self.images, holdout: self.holdout }
    }

    /// Refuses a torch device of a name that there is not. Whether this machine has it, the worker says.
    pub fn check_torch_device(&self) -> anyhow::Result<()> {
        let name = self.torch_device.as_str();
        let index = name.strip_prefix("cuda:").map(str::parse::<usize>);
        if matches!(name, "auto" | "cpu" | "cuda") || index.is_some_and(|index| index.is_ok()) {
            return Ok(());
        }
        let message = format!("torch device '{name}': unknown; there are auto, cpu and cuda:N");
        Err(Classified::usage(message).into())
    }
}

/// Defaults are those of a search on 28×28 images.
#[derive(Args)]
#[command(next_help_heading = "Training")]
pub struct RecipeArgs {
    /// Passes over the training images
    #[arg(long, default_value_t = 3, value_parser = count::<1, MOST_EPOCHS>)]
    pub epochs: usize,
    #[command(flatten)]
    pub work: WorkArgs,
    /// Images per training step
    #[arg(long, default_value_t = 64, value_parser = count::<2, 65_536>)]
    pub batch: usize,
    /// Highest learning rate of the cycle
    #[arg(long, default_value_t = 0.05, value_parser = positive)]
    pub learning_rate: f64,
    /// Nesterov momentum of SGD
    #[arg(long, default_value_t = 0.9, value_parser = share)]
    pub momentum: f64,
    /// L2 penalty on the weights
    #[arg(long, default_value_t = 1e-4, value_parser = not_negative)]
    pub weight_decay: f64,
    /// Keep images as they are; by default half of them are flipped left to right
    #[arg(long)]
    pub no_flip: bool,
}

impl RecipeArgs {
    pub fn recipe(&self) -> Recipe {
        Recipe {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            flip: !self.no_flip,
        }
    }
}

/// How a teacher teaches.
#[derive(Args)]
#[command(next_help_heading = "Distillation")]
pub struct DistillationArgs {
    /// Weight of the teacher's part of the loss
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    pub alpha: f64,
    /// Temperature of the teacher's softmax
    #[arg(long, default_value_t = 2.0, value_parser = positive)]
    pub temperature: f64,
}

/// What the input of a student's ONNX file takes.
#[derive(Args)]
pub struct FormArgs {
    /// Let the ONNX file normalise its input, which is then pixels from 0 to 255
    #[arg(long)]
    raw_input: bool,
}

impl FormArgs {
    pub fn form(&self) -> InputForm {
        if self.raw_input { InputForm::Raw } else { InputForm::Normalised }
    }
}

/// What a student learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Learning {
    /// Labels alone
    Hard,
    /// Labels and the teacher's logits
    Distillation,
}

pub const MOST_EPOCHS: usize = 100_000;
pub const MOST_IMAGES: usize = 1 << 32;

/// Parses a whole number from `LEAST` to `MOST`.
pub fn count<const LEAST: usize, const MOST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.ok_or_else(|| format!("'{text}' is not a whole number from {LEAST} to {MOST}"))
}

fn number(text: &str, is_valid: impl Fn(f64) -> bool, expected: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && is_valid(number) => Ok(number),
        _ => Err(format!("'{text}' is not {expected}")),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, |number| number > 0.0, "a number above 0")
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |number| number >= 0.0, "a number of at least 0")
}

fn share(text: &str) -> Result<f64, String> {
    number(text, |number| (0.0..1.0).contains(&number), "a number from 0 to below 1")
}
