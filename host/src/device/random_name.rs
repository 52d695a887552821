//! Names that no other process takes.

use pearl_agent::protocol::content_hash::hex;

/// `BYTES` random bytes in hexadecimal digits.
pub(super) fn random_name<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("every supported system has a source of random bytes");
    hex(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_name_has_two_digits_a_byte_and_is_never_the_same() {
        let [first, second] = [random_name::<16>(), random_name::<16>()];
        assert_eq!((first.len(), second.len()), (32, 32));
        assert_ne!(first, second);
    }
}
