//! The attributes of a node, for people.
//!
//! **Invariant:** the text is one line, and not long, whatever the file holds.

use std::fmt::Display;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto};

use crate::engine::error::one_line;

/// Most values of a list that are told.
const MOST_VALUES: usize = 8;
/// Most attributes, and most characters of a string.
const MOST: usize = 24;

/// Such as `kernel_shape=3,3 strides=2,2 auto_pad=SAME_UPPER`; tensors and graphs by that word.
pub(super) fn text(node: &NodeProto) -> String {
    let told = |attribute: &AttributeProto| {
        let name: String = attribute.name.chars().take(MOST).collect();
        one_line(&format!("{name}={}", value(attribute)))
    };
    let more = (node.attribute.len() > MOST).then(|| "…".to_owned());
    let all = node.attribute.iter().take(MOST).map(told).chain(more);
    all.collect::<Vec<_>>().join(" ")
}

fn value(attribute: &AttributeProto) -> String {
    let word = |bytes: &Vec<u8>| -> String {
        // A character has at most four bytes.
        let bytes = &bytes[..bytes.len().min(4 * MOST)];
        String::from_utf8_lossy(bytes).chars().take(MOST).collect()
    };
    match AttributeType::try_from(attribute.r#type) {
        Ok(AttributeType::Float) => attribute.f.to_string(),
        Ok(AttributeType::Int) => attribute.i.to_string(),
        Ok(AttributeType::String) => word(&attribute.s),
        Ok(AttributeType::Floats) => list(attribute.floats.iter()),
        Ok(AttributeType::Ints) => list(attribute.ints.iter()),
        Ok(AttributeType::Strings) => {
            list(attribute.strings.iter().take(MOST_VALUES + 1).map(word))
        }
        Ok(AttributeType::Tensor) => "tensor".into(),
        Ok(AttributeType::Graph) => "graph".into(),
        _ => "…".into(),
    }
}

fn list(values: impl ExactSizeIterator<Item = impl Display>) -> String {
    let more = (values.len() > MOST_VALUES).then(|| "…".to_owned());
    let told = values.take(MOST_VALUES).map(|value| value.to_string()).chain(more);
    told.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, of_type: AttributeType) -> AttributeProto {
        AttributeProto { name: name.into(), r#type: of_type as i32, ..Default::default() }
    }

    #[test]
    fn attributes_are_told_in_one_short_line_whatever_they_are() {
        let node = NodeProto {
            attribute: vec![
                AttributeProto {
                    ints: vec![3, 3],
                    ..attribute("kernel_shape", AttributeType::Ints)
                },
                AttributeProto { i: 2, ..attribute("group", AttributeType::Int) },
                AttributeProto { f: 0.5, ..attribute("alpha", AttributeType::Float) },
                AttributeProto { s: b"A\nB".to_vec(), ..attribute("pad", AttributeType::String) },
                AttributeProto {
                    s: vec![b'x'; 1 << 20],
                    ..attribute("long", AttributeType::String)
                },
                AttributeProto { floats: vec![1.5; 9], ..attribute("many", AttributeType::Floats) },
                attribute("value", AttributeType::Tensor),
                AttributeProto { r#type: 77, ..attribute("odd", AttributeType::Int) },
            ],
            ..Default::default()
        };
        let told = text(&node);
        assert!(told.starts_with("kernel_shape=3,3 group=2 alpha=0.5 pad="), "{told}");
        assert!(told.contains(&format!("long={} many=", "x".repeat(MOST))), "{told}");
        assert!(
            told.ends_with("many=1.5,1.5,1.5,1.5,1.5,1.5,1.5,1.5,… value=tensor odd=…"),
            "{told}"
        );
        assert!(!told.contains('\n'), "{told}");
        assert_eq!(text(&NodeProto::default()), "");
        let many = vec![attribute("a", AttributeType::Int); 1000];
        assert!(text(&NodeProto { attribute: many, ..Default::default() }).len() < 200);
    }
}
