//! Images as a TorchScript module takes them: scaled, repeated over its channels, normalised its way.
//!
//! **Invariant:** a module that takes what the data holds gets the very numbers of the data.

use pearl_models::shape::ImageShape;
use tch::{Kind, TchError, Tensor};

use crate::dataset::{Dataset, Normalisation};
use crate::torch_device::TorchDevice;
use crate::training::evaluate::BATCH;
use pearl::train::teacher_options::{NumberType, TeacherOptions};

/// Most numbers in a batch: a large network's values fit into memory, and progress is reported often
/// enough.
const MOST_NUMBERS: usize = 1 << 22;

pub struct Feed {
    input: ImageShape,
    /// The height and width to scale to.
    scaled: Option<[i64; 2]>,
    repeats: bool,
    /// The data's own normalisation, to be undone.
    undone: Option<Moments>,
    /// The module's own normalisation, for pixels from 0 to `scale`.
    applied: Option<(f64, Moments)>,
    number_type: NumberType,
}

/// Numbers `[1, channels, 1, 1]`, or `[1, 1, 1, 1]` for all channels.
struct Moments {
    mean: Tensor,
    deviation: Tensor,
}

impl Feed {
    /// For options that have passed their check.
    pub fn new(
        options: &TeacherOptions,
        data: &Dataset,
        device: TorchDevice,
    ) -> Result<Feed, TchError> {
        let place = |values: &[f32]| {
            Tensor::f_from_slice(values)?.f_reshape([1, -1, 1, 1])?.f_to_device(device.device())
        };
        let moments = |mean: &[f32], deviation: &[f32]| -> Result<Moments, TchError> {
            Ok(Moments { mean: place(mean)?, deviation: place(deviation)? })
        };
        let in_f32 = |values: &[f64]| -> Vec<f32> { values.iter().map(|v| *v as f32).collect() };
        let applied = options.normalisation.as_ref();
        let undone = if applied.is_some() || options.number_type == NumberType::U8 {
            let Normalisation { mean, deviation } = &data.normalisation;
            Some(moments(&in_f32(mean), &in_f32(deviation))?)
        } else {
            None
        };
        let applied = match applied {
            Some(own) => Some((f64::from(own.scale), moments(&own.mean, &own.deviation)?)),
            None => None,
        };
        let input = options.input_for(data.input);
        let differs = (input.height, input.width) != (data.input.height, data.input.width);
        Ok(Feed {
            input,
            scaled: differs.then_some([input.height as i64, input.width as i64]),
            repeats: input.channels != data.input.channels,
            undone,
            applied,
            number_type: options.number_type,
        })
    }

    /// Images `[n, channels, height, width]` as the module takes them, of images as the data has them.
    pub fn images(&self, images: &Tensor) -> Result<Tensor, TchError> {
        // Not the data itself: a module may change what it is given.
        let mut fed = images.f_detach_copy()?;
        if let Some(Moments { mean, deviation }) = &self.undone {
            fed = fed.f_mul(deviation)?.f_add(mean)?;
        }
        if let Some(size) = self.scaled {
            fed = fed.f_internal_upsample_bilinear2d_aa(size, false, None::<f64>, None::<f64>)?;
        }
        if self.repeats {
            fed = fed.f_expand([-1, self.input.channels as i64, -1, -1], false)?.f_contiguous()?;
        }
        if let Some((scale, Moments { mean, deviation })) = &self.applied {
            fed = fed.f_mul_scalar(*scale)?.f_sub(mean)?.f_div(deviation)?;
        }
        let kind = match self.number_type {
            NumberType::F32 => return Ok(fed),
            NumberType::F16 => Kind::Half,
            NumberType::Bf16 => Kind::BFloat16,
            NumberType::F64 => Kind::Double,
            NumberType::U8 => {
                fed = fed.f_mul_scalar(255.0)?.f_round()?.f_clamp(0.0, 255.0)?;
                Kind::Uint8
            }
        };
        fed.f_to_kind(kind)
    }

    /// The shape of a batch of two, as Python writes it.
    pub fn example(&self) -> String {
        let ImageShape { channels, height, width } = self.input;
        format!("2, {channels}, {height}, {width}")
    }

    /// How many images a batch holds.
    pub fn batch(&self) -> usize {
        (MOST_NUMBERS / self.input.elements()).clamp(1, BATCH)
    }

    /// By how much of their largest number two answers to the same images may differ.
    pub fn tolerance(&self, device: TorchDevice) -> f64 {
        match self.number_type {
            NumberType::F16 | NumberType::Bf16 => 0.05,
            // A CUDA device rounds the factors of a convolution to ten bits.
            _ if device.is_cuda() => 0.01,
            _ => 0.001,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{INPUT, Toy};
    use pearl::train::teacher_options::PixelNormalisation;

    fn fed(options: TeacherOptions) -> (Tensor, Tensor) {
        let data = Toy::new(6, 3).read();
        options.check(INPUT).unwrap();
        let feed = Feed::new(&options, &data, TorchDevice::CPU).unwrap();
        let Normalisation { mean, deviation } = &data.normalisation;
        let pixels = &data.train.images * deviation[0] + mean[0];
        (feed.images(&data.train.images).unwrap(), pixels)
    }

    fn largest(values: &Tensor) -> f64 {
        values.abs().max().double_value(&[])
    }

    #[test]
    fn without_options_a_module_gets_the_datas_own_numbers() {
        let (images, pixels) = fed(TeacherOptions::default());
        let data = Toy::new(6, 3).read();
        assert_eq!(images, data.train.images);
        assert!(largest(&(images - pixels)) > 0.1, "else the next test tells nothing");
    }

    #[test]
    fn pixels_are_normalised_as_the_module_wants_them() {
        let normalisation =
            PixelNormalisation { mean: vec![0.5], deviation: vec![0.25], scale: 1.0 };
        let options =
            TeacherOptions { normalisation: Some(normalisation.clone()), ..Default::default() };
        let (images, pixels) = fed(options);
        assert!(largest(&(images - (&pixels - 0.5) / 0.25)) < 1e-5);
        let bytes = PixelNormalisation { scale: 255.0, mean: vec![10.0], ..normalisation };
        let options = TeacherOptions { normalisation: Some(bytes), ..Default::default() };
        let (images, pixels) = fed(options);
        assert!(largest(&(images - (pixels * 255.0 - 10.0) / 0.25)) < 1e-2);
    }

    #[test]
    fn one_channel_is_repeated_and_each_gets_its_own_normalisation() {
        let normalisation = PixelNormalisation {
            mean: vec![0.0, 0.5, 0.25],
            deviation: vec![1.0, 2.0, 1.0],
            scale: 1.0,
        };
        let (images, pixels) = fed(TeacherOptions {
            input: Some(ImageShape { channels: 3, ..INPUT }),
            normalisation: Some(normalisation),
            ..Default::default()
        });
        assert_eq!(images.size(), [6, 3, 8, 8]);
        assert!(images.is_contiguous());
        for (channel, mean, deviation) in [(0, 0.0, 1.0), (1, 0.5, 2.0), (2, 0.25, 1.0)] {
            let expected = (&pixels - mean) / deviation;
            assert!(largest(&(images.narrow(1, channel, 1) - expected)) < 1e-5);
        }
    }

    #[test]
    fn images_are_scaled_to_the_size_that_the_module_takes() {
        for (height, width) in [(16, 24), (4, 4)] {
            let input = Some(ImageShape { channels: 1, height, width });
            let (images, _) = fed(TeacherOptions { input, ..Default::default() });
            assert_eq!(images.size(), [6, 1, height as i64, width as i64]);
            // The data's numbers have mean 0 over all channels, and scaling keeps a mean.
            assert!(images.mean(Kind::Float).double_value(&[]).abs() < 0.1);
        }
    }

    #[test]
    fn numbers_have_the_type_that_the_module_takes() {
        for (number_type, kind) in [
            (NumberType::F16, Kind::Half),
            (NumberType::Bf16, Kind::BFloat16),
            (NumberType::F64, Kind::Double),
        ] {
            let (images, _) = fed(TeacherOptions { number_type, ..Default::default() });
            assert_eq!(images.kind(), kind);
        }
        let options = TeacherOptions { number_type: NumberType::U8, ..Default::default() };
        let (images, pixels) = fed(options);
        assert_eq!(images.kind(), Kind::Uint8);
        assert!(largest(&(images.to_kind(Kind::Float) - pixels * 255.0)) < 1e-3);
    }

    #[test]
    fn large_images_come_in_smaller_batches() {
        let data = Toy::new(6, 3).read();
        let batch = |side| {
            let input = Some(ImageShape { channels: 3, height: side, width: side });
            let options = TeacherOptions { input, ..Default::default() };
            Feed::new(&options, &data, TorchDevice::CPU).unwrap().batch()
        };
        assert_eq!(batch(28), BATCH);
        assert!((2..BATCH).contains(&batch(224)));
        assert_eq!(batch(4096), 1);
    }
}
