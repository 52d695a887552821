//! A policy's state on its way through JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that the worker alone can read; base64 in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateBytes(pub Vec<u8>);

impl Serialize for StateBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for StateBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_survive_json(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text = serde_json::to_string(&StateBytes(bytes.clone())).unwrap();
            prop_assert_eq!(serde_json::from_str::<StateBytes>(&text).unwrap().0, bytes);
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for wrong in ["\"%\"", "\"abc\"", "3"] {
            assert!(serde_json::from_str::<StateBytes>(wrong).is_err(), "{wrong}");
        }
    }
}
