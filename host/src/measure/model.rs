//! A model file, named by its content.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use pearl_agent::agent::ModelFile;
use sha2::{Digest, Sha256};

use crate::exit::{Fault, Kind};

/// Hashes a model file, refusing what no launch would accept.
pub fn model_file(path: &Path, most_bytes: u64) -> anyhow::Result<ModelFile> {
    let name = path.to_str().ok_or_else(|| {
        Fault::input(format_args!(
            "{}: the path is not valid UTF-8; rename the file",
            path.display()
        ))
    })?;
    let unreadable = |error: io::Error| Fault::unreadable(Kind::Input, path, &error);
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Fault::input(format_args!("{name}: not a file")).into());
    }
    if metadata.len() > most_bytes {
        return Err(Fault::input(format_args!(
            "{name}: {} MiB is more than the {} MiB that a model may have",
            metadata.len() >> 20,
            most_bytes >> 20
        ))
        .into());
    }
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(ModelFile { path: name.to_owned(), sha256: hex(&hash.finalize()) })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes what it is given");
        text
    })
}
