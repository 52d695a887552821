//! Reads one bounded line at a time.
//!
//! **Invariant:** never holds more than the limit, however long the line that the other side sends.

use std::io::{self, BufRead};

/// Why no line could be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than the limit.
    #[error("a line longer than {limit} bytes")]
    TooLong {
        /// Most bytes of a line, without the line feed.
        limit: usize,
    },
    /// The stream ended before the line feed.
    #[error("the stream ended in the middle of a line")]
    Truncated,
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The next line without its line feed, or `None` at the end of the stream.
pub fn read_line(reader: &mut impl BufRead, limit: usize) -> Result<Option<Vec<u8>>, LineError> {
    let mut line = Vec::new();
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if chunk.is_empty() {
            return if line.is_empty() { Ok(None) } else { Err(LineError::Truncated) };
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(chunk.len());
        if line.len() + taken > limit {
            return Err(LineError::TooLong { limit });
        }
        line.extend_from_slice(&chunk[..taken]);
        reader.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}
