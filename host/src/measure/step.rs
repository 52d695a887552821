//! What a session tells while it goes on.
//!
//! **Invariant:** owned, so that a session on another thread can be watched.

use super::Measurement;

#[derive(Debug)]
pub enum Step {
    /// Somebody else has the device.
    Waiting { who: String },
    /// Others use the device; whether they are waited for.
    Disturbed { who: String, waits: bool },
    /// The device's usual speed is being found out.
    Characterising { elapsed_ns: u64, of_ns: u64 },
    /// Bytes of a model's file, by the model's index.
    Uploading { at: usize, sent: u64, of: u64 },
    /// `expected` launches are what the model is going to take, as far as one can tell.
    Launched { at: usize, launches: usize, expected: usize },
    /// The device is given time to get quiet or cool.
    Resting { why: &'static str },
    /// Windows of a sustained run, by the model's index.
    Sustaining { at: usize, elapsed_ns: u64, of_ns: u64 },
    /// Nothing more is done for this model.
    Finished { at: usize, result: Box<anyhow::Result<Measurement>> },
}

pub type Observer<'a> = dyn FnMut(Step) + 'a;
