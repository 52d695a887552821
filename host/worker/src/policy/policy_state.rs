//! The state of a policy that is stored, and its bytes.
//!
//! The bytes are the length of a JSON header (u32), the header, and f64 numbers: parameters, Adam's
//! two moments, baseline mean and variance, then log probability and reward of each pending
//! observation. All little-endian. Numbers that must survive to the last bit are not in the JSON.
//!
//! **Invariant:** a state read back equals the one written; bytes that are not a state are an error.

use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::baseline::Baseline;
use super::error::PolicyError;
use super::lstm::PolicyShape;
use super::update::Observation;

/// 1: first version.
const FORMAT: &str = "pearl.controller/1";
/// Headers hold counts and pending choices, never more than this.
const LONGEST_HEADER: usize = 1 << 20;
const NUMBER: usize = size_of::<f64>();

#[derive(Clone, Debug, PartialEq)]
pub struct PolicyState {
    pub(super) shape: PolicyShape,
    pub(super) parameters: Vec<f64>,
    pub(super) adam: Adam,
    pub(super) baseline: Baseline,
    pub(super) rng: Pcg64,
    /// Observations of a batch that is not full yet.
    pub(super) pending: Vec<Observation>,
}

/// Read first, because the format decides what else the header holds.
#[derive(Deserialize)]
struct Format {
    format: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    shape: PolicyShape,
    adam_steps: u64,
    batches: u64,
    rng: Pcg64,
    pending: Vec<Vec<usize>>,
}

impl PolicyState {
    /// Batches learnt from.
    #[cfg(test)]
    pub fn updates(&self) -> u64 {
        self.baseline.batches
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Header {
            format: FORMAT.to_owned(),
            shape: self.shape.clone(),
            adam_steps: self.adam.steps,
            batches: self.baseline.batches,
            rng: self.rng.clone(),
            pending: self.pending.iter().map(|observation| observation.choices.clone()).collect(),
        };
        let header = serde_json::to_vec(&header).expect("a header of integers and strings is JSON");
        let length = u32::try_from(header.len()).expect("pending choices are far fewer than 4 GiB");
        let pending =
            self.pending.iter().flat_map(|observation| [observation.log_prob, observation.reward]);
        let numbers =
            (self.parameters.iter().chain(&self.adam.first).chain(&self.adam.second).copied())
                .chain([self.baseline.mean, self.baseline.variance])
                .chain(pending);
        let mut bytes = length.to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(numbers.flat_map(f64::to_le_bytes));
        bytes
    }

    /// # Errors
    /// Bytes that are truncated, of another format, or inconsistent.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let refuse = |text: String| PolicyError::State(text);
        let truncated = || refuse(format!("truncated after {} bytes", bytes.len()));
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        if length > LONGEST_HEADER {
            return Err(refuse(format!(
                "a header of {length} bytes, at most {LONGEST_HEADER} are expected"
            )));
        }
        let (header, blob) = rest.split_at_checked(length).ok_or_else(truncated)?;
        let Format { format } = serde_json::from_slice(header)
            .map_err(|error| refuse(format!("no header: {error}")))?;
        if format != FORMAT {
            return Err(PolicyError::Format { found: format, known: FORMAT });
        }
        let header: Header =
            serde_json::from_slice(header).map_err(|error| refuse(format!("header: {error}")))?;
        header.shape.check()?;
        for choices in &header.pending {
            header.shape.check_choices(choices)?;
        }

        let count = header.shape.parameters();
        let expected = NUMBER * (3 * count + 2 + 2 * header.pending.len());
        if blob.len() != expected {
            return Err(refuse(format!(
                "{} bytes of numbers where {expected} are expected",
                blob.len()
            )));
        }
        let numbers: Vec<f64> =
            blob.as_chunks::<NUMBER>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(refuse(format!("number {at} is {}", numbers[at])));
        }
        let (parameters, rest) = numbers.split_at(count);
        let (first, rest) = rest.split_at(count);
        let (second, rest) = rest.split_at(count);
        let (baseline, observed) = rest.split_at(2);
        let (mean, variance) = (baseline[0], baseline[1]);
        if variance < 0.0 || second.iter().any(|&second| second < 0.0) {
            return Err(refuse("a mean of squares is negative".to_owned()));
        }
        let pending = header.pending.into_iter().zip(observed.as_chunks::<2>().0);
        Ok(Self {
            shape: header.shape,
            parameters: parameters.to_vec(),
            adam: Adam { first: first.to_vec(), second: second.to_vec(), steps: header.adam_steps },
            baseline: Baseline { mean, variance, batches: header.batches },
            rng: header.rng,
            pending: pending
                .map(|(choices, &[log_prob, reward])| Observation { choices, log_prob, reward })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{Policy, PolicyConfig, use_one_thread};

    /// After some updates, with observations pending.
    fn state() -> PolicyState {
        use_one_thread();
        let config = PolicyConfig { hidden: 3, embedding: 2, ..PolicyConfig::default() };
        let mut policy = Policy::new(&[2, 3, 4], config, 7).unwrap();
        for reward in [0.1, 0.2, 0.7 / 3.0, f64::MIN_POSITIVE, 1e-300] {
            let sample = policy.sample().unwrap();
            policy.observe(&sample.choices, sample.log_prob, reward).unwrap();
        }
        policy.state().clone()
    }

    #[test]
    fn a_state_survives_its_bytes() {
        let state = state();
        assert_eq!((state.updates(), state.pending.len()), (1, 2));
        assert_eq!(PolicyState::from_bytes(&state.to_bytes()).unwrap(), state);
    }

    #[test]
    fn a_truncated_or_longer_state_is_refused() {
        let bytes = state().to_bytes();
        for length in 0..bytes.len() {
            assert!(PolicyState::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(PolicyState::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }

    /// A state whose header says something else.
    fn with_header(from: &str, to: &str) -> String {
        let bytes = state().to_bytes();
        let end = 4 + u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let header = std::str::from_utf8(&bytes[4..end]).unwrap();
        assert!(header.contains(from), "{header}");
        let header = header.replacen(from, to, 1);
        let changed =
            [&(header.len() as u32).to_le_bytes(), header.as_bytes(), &bytes[end..]].concat();
        PolicyState::from_bytes(&changed).unwrap_err().to_string()
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_by_name() {
        for (from, to, says) in [
            (
                "controller/1\"",
                "controller/2\"",
                "format 'pearl.controller/2' is not 'pearl.controller/1'",
            ),
            ("[2,3,4]", "[2,3,5]", "bytes of numbers where"),
            ("[2,3,4]", "[2,3,0]", "decision 2, which has no choices"),
            ("[2,3,4]", "[2,3,18446744073709551615]", "parameters, at most"),
            ("[2,3,4]", "[2,3]", "3 choices given for 2 decisions"),
            ("\"hidden\":3", "\"hidden\":18446744073709551615", "hidden 18446744073709551615"),
            ("\"pending\":[[", "\"pending\":[[9,", "4 choices given for 3 decisions"),
            ("\"adam_steps\"", "\"steps\"", "unknown field `steps`"),
        ] {
            let error = with_header(from, to);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        let mut bytes = state().to_bytes();
        let end = bytes.len();
        bytes[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
        assert!(PolicyState::from_bytes(&bytes).unwrap_err().to_string().contains("is NaN"));
    }

    proptest! {
        #[test]
        fn garbage_after_a_good_beginning_is_an_error_or_another_state(
            kept in any::<prop::sample::Index>(),
            bytes in proptest::collection::vec(any::<u8>(), 1..2000),
        ) {
            let whole = state().to_bytes();
            let kept = kept.index(whole.len());
            // Of the same length, too, which is looked at before the numbers are.
            let filled = bytes.iter().copied().cycle().take(whole.len() - kept).collect();
            for rest in [bytes, filled] {
                let bytes = [&whole[..kept], &rest].concat();
                if let Ok(read) = PolicyState::from_bytes(&bytes) {
                    prop_assert_eq!(bytes.len(), whole.len());
                    prop_assert_eq!(read.to_bytes(), bytes);
                }
            }
        }

        #[test]
        fn a_flipped_bit_is_an_error_or_another_state(at in any::<prop::sample::Index>(), bit in 0..8) {
            let state = state();
            let mut bytes = state.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            // Compared by bytes: zero and negative zero are equal numbers but different states.
            if let Ok(read) = PolicyState::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }
    }
}
