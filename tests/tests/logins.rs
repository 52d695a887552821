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
        ("  ProxyCommand false", &["false on the way there"]),
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
