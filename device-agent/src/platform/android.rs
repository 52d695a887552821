//! The programs of Android's shell, and the properties of a device.
//!
//! **Invariant:** a program is run from its path in the system only, without a shell; it is waited for no
//! longer than [`LONGEST_WAIT`], and no more than [`LONGEST`] of its output is read.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pearl_agent::protocol::messages::Android;

const PROGRAMS: &str = "/system/bin";

const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Longest output that is read: more than all properties of a device.
const LONGEST: u64 = 1 << 20;

const POLL: Duration = Duration::from_millis(1);

/// The folder of the programs, which tests put elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// `None` on a device without Android.
    pub(crate) fn of_the_device() -> Option<Self> {
        let programs = Self(PROGRAMS.into());
        programs.0.join("getprop").is_file().then_some(programs)
    }

    /// What a program prints; `None` where it is absent, fails, or does not end.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Option<String> {
        output(&self.0.join(program), arguments)
    }
}

pub(crate) fn android() -> Option<Android> {
    let properties = Programs::of_the_device()?.output("getprop", &[]);
    Some(parse(&properties.unwrap_or_default()))
}

/// Lets this process be scheduled as the app in front is. It ends with the process. Whether it came about is
/// told with the device's state, see [`scheduling`].
///
/// Of the calling thread alone: the threads that it starts later inherit it.
pub(crate) fn join_top_app() {
    if let Some(programs) = Programs::of_the_device() {
        let process = std::process::id().to_string();
        let _ = programs.output("settaskprofile", &[&process, "SCHED_SP_TOP_APP"]);
    }
}

/// The group that Android's scheduler has this process in, from its `/proc/self/cgroup`.
pub(crate) fn scheduling(cgroups: &str) -> Option<String> {
    let group = |wanted: &str| {
        cgroups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            controllers.split(',').any(|controller| controller == wanted).then_some(path)
        })
    };
    let path = group("cpu").or_else(|| group("schedtune"))?.trim_matches('/');
    Some(if path.is_empty() { "root" } else { path }.to_owned())
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let begun = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
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
    let mut exit: Option<ExitStatus> = None;
    // A program that has closed its output is about to end.
    while text.is_some() && exit.is_none() && begun.elapsed() < LONGEST_WAIT {
        exit = child.try_wait().ok().flatten();
        if exit.is_none() {
            thread::sleep(POLL);
        }
    }
    // Both fail only where the process has already ended.
    let _ = child.kill();
    let _ = child.wait();
    text.filter(|_| exit.is_some_and(|exit| exit.success()))
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
pub(crate) mod tests {
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
    fn a_program_that_does_not_end_is_not_waited_for_and_one_that_fails_has_told_nothing() {
        let system = Programs("/usr/bin".into());
        let begun = Instant::now();
        assert_eq!(system.output("sleep", &["600"]), None);
        assert_eq!(system.output("yes", &[]), None);
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert_eq!(system.output("printf", &["%s;", "a b", "$HOME"]), Some("a b;$HOME;".into()));
        assert_eq!(system.output("false", &[]), None);
        assert_eq!(system.output("no-such-program", &[]), None);
    }

    #[test]
    fn the_group_of_the_scheduler_is_found_in_every_form_of_the_file() {
        for (cgroups, told) in [
            ("5:schedtune:/top-app\n3:cpuset:/foreground\n1:blkio:/\n", Some("top-app")),
            ("4:memory:/\n2:cpu,cpuacct:/top-app\n0::/uid_2000/pid_71", Some("top-app")),
            ("3:cpuset:/top-app\n2:cpu:/\n", Some("root")),
            ("2:cpu:/system/background", Some("system/background")),
            ("0::/uid_2000/pid_71", None),
            ("nonsense", None),
        ] {
            assert_eq!(scheduling(cgroups).as_deref(), told, "{cgroups}");
        }
    }

    /// A folder with programs that are scripts of these lines.
    pub(crate) fn scripts(scripts: &[(&str, &str)]) -> (tempfile::TempDir, Programs) {
        let folder = tempfile::tempdir().unwrap();
        for (name, lines) in scripts {
            let (text, program) = (folder.path().join("text"), folder.path().join(name));
            std::fs::write(&text, format!("#!/bin/sh\n{lines}\n")).unwrap();
            // Written by another process: one that this process still has open for writing, if only in a
            // child of another test, cannot be started.
            let mut install = Command::new("install");
            install.args(["-m", "755"]).args([text, program]);
            assert!(install.status().unwrap().success());
        }
        let programs = Programs(folder.path().into());
        (folder, programs)
    }
}
