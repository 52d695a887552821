//! The phones and boards that are measured: how they are named, reached, asked and checked.

pub mod client;
pub mod devices;
pub mod doctor;
pub mod entry;
mod file;
pub mod transport;
