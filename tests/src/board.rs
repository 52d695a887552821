//! A board: an ARM64 userland with an address and an sshd of its own, and a link that can be cut.
//!
//! `make board` has built its files. A rig starts one in namespaces: the *site*, in which the host
//! under test runs as well, and the board in it. Nothing in there has a way out, and all of it ends
//! with the test's process, however that ends: the site's first process reads a pipe of ours.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::pearl::Pearl;
use crate::processes::{Process, descendants, neighbours};
use crate::programs::{self, checkout};
use crate::python;

const ADDRESS: &str = "10.77.0.2";
pub const PASSWORD: &str = "opensesame";
/// `ssh` finds its configuration by the user's entry in passwd, not by `HOME`.
const SSH: &str = "#!/bin/sh\nconfig=$HOME/.ssh/config\n[ -e \"$config\" ] || config=none\n\
    exec ssh -F \"$config\" \"$@\"\n";
/// What the board takes to start many times over.
const DEADLINE: Duration = Duration::from_secs(60);

/// What differs from one board to another.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Of its /tmp, such as `mode=1777,size=1m,noexec`.
    pub tmp: Option<String>,
    pub memory_kibibytes: Option<u64>,
}

pub struct Board {
    folder: TempDir,
    site: Child,
    orders: Mutex<(ChildStdin, Receiver<String>)>,
}

impl Board {
    pub fn start() -> Board {
        Board::with(Options::default())
    }

    pub fn with(options: Options) -> Board {
        let root = checkout().join(".setup/board/root");
        assert!(root.is_dir(), "{}: there is no board; run `make board`", root.display());
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        prepare(folder.path(), &options);
        let errors = fs::File::create(folder.path().join("site.log")).expect("own folder");
        let mut site = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"])
            .arg("bash")
            .arg(checkout().join("tests/board/site.sh"))
            .args([&root, folder.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("unshare, of util-linux, can be started");
        let stdin = site.stdin.take().expect("stdin was piped");
        let mut stdout = BufReader::new(site.stdout.take().expect("stdout was piped"));
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while let Ok(1..) = stdout.read_line(&mut line) {
                if sender.send(line.trim().to_owned()).is_err() {
                    break;
                }
                line.clear();
            }
        });
        let board = Board { folder, site, orders: Mutex::new((stdin, answers)) };
        board.order("boot");
        board.know_host();
        board
    }

    /// Ends all processes on the board at once and starts it again, with an empty disk.
    pub fn reboot(&self) {
        self.order("boot");
    }

    pub fn halt(&self) {
        self.order("halt");
    }

    pub fn cut_link(&self) {
        self.order("down");
    }

    pub fn mend_link(&self) {
        self.order("up");
    }

    fn order(&self, word: &str) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(orders.0, "{word}").expect("the site reads");
        let answer = orders.1.recv_timeout(DEADLINE);
        let log = || {
            ["site.log", "log"]
                .map(|name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default())
        };
        assert_eq!(answer.as_deref(), Ok(word), "{:?}", log());
    }

    /// The home of a user whom the board lets in, and who knows its host key.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn identity(&self) -> PathBuf {
        self.home().join(".ssh/board")
    }

    pub fn known_hosts(&self) -> PathBuf {
        self.home().join(".ssh/known_hosts")
    }

    /// The system's `ssh`, which reads the configuration in [`Board::home`] alone.
    pub fn ssh(&self) -> PathBuf {
        self.folder.path().join("ssh")
    }

    /// Writes the configuration of ssh.
    pub fn configure(&self, config: &str) {
        fs::write(self.home().join(".ssh/config"), config).expect("own folder");
    }

    fn know_host(&self) {
        let key = fs::read_to_string(self.folder.path().join("hostkey.pub")).expect("own folder");
        fs::write(self.known_hosts(), format!("{ADDRESS} {key}")).expect("own folder");
    }

    /// Gives the board another host key, from its next start on.
    pub fn change_host_key(&self) {
        make_key(&self.folder.path().join("hostkey"));
    }

    /// As `ssh-keygen` shows the host key.
    pub fn fingerprint(&self) -> String {
        let key = self.folder.path().join("hostkey.pub");
        let shown = output(Command::new("ssh-keygen").arg("-lf").arg(key));
        shown.split_whitespace().nth(1).expect("bits, fingerprint, comment, type").to_owned()
    }

    /// Gives the host key a certificate, from the next start on, and returns the authority's key.
    pub fn certify(&self, principals: &str) -> String {
        let path = |name: &str| self.folder.path().join(name);
        make_key(&path("ca"));
        let mut sign = Command::new("ssh-keygen");
        sign.args(["-q", "-I", "board", "-h", "-n", principals, "-s"]);
        output(sign.arg(path("ca")).arg(path("hostkey.pub")));
        fs::read_to_string(path("ca.pub")).expect("own folder")
    }

    /// Options of the board's sshd, one a line, from its next start on.
    pub fn set_sshd(&self, options: &str) {
        fs::write(self.folder.path().join("sshd.options"), format!("{options}\n"))
            .expect("own folder");
    }

    /// Of `devices.toml`, for a device called `name`.
    pub fn entry(&self, name: &str, more: &str) -> String {
        let identity = self.identity();
        format!(
            "[device.{name}]\ntransport = \"ssh\"\nhost = \"{ADDRESS}\"\nuser = \"root\"\n\
             identity = {:?}\n{more}\n",
            identity.display().to_string()
        )
    }

    /// `pearl`, run in the board's network, with its home.
    pub fn command(&self, pearl: &Pearl, line: &str) -> Command {
        self.command_of(pearl, line.split_whitespace())
    }

    pub fn command_of<'a>(
        &self,
        pearl: &Pearl,
        words: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.site.id())).arg("--");
        command.arg(programs::pearl());
        pearl.prepare(&mut command).args(words);
        command
            .env("HOME", self.home())
            .env("PEARL_ADB", python::script("adb.py"))
            .env("PEARL_SSH", self.ssh())
            .env("BOARD_PID", self.is_on().map(|first| first.id.to_string()).unwrap_or_default())
            .env("BOARD_ROOT", self.root())
            .env("USER", "anna")
            .env_remove("ANDROID_SERIAL")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("PEARL_SSH_PASSWORD");
        command
    }

    /// The board's root as its first process sees it.
    fn root(&self) -> PathBuf {
        self.folder.path().join("disk/root")
    }

    /// The board's first process, where it is on.
    fn is_on(&self) -> Option<Process> {
        let all = descendants(self.site.id());
        all.into_iter().find(|one| one.words[0] == "bash" && one.has_word("board.sh"))
    }

    fn first_process(&self) -> Process {
        self.is_on().expect("the board is on")
    }

    /// A path on the board, for this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        let root = self.root();
        let root = root.strip_prefix("/").expect("temporary folders are absolute");
        Path::new("/proc")
            .join(self.first_process().id.to_string())
            .join("root")
            .join(root)
            .join(path.trim_start_matches('/'))
    }

    /// The agent's processes on the board, measured ones included.
    pub fn agents(&self) -> Vec<Process> {
        let mut all = neighbours(self.first_process().id);
        all.retain(|one| one.words.iter().any(|word| word.contains("/agent-") || word == "launch"));
        all
    }

    /// Files below the agent's folder in `place`, as paths in it.
    pub fn agent_files(&self, place: &str, user: u32) -> Vec<String> {
        let folder = self.path(place).join(format!("pearl-{user}"));
        let mut open = vec![folder.clone()];
        let mut files = Vec::new();
        while let Some(path) = open.pop() {
            match fs::read_dir(&path) {
                Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
                Err(_) if path != folder => {
                    let path = path.strip_prefix(&folder).expect("it is below");
                    files.push(path.display().to_string());
                }
                Err(_) => {}
            }
        }
        files.sort();
        files
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // Its first process ends with it, and with that one all others.
        let _ = self.site.kill();
        let _ = self.site.wait();
    }
}

fn prepare(folder: &Path, options: &Options) {
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).expect("own folder can be written");
    };
    for name in ["disk", "home", "home/.ssh"] {
        fs::create_dir(folder.join(name)).expect("own folder can be written");
    }
    make_key(&folder.join("hostkey"));
    make_key(&folder.join("home/.ssh/board"));
    fs::copy(folder.join("home/.ssh/board.pub"), folder.join("authorized_keys"))
        .expect("own folder can be written");
    write("ssh", SSH.to_owned());
    fs::set_permissions(folder.join("ssh"), fs::Permissions::from_mode(0o755))
        .expect("own folder can be written");
    let hash = output(Command::new("openssl").args(["passwd", "-6", PASSWORD]));
    write("shadow", format!("root:{}:19000:0:99999:7:::\n", hash.trim()));
    if let Some(tmp) = &options.tmp {
        write("tmp.options", tmp.clone());
    }
    if let Some(memory) = options.memory_kibibytes {
        write("meminfo", format!("MemTotal: {memory} kB\nMemAvailable: {memory} kB\n"));
    }
}

fn make_key(path: &Path) {
    let _ = fs::remove_file(path);
    output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path));
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
