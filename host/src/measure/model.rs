//! A model file, named by its content.

use std::fs;
use std::io;
use std::path::Path;

use pearl_agent::protocol::content_hash::sha256_of;
use pearl_agent::protocol::messages::ModelFile;

use crate::output::error_class::{Classified, ErrorClass};

/// Hashes a model file, refusing what no launch would accept.
pub fn model_file(path: &Path, most_bytes: u64) -> anyhow::Result<ModelFile> {
    let name = path.to_str().ok_or_else(|| {
        Classified::input(format_args!(
            "{}: the path is not valid UTF-8; rename the file",
            path.display()
        ))
    })?;
    let unreadable = |error: io::Error| Classified::unreadable(ErrorClass::Input, path, &error);
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Classified::input(format_args!("{name}: not a file")).into());
    }
    if metadata.len() > most_bytes {
        return Err(Classified::input(format_args!(
            "{name}: {} MiB is more than the {} MiB that a model may have",
            metadata.len() >> 20,
            most_bytes >> 20
        ))
        .into());
    }
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let sha256 = sha256_of(&mut file).map_err(unreadable)?;
    Ok(ModelFile { path: name.to_owned(), sha256 })
}
