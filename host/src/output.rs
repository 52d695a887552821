//! What users and scripts see: error classes, the terminal, durations, sanitised text.

pub mod duration;
pub mod error_class;
pub mod graph_json;
pub mod sanitise;
pub mod size;
pub mod terminal;
