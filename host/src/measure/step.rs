//! What a session reports while it is going on.
//!
//! **Invariant:** a step owns its data, so that a session on another thread can be watched.

use super::Measurement;

#[derive(Debug)]
pub enum Step {
    /// Another host has leased the device.
    Waiting { who: String },
    /// Other processes use the device; `waits` says whether the session waits for them to stop.
    Disturbed { who: String, waits: bool },
    /// The device's usual speed is being measured.
    Characterising { elapsed_ns: u64, of_ns: u64 },
    /// Bytes sent of a model's file; `at` is the model's index.
    Uploading { at: usize, sent: u64, of: u64 },
    /// `expected` is the number of launches that the model will probably take.
    Launched { at: usize, launches: usize, expected: usize },
    /// A cooldown: the session waits until the device is cool or quiet.
    CoolingDown { why: &'static str },
    /// The progress of a sustained run; `at` is the model's index.
    Sustaining { at: usize, elapsed_ns: u64, of_ns: u64 },
    /// Nothing more is done for this model.
    Finished { at: usize, result: Box<anyhow::Result<Measurement>> },
}

pub type Observer<'a> = dyn FnMut(Step) + 'a;
