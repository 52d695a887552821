use proptest::prelude::*;

use super::infer;
use crate::op::Op;
use crate::shape::{ImageShape, Shape};

proptest! {
    /// Compares with the definition: windows are counted one by one.
    #[test]
    fn a_window_stands_wherever_it_fits(
        side in 1_usize..40,
        kernel in 1_usize..9,
        stride in 1_usize..5,
        padding in 0_usize..5,
    ) {
        let windows = (0..).step_by(stride).take_while(|start| start + kernel <= side + 2 * padding);
        let expected = windows.count();
        let map = Shape::Map(ImageShape::new(2, side, side));
        let op = Op::Conv { out_channels: 3, kernel, stride, padding, groups: 1, bias: false };
        match infer(&op, &[map]) {
            Ok(shape) => prop_assert_eq!(shape, Shape::Map(ImageShape::new(3, expected, expected))),
            Err(_) => prop_assert_eq!(expected, 0),
        }
    }
}

#[test]
fn operators_with_too_few_or_too_many_inputs_are_refused() {
    let map = Shape::Map(ImageShape::new(2, 4, 4));
    for (op, inputs) in [
        (Op::Input, 0),
        (Op::Flatten, 0),
        (Op::Flatten, 2),
        (Op::Add, 1),
        (Op::Add, 3),
        (Op::Mul, 1),
        (Op::Concat, 0),
    ] {
        let error = infer(&op, &vec![map; inputs]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("reads {inputs} nodes")), "{op:?}: {error}");
    }
}

#[test]
fn windows_beyond_every_number_are_refused_without_overflow() {
    let map = Shape::Map(ImageShape::new(2, 4, 4));
    for (kernel, padding) in [(usize::MAX, 0), (3, usize::MAX), (usize::MAX, usize::MAX / 2)] {
        let op = Op::Conv { out_channels: 2, kernel, stride: 1, padding, groups: 1, bias: false };
        assert!(infer(&op, &[map]).is_err());
    }
}
