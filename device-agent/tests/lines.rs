//! The bounded reader of lines, fed in pieces of any size.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::io::{self, BufReader, Read};

use pearl_agent::protocol::line::{LineError, read_line};
use proptest::prelude::*;

/// Counts the bytes that are read from it, and hands out at most `piece` bytes at once.
struct Counted<'a> {
    bytes: &'a [u8],
    piece: usize,
    taken: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.piece.min(buffer.len()).min(self.bytes.len());
        buffer[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        self.taken += n;
        Ok(n)
    }
}

proptest! {
    #[test]
    fn lines_come_back_as_they_were_sent(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>().prop_filter("ends a line", |b| *b != b'\n'), 0..40), 0..10),
        piece in 1..50usize,
        buffer in 1..50usize,
    ) {
        let sent: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        let source = Counted { bytes: &sent, piece, taken: 0 };
        let mut reader = BufReader::with_capacity(buffer, source);
        for line in &lines {
            let read = read_line(&mut reader, 40).unwrap();
            prop_assert_eq!(read.as_ref(), Some(line));
        }
        prop_assert!(read_line(&mut reader, 40).unwrap().is_none());
    }

    #[test]
    fn no_more_is_read_than_the_limit_and_a_buffer(
        bytes: Vec<u8>, limit in 0..60usize, piece in 1..50usize, buffer in 1..50usize,
    ) {
        let source = Counted { bytes: &bytes, piece, taken: 0 };
        let mut reader = BufReader::with_capacity(buffer, source);
        let first = bytes.iter().position(|byte| *byte == b'\n');
        match (read_line(&mut reader, limit), first) {
            (Ok(Some(line)), Some(end)) => {
                prop_assert!(end <= limit);
                prop_assert_eq!(&line, &bytes[..end]);
            }
            (Ok(None), None) => prop_assert!(bytes.is_empty()),
            (Err(LineError::Truncated), None) => prop_assert!(bytes.len() <= limit),
            (Err(LineError::TooLong { limit: told }), end) => {
                prop_assert_eq!(told, limit);
                prop_assert!(end.unwrap_or(bytes.len()) > limit);
            }
            (other, _) => prop_assert!(false, "{:?}", other),
        }
        prop_assert!(reader.get_ref().taken <= limit + 1 + buffer);
    }
}

#[test]
fn an_endless_line_is_refused() {
    let mut endless = BufReader::new(io::repeat(b'x'));
    assert!(matches!(read_line(&mut endless, 1 << 20), Err(LineError::TooLong { .. })));
}
