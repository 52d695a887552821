//! IDX, the format of the MNIST family of data sets, plain or gzipped.
//!
//! A file is two zero bytes, the type of its numbers (8: unsigned bytes, the only one here), the
//! number of dimensions, each dimension as a big-endian `u32`, and the numbers in row-major order
//! (LeCun, Cortes, Burges: "The MNIST database"). Whether a file is gzipped is read from its first
//! bytes, so a wrong extension does no harm.
//!
//! **Invariant:** a reader never holds more bytes than the header claims plus one, nor more than
//! [`MAX_BYTES`]; a result has exactly as many numbers as its shape says.

use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use pearl_models::shape::ImageShape;

/// Largest content of one file, decoded.
pub const MAX_BYTES: u64 = 1 << 30;

const UNSIGNED_BYTE: u8 = 8;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Images of one file: `count` times `shape`, row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pub count: usize,
    pub shape: ImageShape,
    pub pixels: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct IdxError {
    pub path: PathBuf,
    pub problem: Problem,
}

#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("not a regular file")]
    NotAFile,
    #[error("not an IDX file: begins with {0:02x} {1:02x}, not with two zero bytes")]
    Magic(u8, u8),
    #[error("IDX type {0:#04x} is not supported, only unsigned bytes (0x08)")]
    Type(u8),
    #[error("{dimensions} dimensions where {expected} were expected: {hint}")]
    Dimensions { dimensions: u8, expected: &'static str, hint: &'static str },
    #[error("truncated: ends after {found} of {expected} bytes")]
    Truncated { found: u64, expected: u64 },
    #[error("bytes follow after the {expected} that its header announces")]
    Trailing { expected: u64 },
    #[error("announces {0} bytes, more than the limit of {MAX_BYTES}")]
    TooLarge(u128),
    #[error("holds nothing")]
    Empty,
    #[error("images of {0} pixels a side, more than {max}", max = ImageShape::MAX_SIDE)]
    Side(u32),
}

/// What a file is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Images,
    Labels,
}

/// Reads images `[n, h, w]` or `[n, c, h, w]`.
///
/// # Errors
/// If the file cannot be read or is anything but one complete IDX file of images.
pub fn read_images(path: &Path) -> Result<Images, IdxError> {
    read(path, Content::Images).and_then(|(dims, pixels)| {
        let sides = &dims[1..];
        if let Some(&side) = sides.iter().find(|side| **side as usize > ImageShape::MAX_SIDE) {
            return Err(error(path, Problem::Side(side)));
        }
        let side = |back: usize| sides.len().checked_sub(back).map_or(1, |i| sides[i] as usize);
        let shape = ImageShape { channels: side(3), height: side(2), width: side(1) };
        Ok(Images { count: dims[0] as usize, shape, pixels })
    })
}

/// Reads labels `[n]`.
///
/// # Errors
/// If the file cannot be read or is anything but one complete IDX file of labels.
pub fn read_labels(path: &Path) -> Result<Vec<u8>, IdxError> {
    read(path, Content::Labels).map(|(_, labels)| labels)
}

fn read(path: &Path, content: Content) -> Result<(Vec<u32>, Vec<u8>), IdxError> {
    let decoded = open(path).and_then(|mut reader| decode(&mut reader, content));
    decoded.map_err(|problem| error(path, problem))
}

fn error(path: &Path, problem: Problem) -> IdxError {
    IdxError { path: path.to_owned(), problem }
}

fn open(path: &Path) -> Result<Box<dyn Read>, Problem> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(Problem::NotAFile);
    }
    let mut file = std::fs::File::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(2).read_to_end(&mut start)?;
    file.rewind()?;
    let buffered = io::BufReader::with_capacity(1 << 16, file);
    Ok(if start == GZIP { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) })
}

fn decode(reader: &mut dyn Read, content: Content) -> Result<(Vec<u32>, Vec<u8>), Problem> {
    let mut magic = [0; 4];
    fill(reader, &mut magic, 0)?;
    let [first, second, kind, dimensions] = magic;
    if [first, second] != [0, 0] {
        return Err(Problem::Magic(first, second));
    }
    if kind != UNSIGNED_BYTE {
        return Err(Problem::Type(kind));
    }
    content.check(dimensions)?;
    let mut dims = Vec::with_capacity(dimensions.into());
    for _ in 0..dimensions {
        let mut dim = [0; 4];
        fill(reader, &mut dim, 4 + 4 * dims.len() as u64)?;
        dims.push(u32::from_be_bytes(dim));
    }
    let header = 4 + 4 * u64::from(dimensions);
    // Four factors below 2^32 fit in 128 bits.
    let size = dims.iter().map(|&dim| u128::from(dim)).product::<u128>();
    if size == 0 {
        return Err(Problem::Empty);
    }
    let size = u64::try_from(size).ok().filter(|size| *size <= MAX_BYTES);
    let size = size.ok_or_else(|| {
        Problem::TooLarge(dims.iter().map(|&dim| u128::from(dim)).product::<u128>())
    })?;
    let mut values = Vec::new();
    reader.take(size + 1).read_to_end(&mut values).map_err(|source| ended(source, header))?;
    let found = values.len() as u64;
    if found < size {
        return Err(Problem::Truncated { found: header + found, expected: header + size });
    }
    if found > size {
        return Err(Problem::Trailing { expected: header + size });
    }
    Ok((dims, values))
}

impl Content {
    fn check(self, dimensions: u8) -> Result<(), Problem> {
        let (expected, fits, swapped) = match self {
            Content::Images => ("3 or 4", matches!(dimensions, 3 | 4), dimensions == 1),
            Content::Labels => ("1", dimensions == 1, matches!(dimensions, 3 | 4)),
        };
        let hint = match (self, swapped) {
            (Content::Images, true) => "this is a file of labels, not of images",
            (Content::Labels, true) => "this is a file of images, not of labels",
            (Content::Images, false) => "images are [n, h, w] or [n, c, h, w]",
            (Content::Labels, false) => "labels are [n]",
        };
        if fits { Ok(()) } else { Err(Problem::Dimensions { dimensions, expected, hint }) }
    }
}

/// Fills `part` with the bytes of the header that begin at `offset`.
fn fill(reader: &mut dyn Read, part: &mut [u8], offset: u64) -> Result<(), Problem> {
    let expected = offset + part.len() as u64;
    let mut found = 0;
    while found < part.len() {
        match reader.read(&mut part[found..]) {
            Ok(0) => {
                return Err(Problem::Truncated { found: offset + found as u64, expected });
            }
            Ok(read) => found += read,
            Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ended(source, expected)),
        }
    }
    Ok(())
}

/// Explains the I/O error in which a truncated gzip stream ends.
fn ended(source: io::Error, expected: u64) -> Problem {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => Problem::Io(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the gzip stream is truncated (at least {expected} bytes were expected)"),
        )),
        _ => Problem::Io(source),
    }
}

#[cfg(test)]
mod tests;
