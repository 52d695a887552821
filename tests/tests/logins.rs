//! ssh as people have it: what a login shell prints, keys, agents, certificates, `~/.ssh/config`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;

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
    lab.board.configure(&format!(
        "Host *\n  User root\n  IdentityFile {}\n  UserKnownHostsFile {}\nHost gate\n  HostName 10.77.0.2\n\
         Host board7\n{more}\n",
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
        ("  ProxyCommand false", &["false on the way there"]),
    ] {
        configured(&lab, more);
        assert_eq!(lab.refusal(words), [""; 0], "{more}");
    }
    let mut command = lab.board.command(&lab.pearl, "--quiet talk board");
    let missing = Running::start(command.env("PEARL_SSH", "/nowhere/ssh")).finish(DEADLINE);
    assert_eq!(missing.faults_of_refusal(4, &["/nowhere/ssh", "PEARL_SSH"]), [""; 0]);
}
