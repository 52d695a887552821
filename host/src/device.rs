//! The phones and boards that are measured: how they are named, reached, asked and checked.

pub mod agent_client;
pub mod doctor;
pub mod entry;
mod file;
mod random_name;
pub mod registry;
pub mod transport;
