//! Every message survives the way through a line of JSON.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use pearl_agent::agent::{
    AgentDone, AgentHello, AgentRequest, Clock, Engine, LaunchReport, LaunchRequest, Limits,
    ModelFile, NoProgress, Platform, RunReport, RunRequest, Sampling, State, TensorData, WarmUp,
};
use pearl_agent::wire::{Failure, FailureKind, Outcome, Reply, Request};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn survives<T: Serialize + DeserializeOwned + std::fmt::Debug>(message: &T) {
    let line = serde_json::to_string(message).unwrap();
    assert!(!line.contains('\n'));
    let back: T = serde_json::from_str(&line).unwrap();
    // Debug output holds every field, and floats to the last bit.
    assert_eq!(format!("{back:?}"), format!("{message:?}"));
}

fn tensor() -> impl Strategy<Value = TensorData> {
    let finite = any::<f32>().prop_filter("JSON has no other", |value| value.is_finite());
    (vec(any::<usize>(), 0..4), vec(finite, 0..20))
        .prop_map(|(dims, values)| TensorData { dims, values })
}

fn model() -> impl Strategy<Value = ModelFile> {
    (any::<String>(), any::<String>()).prop_map(|(path, sha256)| ModelFile { path, sha256 })
}

prop_compose! {
    fn limits()(model_bytes: u64, memory_bytes: u64, time_ns: u64) -> Limits {
        Limits { model_bytes, memory_bytes, time_ns }
    }
}

prop_compose! {
    fn launch_request()(
        model in model(), limits in limits(), input_seed: u64, cpus: Vec<usize>,
        (min_ns, max_ns, tolerance_ppm) in any::<(u64, u64, u32)>(),
        (slice_ns, min_samples, max_samples) in any::<(u64, usize, usize)>(),
    ) -> LaunchRequest {
        LaunchRequest {
            model, input_seed, cpus, limits,
            warm_up: WarmUp { min_ns, max_ns, tolerance_ppm },
            sampling: Sampling { slice_ns, min_samples, max_samples },
        }
    }
}

fn request() -> impl Strategy<Value = AgentRequest> {
    prop_oneof![
        any::<u32>().prop_map(|protocol| AgentRequest::Hello { protocol }),
        launch_request().prop_map(AgentRequest::Launch),
        (model(), vec(tensor(), 0..3), limits()).prop_map(|(model, inputs, limits)| {
            AgentRequest::Run(RunRequest { model, inputs, limits })
        }),
    ]
}

prop_compose! {
    fn state()(
        frequency_khz: Vec<u64>, governor: Option<String>,
        temperature_mc: Vec<(String, i64)>, load_milli: Option<u64>,
    ) -> State {
        State { frequency_khz, governor, temperature_mc, load_milli }
    }
}

prop_compose! {
    fn launch_report()(
        (load_ns, optimise_ns, cpu_ns, wall_ns) in any::<(u64, u64, u64, u64)>(),
        (warm_up_ns, samples_ns) in any::<(Vec<u64>, Vec<u64>)>(), steady: bool,
        involuntary_switches: u64, (resolution_ns, overhead_ns) in any::<(u64, u64)>(),
        (sentinel_before_ns, sentinel_after_ns) in any::<(u64, u64)>(), peak_memory_bytes: Option<u64>,
        state_before in state(), state_after in state(),
    ) -> LaunchReport {
        LaunchReport {
            load_ns, optimise_ns, warm_up_ns, steady, samples_ns, cpu_ns, wall_ns,
            involuntary_switches, clock: Clock { resolution_ns, overhead_ns },
            sentinel_before_ns, sentinel_after_ns, peak_memory_bytes, state_before, state_after,
        }
    }
}

prop_compose! {
    fn hello()(
        (protocol, version, build) in any::<(u32, String, String)>(), (name, engine_version) in any::<(String, String)>(),
        (arch, os) in any::<(String, String)>(), (kernel, cpu_model) in any::<(Option<String>, Option<String>)>(),
        cpus: Vec<usize>, memory_bytes: Option<u64>,
    ) -> AgentHello {
        AgentHello {
            protocol, version, build,
            engine: Engine { name, version: engine_version },
            platform: Platform { arch, os, kernel, cpu_model, cpus, memory_bytes },
        }
    }
}

fn outcome() -> impl Strategy<Value = Outcome<NoProgress, AgentDone>> {
    let kind = prop_oneof![
        Just(FailureKind::BadRequest),
        Just(FailureKind::BadInput),
        Just(FailureKind::Limit),
        Just(FailureKind::Crashed),
        Just(FailureKind::Internal),
    ];
    prop_oneof![
        hello().prop_map(|hello| Outcome::Done(AgentDone::Hello(hello))),
        launch_report().prop_map(|report| Outcome::Done(AgentDone::Launch(report))),
        vec(tensor(), 0..3)
            .prop_map(|outputs| Outcome::Done(AgentDone::Run(RunReport { outputs }))),
        (kind, any::<String>())
            .prop_map(|(kind, message)| Outcome::Failed(Failure { kind, message })),
    ]
}

proptest! {
    #[test]
    fn every_request_survives_its_line(id: u64, body in request()) {
        survives(&Request { id, body });
    }

    #[test]
    fn every_reply_survives_its_line(id: u64, outcome in outcome()) {
        survives(&Reply { id, outcome });
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes: Vec<u8>) {
        prop_assert!(serde_json::from_slice::<Request<AgentRequest>>(&bytes).is_err());
    }
}
