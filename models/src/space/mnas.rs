//! MnasNet's space (Tan et al., CVPR 2019): seven blocks of identical layers.
//!
//! The decisions of a block are operation, kernel, squeeze-and-excite, skip, filters and number of layers.
//! They are relative to a layout: MobileNetV2's at large inputs, a scaled-down one at small inputs. The
//! paper leaves the rest open; the following is our choice.
//!
//! - `conv` is k×k convolution, batch norm, ReLU. `sepconv` is depthwise k×k, batch norm, ReLU,
//!   pointwise, batch norm. `mbconv` puts a pointwise expansion of its input, batch norm and ReLU
//!   before that.
//! - Squeeze-and-excite follows after the k×k convolution's ReLU. It reduces to a quarter of the
//!   layer's input channels, as in MnasNet, but to no fewer than 4, and gates by a sigmoid.
//! - Only the first layer of a block has the block's stride.
//! - `skip`: `identity` adds a layer's input to its output where the stride is 1 and the channels
//!   agree; `pool` adds the input average-pooled over 3×3 with the layer's stride where the channels
//!   agree; `none` adds nothing. A block may have no layer where its skip applies (a single layer
//!   that changes channels). All skip choices then give the same network; the canonical one is `none`.
//! - `filters` multiply the layout's width, to the nearest multiple of 4 (half up): with multiples of
//!   8 some of the choices would coincide.
//! - `layers` is the number of MobileNetV2, or one fewer or more. A block of one layer cannot have fewer;
//!   its choices are 0, +1, +2.
//!
//! MobileNetV2 (with ReLU) is a member: `sepconv`, then `mbconv6` with `identity`, all at 3×3.
//!
//! **Invariant:** the name of every node in a block begins with its block and layer (`b03.l02.`), counted
//! from 1; stem and head depend on no decision.

mod choices;
mod decode;
mod encode;
mod layout;

pub(crate) use choices::{canonicalise, decisions};
pub(crate) use decode::decode;
pub(crate) use encode::encode;

pub(crate) const NAME: &str = "mnas";

#[cfg(test)]
mod tests;
