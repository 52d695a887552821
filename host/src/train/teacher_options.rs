//! How an imported teacher is fed, and how its answer is read.
//!
//! **Invariant:** options that are all defaults add nothing to a teacher's identity, every other value
//! does: logits of one use of a module are never taken for those of another.

use clap::ValueEnum;
use pearl_models::shape::ImageShape;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeacherOptions {
    /// The images that the module takes, if they are not as those of the data.
    #[serde(skip_serializing_if = "is_default")]
    pub input: Option<ImageShape>,
    /// How the module's pixels are normalised, if not as those of the data.
    #[serde(skip_serializing_if = "is_default")]
    pub normalisation: Option<PixelNormalisation>,
    #[serde(skip_serializing_if = "is_default")]
    pub number_type: NumberType,
    /// Where the logits are in an answer of several parts, such as `0`, `logits` or `0.logits`.
    #[serde(skip_serializing_if = "is_default")]
    pub output: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub answer: Answer,
}

/// A pixel from 0 to 1 becomes `(pixel · scale − mean) / deviation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PixelNormalisation {
    /// One number for each channel, or one for all.
    pub mean: Vec<f32>,
    /// One number for each channel, or one for all.
    pub deviation: Vec<f32>,
    pub scale: f32,
}

/// The type of the numbers that a module takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum NumberType {
    #[default]
    F32,
    F16,
    Bf16,
    F64,
    /// Whole pixels from 0 to 255
    U8,
}

/// What a module's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    #[default]
    Logits,
    /// Rows that sum to one. Their logarithms are logits.
    Probabilities,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TeacherOptions {
    pub fn are_default(&self) -> bool {
        is_default(self)
    }

    /// What the options add to a teacher's identity; nothing if all are defaults.
    pub fn identity(&self) -> Option<String> {
        let text = || serde_json::to_string(self).expect("the options are plain data");
        (!self.are_default()).then(text)
    }

    /// The images that the module takes, for data of this shape.
    pub fn input_for(&self, data: ImageShape) -> ImageShape {
        self.input.unwrap_or(data)
    }

    /// # Errors
    /// If the options contradict each other or cannot be met by images of this shape; says why.
    pub fn check(&self, data: ImageShape) -> Result<(), String> {
        let input = self.input_for(data);
        if !input.is_valid() {
            return Err(format!("--input: no image is of {input}"));
        }
        if input.channels != data.channels && data.channels != 1 {
            return Err(format!(
                "--input: the data has {} channels, and the module takes {}; only a single channel is \
                 repeated",
                data.channels, input.channels
            ));
        }
        let Some(PixelNormalisation { mean, deviation, scale }) = &self.normalisation else {
            return Ok(());
        };
        if self.number_type == NumberType::U8 {
            return Err("--type u8: whole pixels from 0 to 255 are not normalised; leave --mean, \
                        --std and --scale out"
                .to_owned());
        }
        for (option, values) in [("--mean", mean), ("--std", deviation)] {
            if ![1, input.channels].contains(&values.len()) {
                return Err(format!(
                    "{option}: {} numbers for {} channels; give one, or one for each channel",
                    values.len(),
                    input.channels
                ));
            }
        }
        let positive = |value: &f32| value.is_finite() && *value > 0.0;
        if !(mean.iter().all(|value| value.is_finite())
            && deviation.iter().all(positive)
            && positive(scale))
        {
            return Err("--mean has to be finite, --std and --scale above 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
    const COLOUR: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

    fn normalised(mean: &[f32], deviation: &[f32], scale: f32) -> TeacherOptions {
        let normalisation =
            PixelNormalisation { mean: mean.to_vec(), deviation: deviation.to_vec(), scale };
        TeacherOptions { normalisation: Some(normalisation), ..TeacherOptions::default() }
    }

    /// One of each option.
    fn each() -> Vec<TeacherOptions> {
        let default = TeacherOptions::default;
        vec![
            TeacherOptions { input: Some(COLOUR), ..default() },
            normalised(&[0.485], &[0.229], 1.0),
            normalised(&[0.485], &[0.229], 255.0),
            normalised(&[0.485], &[0.225], 1.0),
            TeacherOptions { number_type: NumberType::F16, ..default() },
            TeacherOptions { output: Some("0".into()), ..default() },
            TeacherOptions { output: Some("logits".into()), ..default() },
            TeacherOptions { answer: Answer::Probabilities, ..default() },
        ]
    }

    #[test]
    fn every_option_is_part_of_the_identity_and_the_defaults_are_none() {
        assert_eq!(TeacherOptions::default().identity(), None);
        let mut identities: Vec<_> = each().iter().map(TeacherOptions::identity).collect();
        assert!(identities.iter().all(Option::is_some));
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), each().len());
    }

    #[test]
    fn the_identity_outlives_a_file() {
        for options in each() {
            let text = serde_json::to_string_pretty(&options).unwrap();
            let again: TeacherOptions = serde_json::from_str(&text).unwrap();
            assert_eq!((again.identity(), &again), (options.identity(), &options));
        }
        assert_eq!(serde_json::to_string(&TeacherOptions::default()).unwrap(), "{}");
    }

    #[test]
    fn options_that_no_image_of_the_data_can_meet_are_refused_by_name() {
        let input = |channels| TeacherOptions {
            input: Some(ImageShape { channels, ..COLOUR }),
            ..TeacherOptions::default()
        };
        let bytes =
            TeacherOptions { number_type: NumberType::U8, ..normalised(&[0.5], &[0.5], 1.0) };
        for (options, data, expected) in [
            (input(1), COLOUR, "the data has 3 channels, and the module takes 1"),
            (input(0), GREY, "no image is of"),
            (normalised(&[0.1, 0.2], &[1.0], 1.0), COLOUR, "--mean: 2 numbers for 3 channels"),
            (normalised(&[0.1], &[1.0; 3], 1.0), GREY, "--std: 3 numbers for 1 channels"),
            (normalised(&[0.1], &[0.0], 1.0), GREY, "--std and --scale above 0"),
            (normalised(&[f32::NAN], &[1.0], 1.0), GREY, "--mean has to be finite"),
            (normalised(&[0.1], &[1.0], -1.0), GREY, "--std and --scale above 0"),
            (bytes, GREY, "--type u8"),
        ] {
            let problem = options.check(data).unwrap_err();
            assert!(problem.contains(expected), "{problem:?} lacks {expected:?}");
        }
        for (options, data) in [
            (TeacherOptions::default(), GREY),
            (input(3), GREY),
            (input(3), COLOUR),
            (normalised(&[0.1, 0.2, 0.3], &[1.0], 255.0), COLOUR),
        ] {
            assert_eq!(options.check(data), Ok(()));
        }
    }
}
