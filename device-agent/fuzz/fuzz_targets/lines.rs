//! Compares the bounded reader of lines with a plain search for line ends.
//!
//! The first two bytes are the limit and the size of the reader's buffer.
#![no_main]

use std::io::BufReader;

use libfuzzer_sys::fuzz_target;
use pearl_agent::protocol::line::{LineError, read_line};

fuzz_target!(|bytes: &[u8]| {
    let [limit, buffer, rest @ ..] = bytes else {
        return;
    };
    let limit = usize::from(*limit);
    let mut reader = BufReader::with_capacity(usize::from(*buffer).max(1), rest);
    let mut expected = rest;
    loop {
        let end = expected.iter().position(|byte| *byte == b'\n');
        match read_line(&mut reader, limit) {
            Ok(Some(line)) => {
                let end = end.expect("a line has an end");
                assert_eq!(line, &expected[..end]);
                assert!(line.len() <= limit);
                expected = &expected[end + 1..];
            }
            Ok(None) => return assert!(expected.is_empty()),
            Err(LineError::Truncated) => {
                return assert!(end.is_none() && !expected.is_empty() && expected.len() <= limit);
            }
            Err(LineError::TooLong { .. }) => {
                return assert!(end.unwrap_or(expected.len()) > limit);
            }
            Err(LineError::Io(error)) => panic!("{error}"),
        }
    }
});
