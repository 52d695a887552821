//! The name of a file's content, the same on the host and on the device.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal digits, two for each byte.
pub fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// SHA-256 of `bytes` in hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256, in hexadecimal digits, of everything that is left to read.
///
/// # Errors
/// If reading fails.
pub fn sha256_of(reader: &mut impl Read) -> io::Result<String> {
    sha256_after(Sha256::new(), reader)
}

/// The same, of what `hash` has seen already and of everything that is left to read.
///
/// # Errors
/// If reading fails.
pub fn sha256_after(mut hash: Sha256, reader: &mut impl Read) -> io::Result<String> {
    let mut chunk = vec![0; 1 << 20];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => hash.update(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_a_stream_of_them_have_the_same_hash() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(""), empty);
        let bytes = vec![7u8; (1 << 20) + 1];
        assert_eq!(sha256_of(&mut &bytes[..]).unwrap(), sha256(&bytes));
        let half = Sha256::new_with_prefix(&bytes[..9]);
        assert_eq!(sha256_after(half, &mut &bytes[9..]).unwrap(), sha256(&bytes));
    }
}
