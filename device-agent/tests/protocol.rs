//! Every message survives the round trip through a line of JSON.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::BTreeMap;

use pearl_agent::protocol::messages::{
    AgentDone, AgentHello, AgentRequest, Android, Battery, Cgroup, Clock, Cluster, Engine,
    Frequency, GraphFacts, InputReport, InputValues, LaunchReport, LaunchRequest, LeaseRequest,
    Limits, ModelFile, NoProgress, OpProfile, Others, Platform, Precision, ProbeReport,
    ProbeRequest, Process, ProfileReport, ProfileRequest, PutReport, PutRequest, Reading,
    RunReport, RunRequest, Sampling, Sizes, State, TensorData, Thermal, WarmUp, WeightType,
    WeightsFile,
};
use pearl_agent::protocol::wire::{Failure, FailureKind, Outcome, Reply, Request};
use proptest::collection::{btree_map, vec};
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
    let weights = any::<[String; 3]>().prop_map(|[location, path, sha256]| WeightsFile {
        location,
        path,
        sha256,
    });
    (any::<(String, String, bool)>(), vec(weights, 0..3)).prop_map(
        |((path, sha256, random_weights), weights)| ModelFile {
            path,
            sha256,
            weights,
            random_weights,
        },
    )
}

prop_compose! {
    fn limits()(model_bytes: u64, memory_bytes: u64, time_ns: u64) -> Limits {
        Limits { model_bytes, memory_bytes, time_ns }
    }
}

fn precision() -> impl Strategy<Value = Precision> {
    prop_oneof![Just(Precision::F32), Just(Precision::F16)]
}

prop_compose! {
    fn sizes()(
        inputs: BTreeMap<String, Vec<u64>>, axes: BTreeMap<String, u64>,
    ) -> Sizes {
        Sizes { inputs, axes }
    }
}

prop_compose! {
    fn input_report()(
        (name, dims) in any::<(String, Vec<usize>)>(), (of_type, values) in any::<(String, String)>(),
        (assumed_batch, chosen) in any::<(bool, bool)>(),
    ) -> InputReport {
        InputReport { name, dims, of_type, assumed_batch, values, chosen }
    }
}

fn input_values() -> impl Strategy<Value = InputValues> {
    // Numbers whose decimal digits are exact: reading others may miss their last bit.
    let number = || (-1_000_000..1_000_000).prop_map(|eighths| f64::from(eighths) / 8.0);
    prop_oneof![
        number().prop_map(InputValues::Constant),
        (number(), number()).prop_map(|(lo, hi)| InputValues::Uniform(lo, hi)),
        tensor().prop_map(InputValues::Tensor),
    ]
}

prop_compose! {
    fn launch_request()(
        model in model(), sizes in sizes(), limits in limits(),
        (input_seed, other_seeds) in any::<(u64, Vec<u64>)>(),
        values in btree_map(any::<String>(), input_values(), 0..3), cpus: Vec<usize>, threads: usize,
        precision in precision(),
        (min_ns, max_ns, tolerance_ppm) in any::<(u64, u64, u32)>(),
        (slice_ns, block_ns, min_samples, max_samples) in any::<(u64, u64, usize, usize)>(),
    ) -> LaunchRequest {
        LaunchRequest {
            model, sizes, values, input_seed, other_seeds, cpus, threads, precision, limits,
            warm_up: WarmUp { min_ns, max_ns, tolerance_ppm },
            sampling: Sampling { slice_ns, block_ns, min_samples, max_samples },
        }
    }
}

prop_compose! {
    fn lease()(
        (owner, session) in any::<(String, String)>(), idle_ns: u64, cpus: Vec<usize>,
        frequency in prop_oneof![Just(Frequency::Keep), Just(Frequency::Fix)],
    ) -> LeaseRequest {
        LeaseRequest { owner, session, idle_ns, frequency, cpus }
    }
}

prop_compose! {
    fn put()((sha256, data) in any::<(String, String)>(), (bytes, offset) in any::<(u64, u64)>()) -> PutRequest {
        PutRequest { sha256, bytes, offset, data }
    }
}

fn request() -> impl Strategy<Value = AgentRequest> {
    prop_oneof![
        any::<u32>().prop_map(|protocol| AgentRequest::Hello { protocol }),
        lease().prop_map(AgentRequest::Lease),
        Just(AgentRequest::Release),
        put().prop_map(AgentRequest::Put),
        any::<(Vec<usize>, usize, u64, u64)>().prop_map(|(cpus, threads, probe_ns, time_ns)| {
            AgentRequest::Probe(ProbeRequest { cpus, threads, probe_ns, time_ns })
        }),
        launch_request().prop_map(AgentRequest::Launch),
        launch_request().prop_map(|launch| AgentRequest::Profile(ProfileRequest { launch })),
        (
            (model(), sizes(), vec(tensor(), 0..3), precision(), limits()),
            (btree_map(any::<String>(), input_values(), 0..3), any::<u64>())
        )
            .prop_map(
                |((model, sizes, inputs, precision, limits), (values, input_seed))| {
                    AgentRequest::Run(RunRequest {
                        model,
                        sizes,
                        inputs,
                        values,
                        input_seed,
                        precision,
                        limits,
                    })
                }
            ),
    ]
}

prop_compose! {
    fn state()(
        frequency_khz: Vec<u64>, governor: Option<String>,
        (preference, boost) in any::<(Option<String>, Option<bool>)>(),
        temperature_mc: Vec<(String, i64)>, load_milli: Option<u64>,
        memory_available_bytes: Option<u64>, battery: Option<(Option<u64>, Option<String>)>,
        thermal: Option<(Option<u64>, Option<u64>)>,
        (scheduling, fixed_performance) in any::<(Option<String>, bool)>(),
    ) -> State {
        let battery = battery.map(|(percent, status)| Battery { percent, status });
        let thermal = thermal.map(|(status, headroom_milli)| Thermal { status, headroom_milli });
        State {
            frequency_khz, governor, preference, boost, temperature_mc, load_milli,
            memory_available_bytes, battery, thermal, scheduling, fixed_performance,
        }
    }
}

prop_compose! {
    fn clock()((resolution_ns, overhead_ns) in any::<(u64, u64)>()) -> Clock {
        Clock { resolution_ns, overhead_ns }
    }
}

prop_compose! {
    fn reading()(
        (core_ns, network_ns, memory_ns, cpu_ns, wall_ns) in any::<(u64, u64, u64, u64, u64)>(),
    ) -> Reading {
        Reading { core_ns, network_ns, memory_ns, cpu_ns, wall_ns }
    }
}

prop_compose! {
    fn process()(pid: u32, name: String, cpu_ns: u64) -> Process {
        Process { pid, name, cpu_ns }
    }
}

prop_compose! {
    fn others()(
        wall_ns: u64, processes in vec(process(), 0..3),
        (busy_ns, stolen_ns) in any::<(Option<u64>, Option<u64>)>(),
    ) -> Others {
        Others { wall_ns, processes, busy_ns, stolen_ns }
    }
}

prop_compose! {
    fn probe_report()(
        state in state(), clock in clock(), readings in vec(reading(), 0..4), others in others(),
    ) -> ProbeReport {
        ProbeReport { state, clock, readings, others }
    }
}

prop_compose! {
    fn launch_report()(
        inputs in vec(input_report(), 0..3), (graph, by_seed_ns) in (graph_facts(), any::<Vec<u64>>()),
        (load_ns, optimise_ns, cpu_ns, wall_ns) in any::<(u64, u64, u64, u64)>(),
        (warm_up_ns, samples_ns, samples_cpu_ns) in any::<(Vec<u64>, Vec<u64>, Vec<u64>)>(),
        steady: bool,
        (involuntary_switches, threads) in any::<(u64, usize)>(), clock in clock(),
        blocks: Vec<usize>, readings in vec(reading(), 0..4),
        [peak_memory_bytes, energy_uj, cycles, instructions] in any::<[Option<u64>; 4]>(),
        state_before in state(), state_after in state(),
    ) -> LaunchReport {
        LaunchReport {
            inputs, graph, by_seed_ns, load_ns, optimise_ns, warm_up_ns, steady, samples_ns, cpu_ns, wall_ns, samples_cpu_ns,
            involuntary_switches, clock, blocks, readings, threads,
            peak_memory_bytes, energy_uj, cycles, instructions, state_before, state_after,
        }
    }
}

fn graph_facts() -> impl Strategy<Value = GraphFacts> {
    let weights = prop_oneof![
        Just(WeightType::F64),
        Just(WeightType::F32),
        Just(WeightType::F16),
        Just(WeightType::Bf16),
        Just(WeightType::Int8),
        Just(WeightType::Int4),
    ];
    (vec(weights, 0..3), any::<[usize; 3]>()).prop_map(
        |(weights, [whole_convolutions, branches, random_weights])| GraphFacts {
            weights,
            whole_convolutions,
            branches,
            random_weights,
        },
    )
}

prop_compose! {
    fn op()(
        (name, operator, output) in any::<(String, String, String)>(),
        (inputs, attributes) in any::<(Vec<String>, String)>(), median_ns: u64,
    ) -> OpProfile {
        OpProfile { name, operator, inputs, output, attributes, median_ns }
    }
}

prop_compose! {
    fn profile_report()(
        ops in vec(op(), 0..4), inferences: usize, (profiled_ns, plain_ns) in any::<(u64, u64)>(),
    ) -> ProfileReport {
        ProfileReport { ops, inferences, profiled_ns, plain_ns }
    }
}

fn cluster() -> impl Strategy<Value = Cluster> {
    any::<(Vec<usize>, Option<u32>, Option<u64>)>().prop_map(|(cpus, capacity, max_khz)| Cluster {
        cpus,
        capacity,
        max_khz,
    })
}

fn android() -> impl Strategy<Value = Android> {
    any::<[Option<String>; 5]>().prop_map(|[manufacturer, model, soc, release, build]| Android {
        manufacturer,
        model,
        soc,
        release,
        build,
    })
}

prop_compose! {
    fn platform()(
        (arch, os, folder) in any::<(String, String, String)>(),
        (kernel, cpu_model, boot_id) in any::<(Option<String>, Option<String>, Option<String>)>(),
        cpus: Vec<usize>, clusters in vec(cluster(), 0..3), memory_bytes: Option<u64>,
        (cgroup_memory, cpu_milli) in any::<(Option<u64>, Option<u64>)>(),
        hypervisor: Option<String>,
        android in proptest::option::of(android()), (half_precision, root) in any::<(bool, bool)>(),
    ) -> Platform {
        Platform {
            arch, os, kernel, cpu_model, cpus, clusters, memory_bytes,
            cgroup: Cgroup { memory_bytes: cgroup_memory, cpu_milli }, hypervisor,
            android, half_precision, root, boot_id, folder,
        }
    }
}

prop_compose! {
    fn hello()(
        (protocol, version, build) in any::<(u32, String, String)>(),
        (name, engine_version) in any::<(String, String)>(), platform in platform(),
    ) -> AgentHello {
        AgentHello {
            protocol, version, build, engine: Engine { name, version: engine_version }, platform,
        }
    }
}

fn outcome() -> impl Strategy<Value = Outcome<NoProgress, AgentDone>> {
    let kind = prop_oneof![
        Just(FailureKind::BadRequest),
        Just(FailureKind::BadInput),
        Just(FailureKind::Limit),
        Just(FailureKind::TimeLimit),
        Just(FailureKind::MemoryLimit),
        Just(FailureKind::Crashed),
        Just(FailureKind::Busy),
        Just(FailureKind::Device),
        Just(FailureKind::Internal),
    ];
    let done = prop_oneof![
        hello().prop_map(AgentDone::Hello),
        Just(AgentDone::Leased),
        Just(AgentDone::Released),
        proptest::option::of(model()).prop_map(|model| AgentDone::Put(PutReport { model })),
        probe_report().prop_map(AgentDone::Probe),
        launch_report().prop_map(|report| AgentDone::Launch(Box::new(report))),
        profile_report().prop_map(AgentDone::Profile),
        (vec(tensor(), 0..3), vec(input_report(), 0..3), vec(tensor(), 0..3))
            .prop_map(|(outputs, inputs, fed)| AgentDone::Run(RunReport { outputs, inputs, fed })),
    ];
    prop_oneof![
        4 => done.prop_map(Outcome::Done),
        1 => (kind, any::<String>())
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
