//! A graph of `pearl-models` as a torch module.

pub mod forward;
pub mod init;
pub mod module;
pub mod parameters;
