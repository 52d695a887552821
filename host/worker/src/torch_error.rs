//! The message of an error of torch, for people.

use tch::TchError;

/// The first line only: torch appends the place in its sources and a backtrace.
pub fn first_line(error: &TchError) -> String {
    let text = match error {
        TchError::Torch(text) => text.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or("no message").trim().to_owned()
}
