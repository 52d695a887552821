use super::layout::{BLOCKS, Layout};
use crate::architecture::Architecture;
use crate::network::Network;
use crate::op::{Activation, Op};
use crate::reference;
use crate::shape::{ImageShape, Shape};
use crate::space::Space;

fn space(side: usize) -> Space {
    Space::new("mnas", ImageShape::new(3, side, side), 1000).unwrap()
}

/// One block in labels, the others as in MobileNetV2.
fn architecture(space: &Space, taken: &[(&str, &str)]) -> Architecture {
    let default = |name: &str| match name.split_once('.').unwrap() {
        ("b1", "op") => "sepconv",
        (_, "op") => "mbconv6",
        (_, "kernel") => "3",
        (_, "skip") => "identity",
        (_, "filters") => "1",
        _ => "0",
    };
    let choices = space.decisions().iter().map(|decision| {
        let label = taken.iter().find(|(name, _)| *name == decision.name);
        let label = label.map_or_else(|| default(&decision.name), |(_, label)| label);
        decision.choices.iter().position(|choice| choice == label).unwrap()
    });
    space.architecture(choices.collect()).unwrap()
}

fn names(network: &Network, prefix: &str) -> Vec<String> {
    let nodes = network.nodes().iter().filter_map(|node| node.name.strip_prefix(prefix));
    nodes.map(str::to_owned).collect()
}

#[test]
fn mobilenet_v2_is_a_member_but_for_its_activation() {
    let space = space(224);
    let member = space.decode(&architecture(&space, &[])).unwrap();
    let published = reference::network("mobilenet-v2", None, 1000).unwrap();
    assert_eq!(member.costs(), published.costs());
    assert_eq!(member.nodes().len(), published.nodes().len());
    for (ours, theirs) in member.nodes().iter().zip(published.nodes()) {
        let relu = (Op::Activation(Activation::Relu), Op::Activation(Activation::Relu6));
        assert!(ours.op == theirs.op || (ours.op, theirs.op) == relu, "{}", ours.name);
        assert_eq!((ours.shape, &ours.inputs), (theirs.shape, &theirs.inputs), "{}", ours.name);
    }
}

#[test]
fn filter_choices_never_coincide() {
    for side in [28, 224] {
        for block in Layout::at(ImageShape::new(1, side, side)).blocks {
            let channels = [3, 4, 5].map(|quarters| block.channels(quarters));
            assert!(channels[0] < channels[1] && channels[1] < channels[2], "{channels:?}");
            assert_eq!(channels[1], block.width);
        }
    }
}

#[test]
fn maps_halve_as_the_layout_says() {
    for (side, sides) in [
        (28, [14, 14, 7, 7, 4, 4, 4, 4]),
        (32, [16, 16, 8, 8, 4, 4, 4, 4]),
        (64, [32, 32, 16, 16, 8, 8, 8, 8]),
        (224, [112, 112, 56, 28, 14, 14, 7, 7]),
    ] {
        let space = space(side);
        let network = space.decode(&architecture(&space, &[])).unwrap();
        for (block, expected) in (0..=BLOCKS).zip(sides) {
            let prefix = if block == 0 { "stem.".to_owned() } else { format!("b{block:02}.") };
            let mut nodes = network.nodes().iter();
            let last = nodes.rfind(|node| node.name.starts_with(&prefix)).unwrap();
            let Shape::Map(map) = last.shape else { panic!("{}", last.name) };
            assert_eq!((map.height, map.width), (expected, expected), "{side}: {}", last.name);
        }
    }
}

#[test]
fn an_operation_is_the_layers_that_the_documentation_says() {
    let space = space(28);
    for (op, se, expected) in [
        ("conv", "0", "full.conv full.bn full.act"),
        (
            "conv",
            "0.25",
            "full.conv full.bn full.act se.pool se.reduce se.act se.expand se.gate se.mul",
        ),
        ("sepconv", "0", "depthwise.conv depthwise.bn depthwise.act project.conv project.bn"),
        (
            "mbconv3",
            "0.25",
            "expand.conv expand.bn expand.act depthwise.conv depthwise.bn depthwise.act se.pool \
             se.reduce se.act se.expand se.gate se.mul project.conv project.bn",
        ),
    ] {
        let taken = [("b3.op", op), ("b3.se", se), ("b3.skip", "none")];
        let network = space.decode(&architecture(&space, &taken)).unwrap();
        assert_eq!(names(&network, "b03.l01.").join(" "), expected);
        assert_eq!(names(&network, "b03.l03.").join(" "), expected);
        assert!(names(&network, "b03.l04.").is_empty());
    }
}

#[test]
fn skips_stand_where_they_apply() {
    let space = space(28);
    for (skip, first, second) in
        [("pool", "", "pool add"), ("identity", "", "add"), ("none", "", "")]
    {
        let network = space.decode(&architecture(&space, &[("b4.skip", skip)])).unwrap();
        assert_eq!(names(&network, "b04.l01.skip.").join(" "), first, "{skip}");
        assert_eq!(names(&network, "b04.l02.skip.").join(" "), second, "{skip}");
    }
}

#[test]
fn a_pool_skip_has_the_stride_of_its_layer() {
    // 1.25 · 96 = 0.75 · 160 = 120 channels, at a stride of 2.
    let space = space(224);
    let taken = [("b5.filters", "1.25"), ("b6.filters", "0.75")];
    for (skip, expected) in [("pool", "pool add"), ("identity", "")] {
        let taken = [taken[0], taken[1], ("b6.skip", skip)];
        let network = space.decode(&architecture(&space, &taken)).unwrap();
        assert_eq!(names(&network, "b06.l01.skip.").join(" "), expected);
    }
}

#[test]
fn a_skip_without_effect_is_canonically_none() {
    let space = space(28);
    let index = |name: &str| space.decisions().iter().position(|d| d.name == name).unwrap();
    let skip = |taken: &[(&str, &str)], name: &str| {
        let decision = index(name);
        let architecture = architecture(&space, taken);
        space.decisions()[decision].choices[architecture.choices[decision]].clone()
    };
    assert_eq!(skip(&[("b7.skip", "pool")], "b7.skip"), "none");
    assert_eq!(skip(&[("b7.skip", "pool"), ("b7.layers", "+1")], "b7.skip"), "pool");
    // Block 2 keeps the channels of block 1 here, at a stride of 2.
    let single = ("b2.layers", "-1");
    let pool = ("b2.skip", "pool");
    assert_eq!(skip(&[single], "b2.skip"), "none");
    assert_eq!(skip(&[single, pool], "b2.skip"), "pool");
    let wider = ("b2.filters", "1.25");
    assert_eq!(skip(&[single, pool, wider], "b2.skip"), "none");
}
