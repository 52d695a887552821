//! Teachers, and their logits, which are computed once.

pub mod logits;
pub mod teacher_module;
