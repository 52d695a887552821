//! Requests from any bytes: refused, or unchanged after a round trip through a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pearl_agent::protocol::messages::{AgentRequest, TensorData};
use pearl_agent::protocol::wire::Request;

fuzz_target!(|bytes: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Request<AgentRequest>>(bytes) else {
        return;
    };
    // What JSON cannot hold is refused by the dispatcher.
    if let AgentRequest::Run(run) = &request.body
        && run.inputs.iter().any(|input: &TensorData| input.values.iter().any(|v| !v.is_finite()))
    {
        return;
    }
    let line = serde_json::to_vec(&request).expect("a request is JSON");
    assert!(!line.contains(&b'\n'));
    let back: Request<AgentRequest> = serde_json::from_slice(&line).expect("what was written");
    assert_eq!(format!("{back:?}"), format!("{request:?}"));
});
