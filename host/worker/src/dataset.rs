//! A data set on the torch device, checked and normalised.
//!
//! Each channel is shifted and scaled to mean 0 and deviation 1 over all training images. These are put in
//! an order of their own, see [`crate::split_order`].
//!
//! **Invariant:** labels are `0..classes`, each class occurs in training, both parts have the same
//! shape; the hash stands for the decoded content alone, so that a gzipped copy is the same data.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use pearl_models::shape::ImageShape;
use sha2::{Digest, Sha256};
use tch::{Kind, TchError, Tensor};

use crate::split_order::split_order;
use crate::torch_device::TorchDevice;
use crate::torch_network::parameters::signed;
use pearl::data::idx::{IdxError, Images, read_images, read_labels};
use pearl::data::{DataError, DataFile};
use pearl::train::worker_protocol::{Accuracy, DataReport, DataSource, Split};
use pearl_agent::protocol::content_hash::hex;

pub struct Dataset {
    pub name: String,
    pub input: ImageShape,
    pub classes: usize,
    pub train: Part,
    pub test: Part,
    /// The labels of the training images, in their order.
    train_labels: Vec<u8>,
    /// SHA-256 over shapes, images and labels, in the order of the files.
    pub sha256: String,
    pub normalisation: Normalisation,
}

/// Images `[n, c, h, w]` f32 and their labels `[n]` i64.
pub struct Part {
    pub images: Tensor,
    pub labels: Tensor,
    pub count: usize,
}

/// Mean and deviation of every channel, for pixels from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalisation {
    pub mean: Vec<f64>,
    pub deviation: Vec<f64>,
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(transparent)]
    Files(#[from] DataError),
    #[error(transparent)]
    Idx(#[from] IdxError),
    #[error("{}: {labels} labels for the {images} images of {}", path.display(), of.display())]
    Count { path: PathBuf, labels: usize, of: PathBuf, images: usize },
    #[error("{}: images of {found}, the training images are of {expected}", path.display())]
    Shape { path: PathBuf, found: ImageShape, expected: ImageShape },
    #[error("{}: label {label} at position {at}, but the training labels are 0 to {last}", path.display())]
    Label { path: PathBuf, label: u8, at: usize, last: usize },
    #[error(
        "{}: label {label} occurs but {gap} does not: labels have to be 0 to the number of classes less 1",
        path.display()
    )]
    Gap { path: PathBuf, label: u8, gap: usize },
    #[error("{}: a single class; there is nothing to learn", path.display())]
    OneClass { path: PathBuf },
    #[error("data set {name}: {problem}")]
    Split { name: String, problem: String },
    #[error("{}: cannot be put on the torch device: {message}", path.display())]
    Torch { path: PathBuf, message: String },
}

/// What shows whether files were changed: their paths, lengths and times.
pub type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Dataset {
    /// The stamp of a data set's files as they are now.
    pub fn stamp(source: &DataSource) -> Result<Stamp, DatasetError> {
        let stamp = |file: DataFile| {
            let path = file.find(&source.folder)?;
            let meta = path.metadata().ok();
            let length = meta.as_ref().map_or(0, std::fs::Metadata::len);
            Ok((path, length, meta.and_then(|meta| meta.modified().ok())))
        };
        DataFile::ALL.into_iter().map(stamp).collect()
    }

    /// # Errors
    /// If a file is absent or bad, or the four files do not belong together.
    pub fn read(source: &DataSource, device: TorchDevice) -> Result<Dataset, DatasetError> {
        let path = |file: DataFile| file.find(&source.folder);
        let (train, labels) = (path(DataFile::TrainImages)?, path(DataFile::TrainLabels)?);
        let (train_images, train_labels) = pair(&train, &labels)?;
        let classes = classes(&labels, &train_labels)?;
        let (test, labels) = (path(DataFile::TestImages)?, path(DataFile::TestLabels)?);
        let (test_images, test_labels) = pair(&test, &labels)?;
        if test_images.shape != train_images.shape {
            let (found, expected) = (test_images.shape, train_images.shape);
            return Err(DatasetError::Shape { path: test, found, expected });
        }
        let stray = test_labels.iter().position(|&label| usize::from(label) >= classes);
        if let Some(at) = stray {
            let (label, last) = (test_labels[at], classes - 1);
            return Err(DatasetError::Label { path: labels, label, at, last });
        }
        let normalisation = Normalisation::of(&train_images);
        let mut hash = Sha256::new();
        for (images, labels) in [(&train_images, &train_labels), (&test_images, &test_labels)] {
            hash.update(format!("{}×{}", images.count, images.shape));
            hash.update(&images.pixels);
            hash.update(labels);
        }
        let (train_images, train_labels) = reordered(&train_images, &train_labels, classes);
        let part = |path: PathBuf, images: &Images, labels: &[u8]| {
            Part::new(images, labels, &normalisation, device).map_err(|error| DatasetError::Torch {
                path,
                message: crate::torch_error::reason(&error),
            })
        };
        Ok(Dataset {
            name: source.name.clone(),
            input: train_images.shape,
            classes,
            train: part(train, &train_images, &train_labels)?,
            test: part(test, &test_images, &test_labels)?,
            train_labels,
            sha256: hex(&hash.finalize()),
            normalisation,
        })
    }

    pub fn report(&self) -> DataReport {
        DataReport {
            input: self.input,
            classes: self.classes,
            train_images: self.train.count,
            test_images: self.test.count,
            sha256: self.sha256.clone(),
        }
    }

    /// # Errors
    /// If the split asks for more images than there are, or a part of it lacks a class.
    pub fn check(&self, split: Split) -> Result<(), DatasetError> {
        let Split { images, holdout } = split;
        let problem = if images < 2 {
            format!("training needs at least 2 images, not {images}")
        } else if images.saturating_add(holdout) > self.train.count {
            format!(
                "{images} images to train on and {holdout} held out are more than its {}",
                self.train.count
            )
        } else if let Some(class) = self.lacking(0..images) {
            format!("{images} images to train on hold none of class {class}; take more --images")
        } else if let Some(class) =
            self.lacking(self.train.count - holdout..self.train.count).filter(|_| holdout > 0)
        {
            format!("{holdout} held-out images hold none of class {class}; take a larger --holdout")
        } else {
            return Ok(());
        };
        Err(DatasetError::Split { name: self.name.clone(), problem })
    }

    /// The first class without an image in this part of the training images.
    fn lacking(&self, part: Range<usize>) -> Option<usize> {
        let labels = &self.train_labels[part];
        (0..self.classes).find(|class| labels.iter().all(|label| usize::from(*label) != *class))
    }

    /// The last `holdout` training images: the images that judge accuracy.
    pub fn holdout(&self, split: Split) -> Result<Part, TchError> {
        let first = self.train.count.saturating_sub(split.holdout);
        self.train.slice(first, split.holdout)
    }
}

impl Part {
    fn new(
        images: &Images,
        labels: &[u8],
        normalisation: &Normalisation,
        device: TorchDevice,
    ) -> Result<Part, TchError> {
        let ImageShape { channels, height, width } = images.shape;
        let dims = signed(&[images.count, channels, height, width]);
        let pixels = Tensor::f_from_data_size(&images.pixels, &dims, Kind::Uint8)?;
        let mut pixels = pixels.f_to_device(device.device())?.f_to_kind(Kind::Float)?;
        let constant = |values: Vec<f64>| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::f_from_slice(&values)?.f_reshape([1, -1, 1, 1])?.f_to_device(device.device())
        };
        let Normalisation { mean, deviation } = normalisation;
        let scale = constant(deviation.iter().map(|d| 1.0 / (255.0 * d)).collect())?;
        let shift = constant(mean.iter().zip(deviation).map(|(m, d)| -m / d).collect())?;
        let images = pixels.f_mul_(&scale)?.f_add_(&shift)?;
        let classes: Vec<i64> = labels.iter().map(|&label| label.into()).collect();
        let labels = Tensor::f_from_slice(&classes)?.f_to_device(device.device())?;
        Ok(Part { images, labels, count: classes.len() })
    }

    /// Some of its images, sharing their memory.
    pub fn slice(&self, first: usize, count: usize) -> Result<Part, TchError> {
        let slice = |tensor: &Tensor| tensor.f_narrow(0, first as i64, count as i64);
        Ok(Part { images: slice(&self.images)?, labels: slice(&self.labels)?, count })
    }

    pub fn none_of(&self) -> Accuracy {
        Accuracy { correct: 0, total: self.count as u64 }
    }
}

impl Normalisation {
    /// Computed from sums of integers, so it is the same on every machine.
    fn of(images: &Images) -> Normalisation {
        let channels = images.shape.channels;
        let plane = images.shape.height * images.shape.width;
        let mut sums = vec![(0u64, 0u64); channels];
        for (index, pixels) in images.pixels.chunks_exact(plane).enumerate() {
            let (sum, squares) = &mut sums[index % channels];
            *sum += pixels.iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
            *squares += pixels.iter().map(|&pixel| u64::from(pixel).pow(2)).sum::<u64>();
        }
        let n = (images.count * plane) as f64;
        let moments = sums.into_iter().map(|(sum, squares)| {
            let mean = sum as f64 / n / 255.0;
            let variance = squares as f64 / n / 255.0 / 255.0 - mean * mean;
            // A channel that never changes stays finite.
            (mean, if variance > 1e-12 { variance.sqrt() } else { 1.0 })
        });
        let (mean, deviation) = moments.unzip();
        Normalisation { mean, deviation }
    }
}

/// The images and labels in the order of [`split_order`].
fn reordered(images: &Images, labels: &[u8], classes: usize) -> (Images, Vec<u8>) {
    let order = split_order(labels, classes);
    let size = images.shape.elements();
    let pixels = order.iter().flat_map(|at| &images.pixels[at * size..(at + 1) * size]);
    let pixels = pixels.copied().collect();
    let labels = order.iter().map(|at| labels[*at]).collect();
    (Images { count: images.count, shape: images.shape, pixels }, labels)
}

fn pair(images: &Path, labels: &Path) -> Result<(Images, Vec<u8>), DatasetError> {
    let (read, classes) = (read_images(images)?, read_labels(labels)?);
    if read.count == classes.len() {
        return Ok((read, classes));
    }
    Err(DatasetError::Count {
        path: labels.to_owned(),
        labels: classes.len(),
        of: images.to_owned(),
        images: read.count,
    })
}

fn classes(path: &Path, labels: &[u8]) -> Result<usize, DatasetError> {
    let mut present = [false; 256];
    for &label in labels {
        present[usize::from(label)] = true;
    }
    let label = labels.iter().max().copied().unwrap_or(0);
    let path = || path.to_owned();
    match present.iter().position(|present| !present) {
        Some(gap) if gap < usize::from(label) => {
            Err(DatasetError::Gap { path: path(), label, gap })
        }
        _ if label == 0 => Err(DatasetError::OneClass { path: path() }),
        _ => Ok(usize::from(label) + 1),
    }
}

#[cfg(test)]
mod tests;
