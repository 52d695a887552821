use pearl_agent::protocol::messages::{
    Battery, Cgroup, Clock, Cluster, Engine, Frequency, Others, Platform, Reading, State, Thermal,
};
use pearl_agent::protocol::wire::Failure;

use super::*;
use crate::device::entry::Cpus;

struct Patient {
    device: Device,
    hello: AgentHello,
    look: ProbeReport,
    disk: Option<u64>,
}

/// A patient without any fault.
fn sound() -> Patient {
    let cluster = |cpus, max_khz| Cluster { cpus, capacity: None, max_khz: Some(max_khz) };
    Patient {
        device: Device {
            name: "pixel".into(),
            transport: Transport::Local,
            cpus: Cpus::List(vec![4]),
            threads: 1,
            frequency: Frequency::Keep,
            wrapper: Vec::new(),
            folder: None,
        },
        hello: AgentHello {
            protocol: pearl_agent::protocol::wire::PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            build: "00".into(),
            engine: Engine { name: "tract".into(), version: "0.23.9".into() },
            platform: Platform {
                arch: "aarch64".into(),
                os: "linux".into(),
                kernel: None,
                cpu_model: None,
                cpus: (0..8).collect(),
                clusters: vec![
                    cluster(vec![0, 1, 2, 3], 1_800_000),
                    cluster(vec![4, 5, 6, 7], 2_800_000),
                ],
                memory_bytes: Some(8 << 30),
                cgroup: Cgroup::default(),
                hypervisor: None,
                android: None,
                half_precision: true,
                root: false,
                boot_id: None,
                folder: "/data/local/tmp".into(),
            },
        },
        look: ProbeReport {
            state: State {
                frequency_khz: vec![2_800_000],
                governor: Some("performance".into()),
                preference: None,
                boost: None,
                temperature_mc: vec![("cpu".into(), 35_000)],
                load_milli: Some(100),
                memory_available_bytes: Some(4 << 30),
                battery: Some(Battery { percent: Some(90), status: Some("Full".into()) }),
                thermal: Some(Thermal { status: Some(0), headroom_milli: Some(700) }),
                scheduling: None,
                fixed_performance: false,
            },
            clock: Clock { resolution_ns: 1, overhead_ns: 30 },
            readings: [500_000, 501_000, 505_000].map(reading).to_vec(),
            others: Others { wall_ns: 1000, busy_ns: Some(10), ..Others::default() },
        },
        disk: Some(10 << 30),
    }
}

fn reading(network_ns: u64) -> Reading {
    Reading { core_ns: 1, network_ns, memory_ns: 1, cpu_ns: 1000, wall_ns: 1000 }
}

impl Patient {
    fn findings(&self) -> Vec<Finding> {
        let cpus = self.device.cpus.on(&self.hello.platform);
        let seen = Seen {
            device: &self.device,
            hello: &self.hello,
            look: &self.look,
            cpus: &cpus,
            disk_free_bytes: self.disk,
        };
        [findings::of_agent(&self.hello), findings::of_look(&seen)].concat()
    }
}

#[test]
fn a_sound_device_has_nothing_but_fine_findings() {
    for finding in sound().findings() {
        assert_eq!((finding.level, &finding.advice), (Level::Fine, &None), "{finding:?}");
    }
}

#[test]
fn what_is_wrong_is_found_with_its_evidence_and_advice() {
    type Harm = fn(&mut Patient);
    let cases: [(Harm, &str, Level, &str); 18] = [
        (|p| p.hello.version = "0.0.1".into(), "agent", Level::Warning, "0.0.1"),
        (|p| p.device.cpus = Cpus::List(vec![9]), "cores", Level::Obstacle, "[9]"),
        (|p| p.device.cpus = Cpus::All, "cores", Level::Warning, "2 kinds"),
        (|p| p.device.threads = 3, "cores", Level::Warning, "3 threads on 1"),
        (
            |p| p.look.state.governor = Some("schedutil".into()),
            "clock rates",
            Level::Warning,
            "schedutil",
        ),
        (
            |p| p.look.state.frequency_khz = vec![1_000_000],
            "throttling",
            Level::Warning,
            "1000 MHz",
        ),
        (
            |p| p.look.state.thermal.as_mut().unwrap().status = Some(1),
            "temperature",
            Level::Warning,
            "thermal status light, a headroom of 0.70",
        ),
        (|p| p.look.state.temperature_mc[0].1 = 71_500, "temperature", Level::Warning, "71.5 °C"),
        (
            |p| p.look.state.battery.as_mut().unwrap().percent = Some(9),
            "battery",
            Level::Warning,
            "9 %",
        ),
        (
            |p| p.look.state.battery.as_mut().unwrap().status = Some("Charging".into()),
            "battery",
            Level::Warning,
            "Charging",
        ),
        (|p| p.look.state.load_milli = Some(2_300), "load", Level::Warning, "2.30"),
        (
            |p| p.look.readings.iter_mut().for_each(|reading| reading.cpu_ns = 500),
            "isolation",
            Level::Warning,
            "50.0 %",
        ),
        (|p| p.look.others.busy_ns = Some(900), "others", Level::Warning, "use 90 %"),
        (|p| p.look.readings[1].network_ns = 700_000, "sentinel", Level::Warning, "+40.0 %"),
        (|p| p.look.clock.resolution_ns = 1_000_000, "clock", Level::Warning, "1000000 ns"),
        (
            |p| p.look.state.memory_available_bytes = Some(100 << 20),
            "memory",
            Level::Warning,
            "100 MiB",
        ),
        (|p| p.hello.platform.cgroup.cpu_milli = Some(500), "limits", Level::Warning, "0.50"),
        (|p| p.disk = Some(1 << 20), "disk", Level::Warning, "1 MiB free"),
    ];
    for (harm, about, level, evidence) in cases {
        let mut patient = sound();
        harm(&mut patient);
        // Notes are left out: a device reports nothing about a processor that it does not have.
        let wrong = |finding: &Finding| !matches!(finding.level, Level::Fine | Level::Note);
        let found: Vec<_> = patient.findings().into_iter().filter(wrong).collect();
        assert_eq!(found.len(), 1, "{about}: {found:?}");
        assert_eq!((found[0].about, found[0].level), (about, level));
        assert!(found[0].evidence.contains(evidence), "{evidence}: {found:?}");
        assert!(found[0].advice.is_some());
    }
}

#[test]
fn what_numbers_depend_on_is_told_with_the_limits_and_clock_rates() {
    let mut patient = sound();
    patient.hello.platform.kernel = Some("6.1".into());
    patient.hello.platform.hypervisor = Some("xen".into());
    patient.hello.platform.cgroup.cpu_milli = Some(1500);
    patient.device.wrapper = vec!["taskset".into(), "-c".into()];
    patient.look.state.preference = Some("performance".into());
    patient.look.state.boost = Some(false);
    patient.look.state.scheduling = Some("top-app".into());
    let findings = patient.findings();
    for (about, evidence) in [
        ("system", "kernel 6.1, hypervisor xen, scheduled as top-app, wrapper taskset -c"),
        ("limits", "1.50 processors"),
        ("clock rates", "governor performance, preference performance, no boost"),
    ] {
        let finding = findings.iter().find(|finding| finding.about == about).unwrap();
        assert_eq!((finding.level, finding.evidence.as_str()), (Level::Fine, evidence));
    }
    let told: Vec<_> = sound().findings().into_iter().map(|finding| finding.evidence).collect();
    assert!(told.contains(&"kernel unknown, no hypervisor".to_owned()), "{told:?}");
}

#[test]
fn fixed_performance_mode_lowers_the_clock_on_purpose() {
    let mut patient = sound();
    patient.look.state.fixed_performance = true;
    patient.look.state.governor = Some("sched_pixel".into());
    patient.look.state.frequency_khz = vec![1_000_000];
    assert!(patient.findings().iter().all(|finding| finding.level == Level::Fine));
}

#[test]
fn only_a_device_that_somebody_else_has_is_worth_waiting_for() {
    for (kind, waits) in [(FailureKind::Busy, true), (FailureKind::Device, false)] {
        let finding = not_leased(&ChildError::Failed(Failure::new(kind, "why")));
        assert_eq!((finding.level, finding.evidence.as_str()), (Level::Obstacle, "why"));
        assert_eq!(finding.advice.unwrap().contains("wait"), waits);
    }
}

#[test]
fn what_a_device_does_not_tell_is_never_fine() {
    let mut silent = sound();
    silent.look.state = State::default();
    silent.disk = None;
    let notes = silent.findings().into_iter().filter(|finding| finding.level == Level::Note);
    let abouts: Vec<_> = notes.map(|finding| finding.about).collect();
    let expected = ["clock rates", "throttling", "temperature", "load", "memory", "disk"];
    assert_eq!(abouts, expected);
}
