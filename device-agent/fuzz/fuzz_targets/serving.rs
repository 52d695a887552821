//! The agent's request loop, with a handler that only checks the order of requests.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pearl_agent::protocol::messages::{AgentDone, AgentHello, AgentRequest, LaunchRequest, LeaseRequest, ProbeRequest, NoProgress, ProfileRequest, PutReport, PutRequest, RunRequest};
use pearl_agent::protocol::dispatcher::{Dispatcher, Handler};
use pearl_agent::protocol::serve::{Progress, serve};
use pearl_agent::protocol::wire::{Failure, FailureKind, Reply};

#[derive(Default)]
struct Watch {
    greeted: bool,
    leased: bool,
}

fn done(asked: usize) -> Result<AgentDone, Failure> {
    // Some fail, so that the dispatcher sees both.
    match asked % 3 {
        0 => Err(Failure::new(FailureKind::Device, "odd")),
        1 => Ok(AgentDone::Released),
        _ => Ok(AgentDone::Leased),
    }
}

impl Handler for Watch {
    fn hello(&mut self) -> Result<AgentHello, Failure> {
        self.greeted = true;
        let text = r#"{"protocol":3,"version":"","build":"","engine":{"name":"","version":""},
            "platform":{"arch":"","os":"","kernel":null,"cpu_model":null,"cpus":[],"clusters":[],
            "memory_bytes":null,"cgroup":{"memory_bytes":null,"cpu_milli":null},"android":null,
            "half_precision":false,"root":false,"boot_id":null,"folder":""}}"#;
        Ok(serde_json::from_str(text).expect("a greeting"))
    }

    fn lease(&mut self, request: LeaseRequest) -> Result<(), Failure> {
        assert!(self.greeted);
        if request.session.len() % 2 == 1 {
            return Err(Failure::new(FailureKind::Busy, "odd"));
        }
        self.leased = true;
        Ok(())
    }

    fn release(&mut self) -> Result<(), Failure> {
        assert!(self.greeted);
        self.leased = false;
        Ok(())
    }

    fn put(&mut self, _: PutRequest) -> Result<PutReport, Failure> {
        assert!(self.greeted);
        Ok(PutReport { model: None })
    }

    fn probe(&mut self, request: ProbeRequest) -> Result<AgentDone, Failure> {
        assert!(self.greeted && self.leased);
        done(request.cpus.len())
    }

    fn launch(&mut self, request: LaunchRequest) -> Result<AgentDone, Failure> {
        assert!(self.greeted && self.leased);
        done(request.threads)
    }

    fn profile(&mut self, request: ProfileRequest) -> Result<AgentDone, Failure> {
        assert!(self.greeted && self.leased);
        done(request.launch.threads)
    }

    fn run(&mut self, request: RunRequest) -> Result<AgentDone, Failure> {
        assert!(self.greeted);
        let mut values = request.inputs.iter().flat_map(|input| &input.values);
        assert!(values.all(|value| value.is_finite()));
        done(request.inputs.len())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut dispatcher = Dispatcher::new(Watch::default());
    let mut out = Vec::new();
    let served = serve(
        Cursor::new(bytes.to_vec()),
        &mut out,
        || (),
        |request: AgentRequest, _: &mut Progress<'_, NoProgress, AgentDone>| dispatcher.answer(request),
    );
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    let replies: Vec<Reply<NoProgress, AgentDone>> = out
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("a reply is JSON"))
        .collect();
    assert_eq!(replies.len(), lines);
    assert_eq!(served.is_err(), bytes.last().is_some_and(|byte| *byte != b'\n'));
});
