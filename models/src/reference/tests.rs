use super::{names, network};
use crate::network::NodeId;
use crate::shape::{ImageShape, Shape};

/// Name, parameters and multiply-accumulates at 224×224×3 and 1000 classes, counted over timm's
/// models by their convolutions and linear layers.
const TIMM: &[(&str, u64, u64)] = &[
    ("mobilenet-v2:0.35", 1_677_128, 59_285_808),
    ("mobilenet-v2:0.5", 1_968_680, 97_131_840),
    ("mobilenet-v2:0.75", 2_636_424, 209_069_792),
    ("mobilenet-v2:1.0", 3_504_872, 300_774_272),
    ("mobilenet-v2:1.25", 5_050_376, 486_590_240),
    ("mobilenet-v2:1.4", 6_108_776, 582_195_824),
    ("mnasnet-a1:0.35", 1_747_018, 61_681_920),
    ("mnasnet-a1:0.5", 2_082_006, 103_162_992),
    ("mnasnet-a1:0.75", 2_912_278, 223_448_480),
    ("mnasnet-a1:1.0", 3_887_038, 311_579_072),
    ("mnasnet-a1:1.25", 5_255_486, 503_413_168),
    ("mnasnet-a1:1.4", 6_105_992, 586_317_952),
    ("mnasnet-b1:0.35", 1_788_232, 58_878_912),
    ("mnasnet-b1:0.5", 2_218_512, 104_455_968),
    ("mnasnet-b1:0.75", 3_170_208, 215_493_104),
    ("mnasnet-b1:1.0", 4_383_312, 314_415_872),
    ("mnasnet-b1:1.25", 5_965_920, 491_534_800),
    ("mnasnet-b1:1.4", 7_115_728, 588_799_408),
    ("mnasnet-small:0.35", 1_456_334, 24_490_272),
    ("mnasnet-small:0.5", 1_553_350, 28_802_112),
    ("mnasnet-small:0.75", 1_753_518, 50_509_520),
    ("mnasnet-small:1.0", 2_030_264, 68_339_184),
    ("mnasnet-small:1.25", 2_405_708, 120_822_800),
    ("mnasnet-small:1.4", 2_603_374, 138_099_856),
    ("mobilenet-v3-large:0.35", 2_132_216, 43_887_824),
    ("mobilenet-v3-large:0.5", 2_689_904, 73_663_088),
    ("mobilenet-v3-large:0.75", 3_993_528, 154_560_624),
    ("mobilenet-v3-large:1.0", 5_483_032, 216_589_760),
    ("mobilenet-v3-large:1.25", 7_551_976, 355_221_920),
    ("mobilenet-v3-large:1.4", 8_814_624, 415_765_088),
    ("mobilenet-v3-small:0.35", 1_358_808, 15_951_968),
    ("mobilenet-v3-small:0.5", 1_593_224, 24_188_688),
    ("mobilenet-v3-small:0.75", 2_041_872, 43_399_344),
    ("mobilenet-v3-small:1.0", 2_542_856, 56_510_400),
    ("mobilenet-v3-small:1.25", 3_205_384, 90_800_864),
    ("mobilenet-v3-small:1.4", 3_644_456, 103_073_984),
];

#[test]
fn parameters_and_multiply_accumulates_are_those_of_timm() {
    for &(name, params, macs) in TIMM {
        let costs = network(name, None, 1000).unwrap().costs();
        assert_eq!((costs.params, costs.macs), (params, macs), "{name}");
    }
}

#[test]
fn width_one_is_the_default() {
    for name in names() {
        let named = network(&format!("{name}:1.0"), None, 1000).unwrap();
        assert_eq!(network(name, None, 1000).unwrap().nodes(), named.nodes(), "{name}");
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
            let first = net.nodes().iter().find(|n| n.name == format!("s{stage}.b01.act")).unwrap();
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
        for input in [None, Some(ImageShape::new(1, 28, 28)), Some(ImageShape::new(3, 33, 17))] {
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
    assert_eq!(input("mobilenet-v2", None), Ok(ImageShape::new(3, 224, 224)));
    assert_eq!(input("resnet-8", None), Ok(ImageShape::new(3, 32, 32)));
    assert_eq!(input("mobilenet-v2:1.0@192", None), Ok(ImageShape::new(3, 192, 192)));
    assert_eq!(input("mobilenet-v2@192", given), Ok(ImageShape::new(1, 192, 192)));
    let half = network("mobilenet-v2:0.5@96", None, 10).unwrap();
    assert_eq!(half.node(NodeId(1)).shape, Shape::Map(ImageShape::new(16, 48, 48)));
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
        assert!(error.starts_with(fields) && error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn an_input_of_another_size_than_the_name_says_is_refused() {
    let given = ImageShape::new(3, 224, 224);
    let error = network("mobilenet-v2@192", Some(given), 10).unwrap_err().to_string();
    assert!(error.contains("mobilenet-v2@192") && error.contains("3×224×224"), "{error}");
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
