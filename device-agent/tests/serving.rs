//! The serving loop, with a handler that does what its request says.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::io::{BufReader, Cursor, Read};
use std::sync::mpsc;
use std::time::Duration;

use pearl_agent::protocol::line::LineError;
use pearl_agent::protocol::serve::{Progress, serve};
use pearl_agent::protocol::wire::{Failure, FailureKind, MAX_LINE, Outcome, Reply};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Echo(String),
    Count(u32),
    Refuse,
    Panic,
    Repeat(usize),
}

fn handle(ask: Ask, progress: &mut Progress<'_, u32, String>) -> Result<String, Failure> {
    match ask {
        Ask::Echo(text) => Ok(text),
        Ask::Count(to) => {
            for at in 0..to {
                progress.send(at).unwrap();
            }
            Ok("counted".into())
        }
        Ask::Refuse => Err(Failure::new(FailureKind::BadInput, "no")),
        Ask::Panic => panic!("handler at fault"),
        Ask::Repeat(times) => Ok("x".repeat(times)),
    }
}

fn answers(input: &[u8]) -> (Vec<Reply<u32, String>>, Result<(), LineError>) {
    let mut out = Vec::new();
    let served = serve(Cursor::new(input.to_vec()), &mut out, || (), handle);
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (lines.map(|line| serde_json::from_slice(line).unwrap()).collect(), served)
}

fn only(input: &str) -> (u64, Outcome<u32, String>) {
    let (mut replies, served) = answers(input.as_bytes());
    served.unwrap();
    assert_eq!(replies.len(), 1);
    replies.pop().map(|reply| (reply.id, reply.outcome)).unwrap()
}

#[test]
fn progress_comes_before_the_terminal_line() {
    let (replies, _) = answers(b"{\"id\": 3, \"body\": {\"count\": 2}}\n");
    let kinds: Vec<_> =
        replies.iter().map(|reply| (reply.id, format!("{:?}", reply.outcome))).collect();
    let expected = [(3, "Progress(0)"), (3, "Progress(1)"), (3, "Done(\"counted\")")];
    assert_eq!(kinds, expected.map(|(id, outcome)| (id, outcome.to_owned())));
}

#[test]
fn a_panic_is_the_failure_of_one_request() {
    let (replies, served) = answers(
        b"{\"id\": 1, \"body\": \"panic\"}\n{\"id\": 2, \"body\": \"refuse\"}\n{\"id\": 3, \"body\": {\"echo\": \"on\"}}\n",
    );
    served.unwrap();
    let [first, second, third] = &replies[..] else { panic!("{replies:?}") };
    let Outcome::Failed(failure) = &first.outcome else { panic!("{first:?}") };
    assert_eq!((first.id, failure.kind), (1, FailureKind::Internal));
    assert_eq!(failure.message, "internal error: handler at fault");
    assert!(matches!(&second.outcome, Outcome::Failed(failure) if failure.message == "no"));
    assert!(matches!(&third.outcome, Outcome::Done(text) if text == "on"));
}

#[test]
fn a_body_that_is_not_understood_is_refused_under_its_own_id() {
    for (line, expected) in [
        ("{\"id\": 9, \"body\": {\"dance\": 1}}\n", 9),
        ("{\"id\": 9}\n", 9),
        ("{\"body\": \"refuse\"}\n", 0),
        ("nonsense\n", 0),
        ("\n", 0),
    ] {
        let (id, outcome) = only(line);
        assert_eq!(id, expected, "{line}");
        assert!(
            matches!(&outcome, Outcome::Failed(failure) if failure.kind == FailureKind::BadRequest),
            "{line}: {outcome:?}"
        );
    }
}

#[test]
fn an_answer_longer_than_a_line_may_be_becomes_a_failure() {
    let (id, outcome) = only(&format!("{{\"id\": 4, \"body\": {{\"repeat\": {MAX_LINE}}}}}\n"));
    assert_eq!(id, 4);
    assert!(matches!(outcome, Outcome::Failed(failure) if failure.kind == FailureKind::Limit));
}

#[test]
fn a_request_cut_off_by_the_end_is_an_error_after_the_ones_before_it() {
    let (replies, served) = answers(b"{\"id\": 1, \"body\": \"refuse\"}\n{\"id\": 2, \"bo");
    assert_eq!(replies.len(), 1);
    assert!(matches!(served, Err(LineError::Truncated)));
}

#[test]
fn the_end_of_the_input_is_told_while_a_request_is_being_handled() {
    let (end, ended) = mpsc::channel();
    let mut out = Vec::new();
    let input = BufReader::new(Cursor::new(b"{\"id\": 1, \"body\": 5}\n").chain(std::io::empty()));
    let handle = |_: u32, _: &mut Progress<'_, u32, String>| {
        ended.recv_timeout(Duration::from_secs(60)).unwrap();
        Ok("told".to_owned())
    };
    serve(input, &mut out, move || end.send(()).unwrap(), handle).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("told"));
}

/// Bytes of one line: of no request, of one with a byte changed, or of a good one, with its answer.
fn line() -> impl Strategy<Value = (Vec<u8>, Option<String>)> {
    let byte = || any::<u8>().prop_filter("ends a line", |byte| *byte != b'\n');
    let request =
        |text: &str| format!("{{\"id\": 7, \"body\": {{\"echo\": \"{text}\"}}}}").into_bytes();
    let changed = ("[a-z]{0,9}", any::<prop::sample::Index>(), byte());
    prop_oneof![
        prop::collection::vec(byte(), 0..60).prop_map(|bytes| (bytes, None)),
        changed.prop_map(move |(text, at, byte)| {
            let mut bytes = request(&text);
            *at.get_mut(&mut bytes) = byte;
            (bytes, None)
        }),
        "[a-z]{0,9}".prop_map(move |text| (request(&text), Some(text))),
    ]
}

proptest! {
    #[test]
    fn each_line_gets_one_answer_in_turn_whatever_stands_before_it(
        lines in prop::collection::vec(line(), 0..12), rest in line(), whole: bool,
    ) {
        let mut sent: Vec<u8> =
            lines.iter().flat_map(|(bytes, _)| [&bytes[..], b"\n"].concat()).collect();
        if !whole {
            sent.extend(&rest.0);
        }
        let (replies, served) = answers(&sent);
        prop_assert_eq!(replies.len(), lines.len());
        for (reply, (bytes, text)) in replies.iter().zip(&lines) {
            let Some(text) = text else { continue };
            prop_assert_eq!(reply.id, 7);
            let is_done = matches!(&reply.outcome, Outcome::Done(found) if found == text);
            prop_assert!(is_done, "{:?} to {:?}", reply, bytes);
        }
        prop_assert_eq!(served.is_err(), !whole && !rest.0.is_empty());
    }
}
