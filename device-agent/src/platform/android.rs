//! The properties of an Android device.
//!
//! **Invariant:** `getprop` is run from its path in the system only, without a shell, and waited for no
//! longer than [`LONGEST_WAIT`].

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pearl_agent::protocol::messages::Android;

const GETPROP: &str = "/system/bin/getprop";

const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Longest output that is read: more than all properties of a device.
const LONGEST: u64 = 1 << 20;

pub(crate) fn android() -> Option<Android> {
    Path::new(GETPROP).is_file().then(|| parse(&output(GETPROP).unwrap_or_default()))
}

fn output(program: &str) -> Option<String> {
    let mut child = Command::new(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let stdout = child.stdout.take();
    let (sender, text) = mpsc::channel();
    let read = thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LONGEST).read_to_end(&mut bytes));
        // After the time limit nothing receives the text.
        let _ = sender.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()));
    });
    let text = read.ok().and_then(|_| text.recv_timeout(LONGEST_WAIT).ok().flatten());
    // Both fail only where the process has already ended.
    let _ = child.kill();
    let _ = child.wait();
    text
}

/// Lines such as `[ro.product.model]: [Pixel 6]`.
fn parse(text: &str) -> Android {
    let property = |line| {
        let line: &str = line;
        line.strip_prefix('[')?.strip_suffix(']')?.split_once("]: [")
    };
    let properties: HashMap<&str, &str> = text.lines().filter_map(property).collect();
    let first = |names: &[&str]| {
        let values = names.iter().filter_map(|name| properties.get(name));
        values.map(|value| value.trim()).find(|value| !value.is_empty()).map(str::to_owned)
    };
    Android {
        manufacturer: first(&["ro.product.manufacturer"]),
        model: first(&["ro.product.model"]),
        soc: first(&["ro.soc.model", "ro.board.platform", "ro.hardware"]),
        release: first(&["ro.build.version.release"]),
        build: first(&["ro.build.fingerprint", "ro.build.id"]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn properties_are_read_as_the_system_prints_them() {
        let text = "[ro.product.manufacturer]: [Google]\n[ro.product.model]: [Pixel 6]\n\
                    [ro.soc.model]: []\n[ro.board.platform]: [gs101]\n\
                    [ro.build.version.release]: [14]\n[odd line\n[a]: [b]\n";
        let told = |text: &str| Some(text.to_owned());
        let android = Android {
            manufacturer: told("Google"),
            model: told("Pixel 6"),
            soc: told("gs101"),
            release: told("14"),
            build: None,
        };
        assert_eq!(parse(text), android);
    }

    #[test]
    fn a_program_that_does_not_end_is_not_waited_for() {
        let begun = Instant::now();
        assert_eq!(output("yes").map(|text| text.len() as u64), Some(LONGEST));
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert_eq!(output("/no/such/program"), None);
    }
}
