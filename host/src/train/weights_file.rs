//! Weights in safetensors files.
//!
//! A file of ours holds exactly the tensors of its network, as f32 in torch's layout, and one entry
//! of metadata: [`NOTE`], a JSON document of the program that wrote it.
//!
//! **Invariant:** a file appears whole or not at all; the same tensors and note give the same bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pearl_models::network::Network;
use pearl_models::tensors::TensorSpec;
use pearl_models::weights::{Weights, WeightsError as LookupError};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

/// Key of the metadata.
pub const NOTE: &str = "pearl";
/// Larger files are refused unread.
pub const MAX_BYTES: u64 = 4 << 30;

/// The tensors of a file, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsFile {
    pub path: PathBuf,
    pub tensors: BTreeMap<String, Stored>,
    pub note: Option<String>,
}

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    pub dims: Vec<usize>,
    pub values: Vec<f32>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct WeightsError {
    pub path: PathBuf,
    pub problem: WeightsProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum WeightsProblem {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("cannot be written: {0}")]
    Write(io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("{0} bytes, more than the limit of {MAX_BYTES}")]
    TooLarge(u64),
    #[error("not a safetensors file, or a truncated one: {0}")]
    Format(#[from] SafeTensorError),
    #[error("tensor '{name}' is of {found:?}, not of F32")]
    Type { name: String, found: Dtype },
    #[error("tensor '{name}' of network '{network}' is missing")]
    Missing { name: String, network: String },
    #[error("tensor '{name}' is {found:?}, network '{network}' needs {expected:?}")]
    Shape { name: String, network: String, found: Vec<usize>, expected: Vec<usize> },
    #[error("tensor '{name}' belongs to no layer of network '{network}'")]
    Foreign { name: String, network: String },
    #[error("tensor '{name}' has a value that is not finite")]
    NotFinite { name: String },
}

impl WeightsFile {
    /// # Errors
    /// If the file cannot be read, is too large, or is not a complete safetensors file of f32.
    pub fn read(path: &Path) -> Result<WeightsFile, WeightsError> {
        let read = || {
            let bytes = read_bounded(path)?;
            let (_, header) = SafeTensors::read_metadata(&bytes)?;
            let note = header.metadata().as_ref().and_then(|entries| entries.get(NOTE).cloned());
            let tensors = SafeTensors::deserialize(&bytes)?;
            let tensors =
                tensors.iter().map(|(name, view)| Ok((name.to_owned(), stored(name, &view)?)));
            let tensors = tensors.collect::<Result<_, WeightsProblem>>()?;
            Ok(WeightsFile { path: path.to_owned(), tensors, note })
        };
        read().map_err(|problem| WeightsError { path: path.to_owned(), problem })
    }

    /// Values of all of the network's tensors, in its order.
    ///
    /// # Errors
    /// If a tensor is missing, of another shape, not finite, or of no layer.
    pub fn of_network(&self, network: &Network) -> Result<Vec<Vec<f32>>, WeightsError> {
        let specs = network.tensors();
        let name = || network.name.clone();
        let checked = || {
            if let Some(foreign) = self.tensors.keys().find(|n| specs.iter().all(|s| s.name != **n))
            {
                let (name, network) = (foreign.clone(), name());
                return Err(WeightsProblem::Foreign { name, network });
            }
            specs.iter().map(|spec| self.tensor(spec, name)).collect()
        };
        checked().map_err(|problem| WeightsError { path: self.path.clone(), problem })
    }

    fn tensor(
        &self,
        spec: &TensorSpec,
        network: impl Fn() -> String,
    ) -> Result<Vec<f32>, WeightsProblem> {
        let TensorSpec { name, dims: expected, .. } = spec;
        let Some(Stored { dims: found, values }) = self.tensors.get(name) else {
            return Err(WeightsProblem::Missing { name: name.clone(), network: network() });
        };
        if found != expected {
            return Err(WeightsProblem::Shape {
                name: name.clone(),
                network: network(),
                found: found.clone(),
                expected: expected.clone(),
            });
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err(WeightsProblem::NotFinite { name: name.clone() });
        }
        Ok(values.clone())
    }
}

impl Weights for WeightsFile {
    fn tensor(&self, spec: &TensorSpec) -> Result<Cow<'_, [f32]>, LookupError> {
        let name = || spec.name.clone();
        let Some(Stored { dims, values }) = self.tensors.get(&spec.name) else {
            return Err(LookupError::Missing { name: name() });
        };
        if *dims != spec.dims {
            let (expected, found) = (spec.dims.clone(), dims.clone());
            return Err(LookupError::Shape { name: name(), expected, found });
        }
        Ok(Cow::Borrowed(values))
    }
}

/// Writes tensors of f32 and a note.
///
/// # Errors
/// If the file cannot be written; whatever was at `path` is then untouched.
pub fn write<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    note: String,
) -> Result<(), WeightsError> {
    let write = || {
        let bytes: Vec<(&str, &[usize], Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, dims, values)| {
                (name, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, dims, bytes)| {
                Ok((*name, TensorView::new(Dtype::F32, dims.to_vec(), bytes)?))
            })
            .collect::<Result<Vec<_>, SafeTensorError>>()?;
        // A single entry: several would be written in an order that changes from run to run.
        let file = safetensors::serialize(views, Some(HashMap::from([(NOTE.into(), note)])))?;
        replace_file(path, &file).map_err(WeightsProblem::Write)
    };
    write().map_err(|problem| WeightsError { path: path.to_owned(), problem })
}

/// Writes a file under a temporary name in the same folder and renames it once it is on the disk.
///
/// # Errors
/// If that cannot be done, or if the path is something other than a file. If it is a link, the link's
/// target is replaced.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if path.exists() && !path.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "something other than a file has this name",
        ));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    // With the permissions that the umask gives, as any other file.
    let mode = Permissions::from_mode(0o666);
    let mut file =
        tempfile::Builder::new().prefix(".writing-").permissions(mode).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, WeightsProblem> {
    let meta = fs::metadata(path).map_err(WeightsProblem::Read)?;
    if !meta.is_file() {
        return Err(WeightsProblem::NotAFile);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(WeightsProblem::Read)?;
    if meta.len() <= MAX_BYTES {
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(WeightsProblem::Read)?;
    }
    let length = meta.len().max(bytes.len() as u64);
    if length > MAX_BYTES { Err(WeightsProblem::TooLarge(length)) } else { Ok(bytes) }
}

fn stored(name: &str, view: &TensorView<'_>) -> Result<Stored, WeightsProblem> {
    if view.dtype() != Dtype::F32 {
        return Err(WeightsProblem::Type { name: name.to_owned(), found: view.dtype() });
    }
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    Ok(Stored { dims: view.shape().to_vec(), values: values.collect() })
}

#[cfg(test)]
mod tests;
