use super::{names, network};
use crate::network::{ImageShape, NodeId, Shape};

/// timm's totals at 1000 classes.
const PARAMETERS: &[(&str, u64)] = &[("mobilenet-v2", 3_504_872)];

#[test]
fn parameters_are_those_of_timm() {
    for (name, expected) in PARAMETERS {
        assert_eq!(
            network(name, None, 1000).unwrap().costs().params,
            *expected,
            "{name}"
        );
    }
}

#[test]
fn resnets_have_the_layers_and_channels_of_their_name() {
    for (name, convolutions, channels) in [
        ("resnet-8", 7, [16, 32, 64]),
        ("resnet-20", 19, [16, 32, 64]),
        ("resnet-8:2", 7, [32, 64, 128]),
        ("wide-resnet-10-2", 7, [32, 64, 128]),
        ("wide-resnet-16-4", 13, [64, 128, 256]),
    ] {
        let net = network(name, Some(ImageShape::new(1, 28, 28)), 10).unwrap();
        let counted = net
            .nodes()
            .iter()
            .filter(|node| node.name.ends_with(".conv") && !node.name.contains("shortcut"));
        assert_eq!(counted.count(), convolutions, "{name}");
        let stages = (1..=3).map(|stage| {
            let first = net
                .nodes()
                .iter()
                .find(|n| n.name == format!("s{stage}.b01.act"))
                .unwrap();
            first.shape
        });
        let expected = [(28, channels[0]), (14, channels[1]), (7, channels[2])]
            .map(|(side, channels)| Shape::Map(ImageShape::new(channels, side, side)));
        assert_eq!(stages.collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn every_name_builds_at_its_published_size_and_at_small_images() {
    for name in names() {
        for input in [
            None,
            Some(ImageShape::new(1, 28, 28)),
            Some(ImageShape::new(3, 33, 17)),
        ] {
            let net = network(name, input, 7).unwrap();
            assert_eq!(net.node(net.output()).shape, Shape::Vector(7), "{name}");
            assert_eq!(net.name, *name);
        }
    }
}

#[test]
fn a_name_may_give_width_and_resolution() {
    let input = |name: &str, given| network(name, given, 1000).map(|net| net.input);
    let given = Some(ImageShape::new(1, 192, 192));
    assert_eq!(
        input("mobilenet-v2", None),
        Ok(ImageShape::new(3, 224, 224))
    );
    assert_eq!(input("resnet-8", None), Ok(ImageShape::new(3, 32, 32)));
    assert_eq!(
        input("mobilenet-v2:1.0@192", None),
        Ok(ImageShape::new(3, 192, 192))
    );
    assert_eq!(
        input("mobilenet-v2@192", given),
        Ok(ImageShape::new(1, 192, 192))
    );
    let half = network("mobilenet-v2:0.5@96", None, 10).unwrap();
    assert_eq!(
        half.node(NodeId(1)).shape,
        Shape::Map(ImageShape::new(16, 48, 48))
    );
}

#[test]
fn a_name_that_makes_no_sense_is_refused_with_what_exists() {
    let fields = "reference network";
    for (name, expected) in [
        ("", "unknown; there are mobilenet-v2"),
        ("mobilenet-v9", "unknown; there are mobilenet-v2"),
        ("mobilenet-v2:", "width '' is not a number"),
        ("mobilenet-v2:0", "width '0' is not a number"),
        ("mobilenet-v2:NaN", "width 'NaN' is not a number"),
        ("mobilenet-v2:inf", "width 'inf' is not a number"),
        ("mobilenet-v2:1e300", "width '1e300' is not a number"),
        ("mobilenet-v2:1:1", "width '1:1' is not a number"),
        ("mobilenet-v2@0", "resolution '0' is not a number"),
        ("mobilenet-v2@-1", "resolution '-1' is not a number"),
        ("mobilenet-v2@4097", "resolution '4097' is not a number"),
        ("resnet-9", "depth 9 is not 6n+2"),
        ("resnet-2", "depth 2 is not 6n+2"),
        ("resnet-18446744073709551614", "is not 6n+2"),
        ("resnet-", "depth  is not 6n+2"),
        ("wide-resnet-10", "unknown"),
        ("wide-resnet-12-2", "depth 12 is not 6n+4"),
        ("wide-resnet-10-0", "width '0' is not a number"),
    ] {
        let error = network(name, None, 10).unwrap_err().to_string();
        assert!(
            error.starts_with(fields) && error.contains(expected),
            "{name}: {error}"
        );
    }
}

#[test]
fn an_input_of_another_size_than_the_name_says_is_refused() {
    let given = ImageShape::new(3, 224, 224);
    let error = network("mobilenet-v2@192", Some(given), 10)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mobilenet-v2@192") && error.contains("3×224×224"),
        "{error}"
    );
}

#[test]
fn absurd_inputs_and_classes_are_refused() {
    for (input, classes) in [
        (ImageShape::new(0, 28, 28), 10),
        (ImageShape::new(1, usize::MAX, usize::MAX), 10),
        (ImageShape::new(1, 28, 28), 0),
        (ImageShape::new(1, 28, 28), usize::MAX),
    ] {
        for name in names() {
            assert!(network(name, Some(input), classes).is_err(), "{name}");
        }
    }
}
