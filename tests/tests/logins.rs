//! ssh as people have it: what a login shell prints, keys, agents, certificates, `~/.ssh/config`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::fs;

use pearl_tests::lab::Lab;

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
