//! The options that say what an imported module takes and answers.
//!
//! **Invariant:** every number is finite; a deviation and a scale are above 0.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use pearl_models::shape::ImageShape;

use super::network_args::parse_input;
use crate::train::teacher_options::{Answer, NumberType, PixelNormalisation, TeacherOptions};

#[derive(Args)]
#[command(next_help_heading = "What the module takes and answers")]
pub struct TeacherOptionArgs {
    /// Images that it takes, such as 3x224x224; those of the data are scaled to its size, and a single
    /// channel is repeated [default: as the data's]
    #[arg(long, value_name = "CxHxW", value_parser = parse_input)]
    input: Option<ImageShape>,
    /// Mean of its pixels, for all channels or for each, such as 0.485,0.456,0.406 [default: as Pearl
    /// normalises the data; 0 beside --std or --scale]
    #[arg(long, value_name = "MEAN", value_delimiter = ',', value_parser = finite, allow_hyphen_values = true)]
    mean: Vec<f32>,
    /// Standard deviation of its pixels, likewise [default: as Pearl normalises the data; 1 beside --mean
    /// or --scale]
    #[arg(long = "std", value_name = "STD", value_delimiter = ',', value_parser = above_zero)]
    deviation: Vec<f32>,
    /// Its largest pixel before --mean and --std, such as 255 [default: 1]
    #[arg(long, value_name = "MAX", value_parser = above_zero)]
    scale: Option<f32>,
    /// Type of the numbers that it takes
    #[arg(long = "type", value_enum, default_value_t = NumberType::F32)]
    number_type: NumberType,
    /// Where the logits are if it answers with a tuple, a list or a dict: 0, logits, 0.logits
    #[arg(long, value_name = "PLACE", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,
    /// It ends in a softmax: distil from the logarithm of its answers
    #[arg(long)]
    probabilities: bool,
}

impl TeacherOptionArgs {
    pub fn options(&self) -> TeacherOptions {
        let or = |values: &[f32], default| {
            if values.is_empty() { vec![default] } else { values.to_vec() }
        };
        let given = !self.mean.is_empty() || !self.deviation.is_empty() || self.scale.is_some();
        let normalisation = given.then(|| PixelNormalisation {
            mean: or(&self.mean, 0.0),
            deviation: or(&self.deviation, 1.0),
            scale: self.scale.unwrap_or(1.0),
        });
        TeacherOptions {
            input: self.input,
            normalisation,
            number_type: self.number_type,
            output: self.output.clone(),
            answer: if self.probabilities { Answer::Probabilities } else { Answer::Logits },
        }
    }
}

fn finite(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number: &f32| number.is_finite());
    number.ok_or_else(|| format!("'{text}' is not a number"))
}

fn above_zero(text: &str) -> Result<f32, String> {
    finite(text)
        .ok()
        .filter(|number| *number > 0.0)
        .ok_or_else(|| format!("'{text}' is not a number above 0"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Import {
        #[command(flatten)]
        options: TeacherOptionArgs,
    }

    fn options(line: &str) -> Option<TeacherOptions> {
        let words = std::iter::once("import").chain(line.split_whitespace());
        Import::try_parse_from(words).ok().map(|import| import.options.options())
    }

    #[test]
    fn options_say_how_a_module_is_fed() {
        assert_eq!(options(""), Some(TeacherOptions::default()));
        let given = options(
            "--input 3x224x224 --mean 0.485,0.456,-0.5 --std 0.229 --type f16 --output 0.logits \
             --probabilities",
        );
        let normalisation = PixelNormalisation {
            mean: vec![0.485, 0.456, -0.5],
            deviation: vec![0.229],
            scale: 1.0,
        };
        let expected = TeacherOptions {
            input: Some(ImageShape { channels: 3, height: 224, width: 224 }),
            normalisation: Some(normalisation),
            number_type: NumberType::F16,
            output: Some("0.logits".into()),
            answer: Answer::Probabilities,
        };
        assert_eq!(given, Some(expected));
        let scaled = options("--scale 255").and_then(|options| options.normalisation);
        let expected = PixelNormalisation { mean: vec![0.0], deviation: vec![1.0], scale: 255.0 };
        assert_eq!(scaled, Some(expected));
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        for wrong in [
            "--input 224x224",
            "--input 3x0x8",
            "--mean a",
            "--mean NaN",
            "--std 0",
            "--std 0.2,-1",
            "--scale inf",
            "--type int4",
        ] {
            assert_eq!(options(wrong), None, "{wrong}");
        }
    }
}
