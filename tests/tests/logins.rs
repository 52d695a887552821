//! ssh as people have it: what a login shell prints, keys, agents, certificates, `~/.ssh/config`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use pearl_tests::finished::Finished;
use pearl_tests::lab::Lab;
use pearl_tests::pearl::DEADLINE;
use pearl_tests::running::Running;

#[test]
fn what_a_login_shell_prints_is_no_part_of_an_answer() {
    let lab = Lab::new();
    let greeted = lab.board.path("/root/greeted");
    let greet = |said: &str| {
        fs::write(lab.board.path("/root/.bashrc"), format!("touch /root/greeted\n{said}\n"))
            .unwrap();
    };
    for said in [
        "echo welcome",
        "printf welcome",
        "printf 'one\\ntwo'; sleep 2; printf three",
        "echo welcome >&2; printf 'and more' >&2",
        "head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' x >&2",
    ] {
        greet(said);
        let mut talk = lab.talk();
        assert_eq!(talk.hello().platform.arch, "aarch64", "{said}");
        talk.close();
        assert!(fs::remove_file(&greeted).is_ok(), "no shell ran {said:?}");
    }
    greet("yes");
    assert_eq!(lab.refusal(&["more than was asked for"]), [""; 0]);
    fs::remove_file(lab.board.path("/root/.bashrc")).unwrap();
    lab.reach().ok();
    lab.is_clean();
}

/// A device that is named in `~/.ssh/config` alone, and a host on the way to it.
fn configured(lab: &Lab, more: &str) {
    let (key, known) = (lab.board.identity(), lab.board.known_hosts());
    // Of two values the first counts.
    lab.board.configure(&format!(
        "Host gate\n  HostName 10.77.0.2\nHost board7\n{more}\n\
         Host *\n  User root\n  IdentityFile {}\n  UserKnownHostsFile {}\n",
        key.display(),
        known.display()
    ));
    lab.pearl.write("devices.toml", "[device.board]\ntransport = \"ssh\"\nhost = \"board7\"\n");
}

#[test]
fn a_host_of_the_users_configuration_is_reached_as_ssh_reaches_it() {
    let lab = Lab::new();
    let ssh = lab.board.ssh();
    // The board reaches itself; its key is known by another name than the one that leads to it.
    let inner = "HostName 127.0.0.1\n  HostKeyAlias 10.77.0.2";
    for more in [
        "  HostName 10.77.0.2".to_owned(),
        format!("  {inner}\n  ProxyJump gate"),
        format!("  {inner}\n  ProxyCommand '{}' -W [%h]:%p gate 2>/dev/null", ssh.display()),
    ] {
        configured(&lab, &more);
        let mut talk = lab.talk();
        assert_eq!(talk.hello().platform.arch, "aarch64", "{more}");
        talk.close();
    }
    lab.is_clean();
    // What the entry says comes first.
    configured(&lab, "  HostName 10.77.0.2\n  Port 2\n  User nobody");
    let entry = "[device.board]\ntransport = \"ssh\"\nhost = \"board7\"\n";
    assert_eq!(lab.refusal(&["10.77.0.2:2"]), [""; 0]);
    lab.pearl.write("devices.toml", format!("{entry}port = 22\nuser = \"root\"\n"));
    lab.reach().ok();
}

#[test]
fn a_configuration_or_a_way_that_is_wrong_is_named() {
    let lab = Lab::new();
    for (more, words) in [
        ("  HostName 10.77.0.2\n  Nonsense yes", &["bad configuration option", "nonsense"][..]),
        (
            "  HostName 10.77.0.2\n  ProxyJump gate:1",
            &["connecting to root@10.77.0.2:22", "refused"],
        ),
        ("  ProxyCommand nc %h %p | tee log", &["nc %h %p | tee log", "script"]),
        ("  ProxyCommand /nowhere/way %h", &["/nowhere/way", "cannot be started"]),
        ("  ProxyCommand false", &["without a word", "false on the way there"]),
        (
            "  ProxyCommand echo Not allowed at this time",
            &["'Not allowed at this time'", "failed logins"],
        ),
    ] {
        configured(&lab, more);
        assert_eq!(lab.refusal(words), [""; 0], "{more}");
    }
    let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
    let missing = Running::start(command.env("PEARL_SSH", "/nowhere/ssh")).finish(DEADLINE);
    assert_eq!(missing.faults_of_refusal(4, &["/nowhere/ssh", "PEARL_SSH"]), [""; 0]);
}

#[test]
fn a_port_that_was_never_seen_is_new_whatever_is_known_of_another() {
    let lab = Lab::new();
    let known = fs::read_to_string(lab.board.known_hosts()).unwrap();
    let other = fs::read_to_string(lab.board.identity().with_extension("pub")).unwrap();
    let file = lab.pearl.path("known");
    let (ssh, shown) = (lab.board.ssh(), file.display());
    configured(
        &lab,
        &format!(
            "  HostName 10.77.0.2\n  Port 2222\n  UserKnownHostsFile {shown}\n\
             \u{20} ProxyCommand '{}' -W 10.77.0.2:22 gate",
            ssh.display()
        ),
    );
    let fingerprint = lab.board.fingerprint();
    fs::write(&file, format!("10.77.0.2 {other}")).unwrap();
    let words = ["[10.77.0.2]:2222 is not known", fingerprint.as_str()];
    assert_eq!(lab.refusal(&words), [""; 0]);
    fs::write(&file, format!("[10.77.0.2]:2222 {other}")).unwrap();
    assert_eq!(lab.refusal(&["[10.77.0.2]:2222 has changed", &fingerprint]), [""; 0]);
    // The host's own key counts at any port, and so does a pattern.
    fs::write(&file, &known).unwrap();
    lab.reach().ok();
    fs::write(&file, known.replace("10.77.0.2", "10.77.0.3,[10.77.0.*]:2222")).unwrap();
    lab.reach().ok();
    fs::write(&file, known.replace("10.77.0.2", "[10.77.*]:2222,![10.77.0.2]:2222")).unwrap();
    assert_eq!(lab.refusal(&["is not known", &fingerprint]), [""; 0]);
}

#[test]
fn a_certificate_of_a_host_counts_where_its_authority_is_known() {
    let lab = Lab::new();
    let known = fs::read_to_string(lab.board.known_hosts()).unwrap();
    let known_key = known.split_once(' ').unwrap().1;
    let fingerprint = lab.board.fingerprint();
    let other = fs::read_to_string(lab.board.identity().with_extension("pub")).unwrap();
    let certify = |principals: &str| {
        let authority = lab.board.certify(principals);
        lab.board.reboot();
        authority
    };
    let authority = certify("board,10.77.0.2");
    let file = lab.board.known_hosts();
    fs::write(&file, format!("@cert-authority 10.77.* {authority}")).unwrap();
    lab.reach().ok();
    // Without its authority it is a key as any other.
    for (line, told) in [
        (String::new(), "is not known"),
        (format!("@cert-authority *.lab {authority}"), "is not known"),
        (format!("@cert-authority 10.77.* {other}"), "no authority"),
        (format!("@cert-authority 10.77.* {authority}@revoked * {known_key}"), "revoked"),
    ] {
        fs::write(&file, &line).unwrap();
        assert_eq!(lab.refusal(&[told, &fingerprint]), [""; 0], "{line}");
    }
    fs::write(&file, &known).unwrap();
    lab.reach().ok();
    let authority = certify("another");
    fs::write(&file, format!("@cert-authority 10.77.* {authority}")).unwrap();
    assert_eq!(lab.refusal(&["does not name 10.77.0.2", &fingerprint]), [""; 0]);
    fs::write(&file, format!("@cert-authority 10.77.* {authority}{known}")).unwrap();
    lab.reach().ok();
}

#[test]
fn a_host_key_that_the_configuration_calls_revoked_is_refused() {
    let lab = Lab::new();
    let known = fs::read_to_string(lab.board.known_hosts()).unwrap();
    let (fingerprint, file) = (lab.board.fingerprint(), lab.pearl.path("revoked"));
    configured(&lab, &format!("  HostName 10.77.0.2\n  RevokedHostKeys {}", file.display()));
    assert_eq!(lab.refusal(&["revoked host keys", "No such file"]), [""; 0]);
    fs::write(&file, "").unwrap();
    lab.reach().ok();
    fs::write(&file, known.split_once(' ').unwrap().1).unwrap();
    assert_eq!(lab.refusal(&["is revoked in", &fingerprint]), [""; 0]);
}

fn keygen(words: &[&str], file: &Path) {
    let done = Command::new("ssh-keygen").arg("-q").args(words).arg(file).status();
    assert!(done.unwrap().success(), "{words:?} {}", file.display());
}

/// An SSH agent; it ends when dropped.
struct Agent {
    process: Child,
    socket: PathBuf,
}

impl Agent {
    /// It holds `strangers` keys that no host takes, and after them the board's.
    fn start(lab: &Lab, strangers: usize) -> Agent {
        let socket = lab.pearl.path("agent.sock");
        let process = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).spawn().unwrap();
        let agent = Agent { process, socket };
        let start = Instant::now();
        while !agent.socket.exists() && start.elapsed() < DEADLINE {
            thread::sleep(Duration::from_millis(20));
        }
        for number in 0..strangers {
            let key = lab.pearl.path(format!("stranger{number}"));
            keygen(&["-t", "ed25519", "-N", "", "-f"], &key);
            agent.add(&key);
        }
        agent.add(&lab.board.identity());
        agent
    }

    fn add(&self, key: &Path) {
        let mut add = Command::new("ssh-add");
        let done = add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).status();
        assert!(done.unwrap().success(), "{}", key.display());
    }

    fn reach(&self, lab: &Lab) -> Finished {
        let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
        Running::start(command.env("SSH_AUTH_SOCK", &self.socket)).finish(DEADLINE)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An entry for the board, with this identity or without one.
fn identify(lab: &Lab, identity: Option<&Path>) {
    let entry = "[device.board]\ntransport = \"ssh\"\nhost = \"10.77.0.2\"\nuser = \"root\"\n";
    let identity = identity.map(|path| format!("identity = {:?}\n", path.display().to_string()));
    lab.pearl.write("devices.toml", format!("{entry}{}", identity.unwrap_or_default()));
}

#[test]
fn all_keys_of_an_agent_are_tried_though_the_host_hangs_up_after_six() {
    let lab = Lab::new();
    let agent = Agent::start(&lab, 7);
    identify(&lab, None);
    agent.reach(&lab).ok();
}

#[test]
fn an_identity_that_the_agent_holds_comes_first_and_needs_no_passphrase() {
    let lab = Lab::new();
    let agent = Agent::start(&lab, 5);
    lab.board.set_sshd("MaxAuthTries=1\nPasswordAuthentication=no");
    lab.board.reboot();
    let public = lab.pearl.path("alone.pub");
    fs::copy(lab.board.identity().with_extension("pub"), &public).unwrap();
    keygen(&["-p", "-P", "", "-N", "open it", "-f"], &lab.board.identity());
    for identity in
        [lab.board.identity(), lab.board.identity().with_extension("pub"), public.clone()]
    {
        identify(&lab, Some(&identity));
        agent.reach(&lab).ok();
    }
    // Without an agent there is only the private file.
    identify(&lab, Some(&public));
    assert_eq!(lab.refusal(&["alone.pub", "agent does not hold it"]), [""; 0]);
    identify(&lab, Some(&lab.board.identity()));
    assert_eq!(lab.refusal(&["it has a passphrase"]), [""; 0]);
    let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
    let wrong = Running::start(command.env("PEARL_SSH_PASSWORD", "wrong")).finish(DEADLINE);
    assert_eq!(wrong.faults_of_refusal(4, &["the passphrase is wrong"]), [""; 0]);
}

#[test]
fn a_key_that_was_refused_is_not_tried_again_by_another_way() {
    let lab = Lab::new();
    let agent = Agent::start(&lab, 1);
    fs::write(lab.board.path("/root/.ssh/authorized_keys"), "").unwrap();
    // The agent holds the stranger and the board's key.
    let stranger = lab.pearl.path("stranger0");
    for has_public in [true, false] {
        identify(&lab, Some(&stranger));
        let refused = agent.reach(&lab);
        assert_eq!(refused.faults_of_refusal(4, &["stranger0"]), [""; 0]);
        assert_eq!(refused.stderr.matches("of the agent").count(), 1, "{}", refused.stderr);
        if has_public {
            fs::remove_file(stranger.with_extension("pub")).unwrap();
        }
    }
    // The agent first, then the usual files.
    fs::copy(&stranger, lab.board.home().join(".ssh/id_ed25519")).unwrap();
    identify(&lab, None);
    let refused = agent.reach(&lab);
    assert_eq!(refused.faults_of_refusal(4, &["of the agent"]), [""; 0]);
    assert!(!refused.stderr.contains("id_ed25519"), "{}", refused.stderr);
}

#[test]
fn a_certificate_beside_a_key_is_shown_with_it() {
    let lab = Lab::new();
    let authority = lab.pearl.path("authority");
    keygen(&["-t", "ed25519", "-N", "", "-f"], &authority);
    let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
    let authorized = lab.board.path("/root/.ssh/authorized_keys");
    fs::write(authorized, format!("cert-authority {public}")).unwrap();
    identify(&lab, Some(&lab.board.identity()));
    assert_eq!(lab.refusal(&["key ", "does not let root in"]), [""; 0]);
    let signer = authority.display().to_string();
    keygen(
        &["-I", "anna", "-n", "root", "-s", &signer],
        &lab.board.identity().with_extension("pub"),
    );
    lab.reach().ok();
    // An agent that was given both holds both.
    let agent = Agent::start(&lab, 1);
    identify(&lab, None);
    agent.reach(&lab).ok();
}

#[test]
fn a_host_that_shares_no_algorithm_is_told_with_what_each_side_offers() {
    let lab = Lab::new();
    for (option, words) in [
        (
            "KexAlgorithms=sntrup761x25519-sha512@openssh.com",
            ["no key exchange", "sntrup761x25519-sha512@openssh.com", "curve25519"],
        ),
        (
            "MACs=umac-64@openssh.com\nCiphers=aes128-ctr",
            ["no MAC", "umac-64@openssh.com", "hmac-sha2"],
        ),
    ] {
        lab.board.set_sshd(option);
        lab.board.reboot();
        assert_eq!(lab.refusal(&words), [""; 0], "{option}");
    }
}
