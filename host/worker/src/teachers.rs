//! Teachers, and their logits, which are computed once.

mod feed;
mod file_kind;
pub mod logits;
mod module_answer;
pub mod teacher_module;
pub mod teacher_remarks;
