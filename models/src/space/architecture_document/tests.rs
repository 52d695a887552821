use proptest::prelude::*;
use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::architecture::{ArchId, Architecture};
use crate::shape::ImageShape;
use crate::space::ArchitectureError;
use crate::space::Space;

fn sample(name: &str, seed: u64) -> Architecture {
    let space = Space::new(name, ImageShape::new(1, 28, 28), 10).unwrap();
    space.sample(&mut Pcg64::seed_from_u64(seed))
}

fn fixed() -> Architecture {
    Space::new("mnas", ImageShape::new(1, 28, 28), 10).unwrap().architecture(vec![1; 42]).unwrap()
}

#[test]
fn an_id_never_changes() {
    assert_eq!(fixed().id().to_string(), "7cc0068ef3ed6391");
}

#[test]
fn ids_differ_with_space_input_classes_and_choices() {
    let mut ids = vec![fixed().id(), sample("conv20", 1).id(), sample("mnas", 1).id()];
    for change in [
        |a: &mut Architecture| a.input.channels = 3,
        |a: &mut Architecture| a.input.height = 32,
        |a: &mut Architecture| a.classes = 11,
        |a: &mut Architecture| a.choices[0] = 2,
    ] {
        let mut other = fixed();
        change(&mut other);
        ids.push(other.id());
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn an_id_is_read_back_from_its_text_alone() {
    let id = fixed().id();
    assert_eq!(id.to_string().parse(), Ok(id));
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<ArchId>(&json).unwrap(), id);
    for text in ["", "0123456789abcde", "0123456789ABCDEF", "+123456789abcdef", "0123456789abcdef0"]
    {
        let error = text.parse::<ArchId>().unwrap_err().to_string();
        assert_eq!(
            error,
            format!("architecture id '{text}': not 16 lower-case hexadecimal digits")
        );
    }
}

#[test]
fn the_document_names_decisions_in_order() {
    let json = fixed().to_json();
    let document: String = json.split_whitespace().collect();
    let begin = r#"{"format":"pearl.architecture/1","space":"mnas","input":{"channels":1,"height":28,"width":28},"classes":10,"decisions":{"b1.op":"sepconv","b1.kernel":"5","b1.se":"0.25","b1.skip":"identity","b1.filters":"1","b1.layers":"+1","b2.op""#;
    assert!(document.starts_with(begin), "{document}");
}

proptest! {
    #[test]
    fn documents_and_messages_are_read_back(seed: u64, name in prop::sample::select(Space::names())) {
        let architecture = sample(name, seed);
        let json = architecture.to_json();
        prop_assert_eq!(&Architecture::from_json(&json).unwrap(), &architecture);
        let message = serde_json::to_string(&architecture).unwrap();
        prop_assert_eq!(serde_json::from_str::<Architecture>(&message).unwrap(), architecture);
    }

    #[test]
    fn a_document_with_another_value_is_refused_or_is_another_architecture(
        seed: u64,
        at in any::<prop::sample::Index>(),
        value in prop_oneof![
            "null|true|[0-9]{1,20}|-1|\"[a-z0-9.+]{0,8}\"|\\[\\]|\\{\\}",
            prop::sample::select(vec!["12", "\"3\"", "\"5\"", "\"0.25\"", "\"identity\"", "\"+1\""])
                .prop_map(str::to_owned),
        ],
    ) {
        let architecture = sample("mnas", seed);
        let json = architecture.to_json();
        let mut lines: Vec<_> = json.lines().map(str::to_owned).collect();
        let places: Vec<_> = (0..lines.len()).filter(|at| {
            let line = &lines[*at];
            line.contains(": ") && !line.ends_with('{')
        }).collect();
        let line = &mut lines[places[at.index(places.len())]];
        let (key, old) = line.split_once(": ").unwrap();
        let comma = if old.ends_with(',') { "," } else { "" };
        let is_same = old.trim_end_matches(',') == value;
        *line = format!("{key}: {value}{comma}");
        match Architecture::from_json(&lines.join("\n")) {
            Ok(read) => {
                prop_assert!(!is_same || read == architecture);
                prop_assert_eq!(Architecture::from_json(&read.to_json()).unwrap(), read);
            }
            Err(error) => prop_assert!(!is_same, "{}", error),
        }
    }

    #[test]
    fn a_damaged_document_is_refused_or_is_another_architecture(
        at in 0_usize..1000,
        byte in 0_u8..128,
        seed: u64,
    ) {
        let architecture = sample("mnas", seed);
        let mut bytes = architecture.to_json().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(read) = Architecture::from_json(&text) {
            prop_assert!(read.network().is_ok());
        }
    }

    #[test]
    fn a_truncated_document_is_refused(cut in 0_usize..1000, seed: u64) {
        let json = sample("conv20", seed).to_json();
        let end = cut % json.len();
        prop_assert!(Architecture::from_json(&json[..end]).is_err());
    }

    #[test]
    fn an_architecture_that_no_space_has_still_has_a_document_and_an_id(
        space in "mnas|conv20|other",
        choices in prop::collection::vec(any::<usize>(), 0..50),
        side: usize,
    ) {
        let input = ImageShape::new(side, side, side);
        let architecture = Architecture { space, input, classes: side, choices };
        prop_assert_eq!(architecture.id(), architecture.clone().id());
        prop_assert!(Architecture::from_json(&architecture.to_json()).is_err());
        prop_assert!(architecture.network().is_err());
    }
}

#[test]
fn a_document_that_is_wrong_says_where() {
    let json = fixed().to_json();
    let nested = "[".repeat(100_000);
    let long = " ".repeat(2 << 20);
    for (from, to, expected) in [
        (
            "architecture/1",
            "architecture/2",
            "format pearl.architecture/2 is newer than pearl.architecture/1",
        ),
        ("architecture/1", "architecture/2", "update pearl"),
        (
            "architecture/1",
            "architecture/0",
            "format 'pearl.architecture/0' is not pearl.architecture/1",
        ),
        (
            "pearl.architecture/1",
            "pearl.table/1",
            "format 'pearl.table/1' is not pearl.architecture/1",
        ),
        ("\"mnas\"", "\"mars\"", "space 'mars': unknown; there are conv20, mnas"),
        ("\"b1.op\"", "\"b8.op\"", "space 'mnas' has no decision 'b8.op'; it has b1.op, b1.kernel"),
        (
            "\"b1.op\": \"sepconv\",",
            "",
            "decision 'b1.op' is missing; its choices are conv, sepconv, mbconv3, mbconv6",
        ),
        ("\"b1.kernel\"", "\"b1.op\"", "decision 'b1.op' has no choice '5'"),
        ("\"b1.kernel\": \"5\"", "\"b1.op\": \"conv\"", "decision 'b1.op' appears twice"),
        (
            "sepconv",
            "sepconv9",
            "decision 'b1.op' has no choice 'sepconv9'; there are conv, sepconv",
        ),
        ("\"height\": 28", "\"height\": 0", "input of 1×0×28"),
        ("\"height\": 28", "\"height\": 4097", "input of 1×4097×28"),
        ("\"height\": 28", "\"height\": -1", "integer `-1`"),
        ("\"height\": 28", "\"height\": 28, \"depth\": 1", "unknown field `depth`"),
        ("\"classes\": 10", "\"classes\": 0", "0 classes"),
        ("\"classes\": 10", "\"classes\": 1000001", "1000001 classes"),
        ("\"classes\": 10", "\"classes\": 1e400", "number out of range"),
        ("\"classes\": 10,", "", "missing field `classes`"),
        ("\"classes\": 10", "\"classes\": 10, \"colour\": 1", "unknown field `colour`"),
        ("\"format\"", "\"fromat\"", "missing field `format`"),
        ("{", &nested, "expected"),
        ("{", &long, "more than any architecture has"),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json, "{from}");
        let error = Architecture::from_json(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{to:.40}: {error}");
    }
}

#[test]
fn a_newer_version_is_named_before_what_it_added_is_complained_about() {
    let json = r#"{"format": "pearl.architecture/12", "spaces": []}"#;
    let error = Architecture::from_json(json).unwrap_err();
    assert!(matches!(error, ArchitectureError::Newer { .. }), "{error}");
}

#[test]
fn a_document_is_read_into_canonical_form() {
    let canonical = fixed();
    let skip = |architecture: &Architecture| architecture.choices[39];
    let space = canonical.space().unwrap();
    let mut choices = vec![1; 42];
    choices[41] = 0;
    let single = space.architecture(choices).unwrap();
    assert_eq!(skip(&single), 2);
    let json = single.to_json().replace("\"b7.skip\": \"none\"", "\"b7.skip\": \"pool\"");
    assert_ne!(json, single.to_json());
    assert_eq!(Architecture::from_json(&json).unwrap(), single);
}
