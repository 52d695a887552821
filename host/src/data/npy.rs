//! Tensors in NumPy's `.npy` files: a magic word, a header that is a Python dictionary, and the numbers
//! (numpy.lib.format, versions 1 to 3).
//!
//! **Invariant:** no more is read than the header announces, and no more than a request can hold.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use pearl_agent::protocol::messages::TensorData;
use serde::Deserialize;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Most values of a file: more would not fit a request.
const MOST_VALUES: usize = 1 << 24;
const MOST_HEADER: usize = 1 << 16;

#[derive(Debug, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct NpyError {
    file: String,
    reason: String,
}

#[derive(Deserialize)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// Numbers of any common type, in row-major order.
///
/// # Errors
/// Where the file cannot be read, or holds no such numbers.
pub fn read(path: &Path) -> Result<TensorData, NpyError> {
    let tensor = File::open(path).map_err(|error| error.to_string()).and_then(|file| {
        let mut file = BufReader::new(file);
        let header = header(&mut file)?;
        tensor(&mut file, header)
    });
    tensor.map_err(|reason| NpyError { file: path.display().to_string(), reason })
}

fn header(file: &mut impl Read) -> Result<Header, String> {
    let not_npy = || "not a .npy file".to_owned();
    let mut start = [0; 8];
    file.read_exact(&mut start).map_err(|_| not_npy())?;
    if !start.starts_with(MAGIC) {
        return Err(not_npy());
    }
    // From version 2 on the length has four bytes.
    let mut length = [0; 4];
    let bytes = if start[6] == 1 { 2 } else { 4 };
    file.read_exact(&mut length[..bytes]).map_err(|_| not_npy())?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST_HEADER {
        return Err(not_npy());
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text).map_err(|_| not_npy())?;
    // A dictionary of strings, numbers and booleans is JSON but for these.
    let mut text = String::from_utf8(text).map_err(|_| not_npy())?;
    for (python, json) in [
        ("'", "\""),
        ("False", "false"),
        ("True", "true"),
        ("(", "["),
        (")", "]"),
        (" ", ""),
        (",]", "]"),
        (",}", "}"),
    ] {
        text = text.replace(python, json);
    }
    serde_json::from_str(&text)
        .map_err(|_| format!("its header is not understood: {}", text.trim()))
}

fn tensor(file: &mut impl Read, header: Header) -> Result<TensorData, String> {
    let Header { descr, fortran_order, shape: dims } = header;
    if fortran_order {
        return Err("its values are in Fortran's order; save a contiguous array".into());
    }
    let count = dims.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
    let count = count.filter(|count| *count <= MOST_VALUES);
    let count = count.ok_or_else(|| format!("{dims:?} are more than {MOST_VALUES} values"))?;
    macro_rules! values {
        ($number:ty, $to:expr) => {{
            let mut bytes = vec![0; count * size_of::<$number>()];
            file.read_exact(&mut bytes).map_err(|_| "it ends before its last value".to_owned())?;
            let numbers = bytes.chunks_exact(size_of::<$number>());
            let number =
                |bytes: &[u8]| <$number>::from_le_bytes(bytes.try_into().expect("whole numbers"));
            numbers.map(|bytes| $to(number(bytes))).collect()
        }};
    }
    let values = match descr.as_str() {
        "<f4" => values!(f32, |value: f32| value),
        "<f8" => values!(f64, |value| value as f32),
        "<i8" => values!(i64, |value| value as f32),
        "<i4" => values!(i32, |value| value as f32),
        "<i2" => values!(i16, f32::from),
        "|i1" => values!(i8, f32::from),
        "|u1" | "|b1" => values!(u8, f32::from),
        _ => {
            return Err(format!(
                "its values are of type {descr:?}, not plain little-endian numbers"
            ));
        }
    };
    Ok(TensorData { dims, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, descr: &str, more: &str, values: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', {more}, }}\n");
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length[..] };
        [MAGIC, &[version, 0], length, header.as_bytes(), values].concat()
    }

    fn parsed(bytes: &[u8]) -> Result<TensorData, String> {
        let mut bytes = bytes;
        let header = header(&mut bytes)?;
        tensor(&mut bytes, header)
    }

    const TWO: &str = "'fortran_order': False, 'shape': (2, 1)";

    #[test]
    fn numbers_of_common_types_are_read() {
        let floats: Vec<u8> =
            [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let whole: Vec<u8> = [7_i64, -2].iter().flat_map(|value| value.to_le_bytes()).collect();
        for (bytes, values) in [
            (file(1, "<f4", TWO, &floats), [1.5, -2.0]),
            (file(2, "<i8", TWO, &whole), [7.0, -2.0]),
            (file(1, "|b1", TWO, &[1, 0]), [1.0, 0.0]),
        ] {
            assert_eq!(
                parsed(&bytes),
                Ok(TensorData { dims: vec![2, 1], values: values.to_vec() })
            );
        }
        let one = file(1, "|u1", "'fortran_order': False, 'shape': (1,)", &[9]);
        assert_eq!(parsed(&one).unwrap().dims, [1]);
    }

    #[test]
    fn other_files_are_refused_with_their_reason() {
        for (bytes, told) in [
            (b"no numpy at all".to_vec(), "not a .npy file"),
            (file(1, "<f4", TWO, &[0; 7]), "ends before its last value"),
            (file(1, "<f4", "'fortran_order': True, 'shape': (2,)", &[0; 8]), "Fortran's order"),
            (file(1, "<c8", TWO, &[0; 16]), "of type \"<c8\""),
            (file(1, "<f4", "'fortran_order': False, 'shape': (99999999, 9)", &[]), "more than"),
            (file(1, "<f4", "'shape': 7", &[]), "not understood"),
        ] {
            let error = parsed(&bytes).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
