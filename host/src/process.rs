//! Child processes of the host, and interrupts of the host itself.

pub mod child;
pub mod interrupt;
pub mod streams;
