//! The rules of the checks, one function each.

use pearl_agent::protocol::messages::{AgentHello, Frequency, Reading};

use super::Level::{Note, Obstacle, Warning};
use super::{Finding, Seen};
use crate::measure::{FULL_RATE, android_heat, disturbance, highest_khz};

const MIB: u64 = 1 << 20;
/// Above this temperature, in thousandths of a degree Celsius, most phones lower their clock rates.
const WARM_MC: i64 = 60_000;
/// A thread that is alone on its core gets at least this share of the time.
const ALONE: f64 = 0.97;
/// The highest ratio of the sentinel's slower readings to the fastest one that counts as even.
const EVEN: f64 = 1.10;
const IDLE_LOAD_MILLI: u64 = 500;
const LEAST_MEMORY: u64 = 512 * MIB;
const LEAST_DISK: u64 = 256 * MIB;
const LEAST_BATTERY: u64 = 20;
const COARSE_CLOCK_NS: u64 = 1_000;

pub(super) fn of_agent(hello: &AgentHello) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let engine = &hello.engine;
    let evidence = format!("version {}, {} {}", hello.version, engine.name, engine.version);
    vec![if hello.version == own {
        Finding::fine("agent", evidence)
    } else {
        let advice = format!("install the agent {own}, which belongs to this program");
        Finding::new(Warning, "agent", evidence, advice)
    }]
}

pub(super) fn of_look(seen: &Seen<'_>) -> Vec<Finding> {
    [
        system,
        cores,
        frequency,
        throttling,
        temperature,
        battery,
        load,
        others,
        isolation,
        sentinel,
        clock,
        memory,
        limits,
        disk,
    ]
    .map(|rule| rule(seen))
    .to_vec()
}

/// What is part of the fingerprint and no other finding tells.
fn system(seen: &Seen<'_>) -> Finding {
    let platform = &seen.hello.platform;
    let kernel = platform.kernel.as_deref().unwrap_or("unknown");
    let hypervisor = platform.hypervisor.as_ref().map(|name| format!("hypervisor {name}"));
    let hypervisor = hypervisor.unwrap_or_else(|| "no hypervisor".to_owned());
    let mut told = vec![format!("kernel {kernel}"), hypervisor];
    if let Some(group) = &seen.look.state.scheduling {
        told.push(format!("scheduled as {group}"));
    }
    if !seen.device.wrapper.is_empty() {
        told.push(format!("wrapper {}", seen.device.wrapper.join(" ")));
    }
    Finding::fine("system", told.join(", "))
}

fn cores(seen: &Seen<'_>) -> Finding {
    let platform = &seen.hello.platform;
    let about = "cores";
    let absent: Vec<_> = seen.cpus.iter().filter(|cpu| !platform.cpus.contains(cpu)).collect();
    if !absent.is_empty() {
        return Finding::new(
            Obstacle,
            about,
            format!("processors {absent:?} are not among {:?}", platform.cpus),
            "correct `cpus` in the device's entry",
        );
    }
    let kinds = platform.clusters.len();
    if seen.cpus.is_empty() && kinds > 1 {
        return Finding::new(
            Warning,
            about,
            format!("the scheduler chooses among {kinds} kinds of processors"),
            "set `cpus = \"big\"` in the device's entry",
        );
    }
    let threads = seen.device.threads;
    let usable = if seen.cpus.is_empty() { platform.cpus.len() } else { seen.cpus.len() };
    if threads > usable {
        return Finding::new(
            Warning,
            about,
            format!("{threads} threads on {usable} processors"),
            "set fewer `threads`, or more `cpus`, in the device's entry",
        );
    }
    Finding::fine(
        about,
        match seen.cpus {
            [] => format!("all {usable}, of one kind; the scheduler chooses"),
            cpus => format!("pinned to {cpus:?}"),
        },
    )
}

fn frequency(seen: &Seen<'_>) -> Finding {
    let about = "clock rates";
    if seen.look.state.fixed_performance {
        return Finding::fine(about, "fixed-performance mode");
    }
    let platform = &seen.hello.platform;
    let advice = match (seen.device.frequency, platform.root || platform.android.is_some()) {
        (Frequency::Fix, _) => "find out why the device did not take the governor `performance`",
        (Frequency::Keep, true) => "set `frequency = \"fix\"` in the device's entry",
        (Frequency::Keep, false) => {
            "fix the governor if you have the permission; the sentinel shows slow moments"
        }
    };
    match seen.look.state.governor.as_deref() {
        None => Finding::new(
            Note,
            about,
            "the device reports no governor",
            "nothing to do; the sentinel shows slow moments",
        ),
        Some(fixed @ ("performance" | "userspace")) => {
            let state = &seen.look.state;
            let preference = state.preference.as_ref().map(|one| format!("preference {one}"));
            let boost = state.boost.map(|on| if on { "boost" } else { "no boost" }.to_owned());
            let told = [Some(format!("governor {fixed}")), preference, boost];
            Finding::fine(about, told.into_iter().flatten().collect::<Vec<_>>().join(", "))
        }
        // The governor of the entry is set while a device is leased.
        Some(scaled) => {
            Finding::new(Warning, about, format!("governor {scaled} follows the load"), advice)
        }
    }
}

fn throttling(seen: &Seen<'_>) -> Finding {
    let about = "throttling";
    let state = &seen.look.state;
    let highest = highest_khz(&seen.hello.platform.clusters, seen.cpus);
    let (Some(now), Some(highest)) = (state.frequency_khz.iter().copied().max(), highest) else {
        return Finding::new(
            Note,
            about,
            "the device reports no clock rates",
            "nothing to do; the sentinel shows slow moments",
        );
    };
    let share = now as f64 / highest.max(1) as f64;
    let evidence =
        format!("{} MHz after the probe, the highest is {} MHz", now / 1000, highest / 1000);
    // That mode holds a lower rate on purpose.
    if share >= FULL_RATE || state.fixed_performance {
        Finding::fine(about, evidence)
    } else {
        let advice = "let it cool down, take off its cover, leave its power-saving mode";
        Finding::new(Warning, about, evidence, advice)
    }
}

fn temperature(seen: &Seen<'_>) -> Finding {
    let about = "temperature";
    let advice = "let it cool down before you measure";
    if let Some(heat) = android_heat(&seen.look.state) {
        return Finding::new(Warning, about, heat, advice);
    }
    let hottest = seen.look.state.temperature_mc.iter().max_by_key(|(_, mc)| *mc);
    let Some((zone, mc)) = hottest else {
        return Finding::new(
            Note,
            about,
            "the device reports no temperatures",
            "nothing to do; the sentinel shows when the device slows down",
        );
    };
    let evidence = format!("{zone} has {:.1} °C", *mc as f64 / 1000.0);
    if *mc < WARM_MC {
        Finding::fine(about, evidence)
    } else {
        Finding::new(Warning, about, evidence, advice)
    }
}

fn battery(seen: &Seen<'_>) -> Finding {
    let about = "battery";
    let Some(battery) = &seen.look.state.battery else {
        return Finding::fine(about, "none");
    };
    let status = battery.status.as_deref().unwrap_or("unknown");
    let percent = battery.percent.map_or("unknown".to_owned(), |percent| format!("{percent} %"));
    let evidence = format!("{percent}, {status}");
    if battery.percent.is_some_and(|percent| percent < LEAST_BATTERY) {
        let advice = "charge it first: many devices slow down on a low battery";
        return Finding::new(Warning, about, evidence, advice);
    }
    if status == "Charging" {
        let advice = "let it charge to the end first: charging heats the device";
        return Finding::new(Warning, about, evidence, advice);
    }
    Finding::fine(about, evidence)
}

fn load(seen: &Seen<'_>) -> Finding {
    let about = "load";
    let Some(load) = seen.look.state.load_milli else {
        return Finding::new(
            Note,
            about,
            "the device reports no load",
            "check what else runs there",
        );
    };
    let evidence = format!("{:.2} over the last minute", load as f64 / 1000.0);
    if load <= IDLE_LOAD_MILLI {
        Finding::fine(about, evidence)
    } else {
        Finding::new(Warning, about, evidence, "stop what else runs there, then check again")
    }
}

fn others(seen: &Seen<'_>) -> Finding {
    let about = "others";
    match disturbance(&seen.look.others) {
        Some(who) => {
            Finding::new(Warning, about, who, "stop them, or measure with --quiet-wait 5m")
        }
        None if seen.look.others.busy_ns.is_some() => {
            Finding::fine(about, "no process uses a tenth of a processor")
        }
        None => Finding::new(
            Note,
            about,
            "the device does not report them",
            "check what else runs there",
        ),
    }
}

fn isolation(seen: &Seen<'_>) -> Finding {
    let about = "isolation";
    let sum =
        |of: fn(&Reading) -> u64| seen.look.readings.iter().map(of).fold(0, u64::saturating_add);
    let (cpu_ns, wall_ns) = (sum(|reading| reading.cpu_ns), sum(|reading| reading.wall_ns));
    let share = if wall_ns == 0 { 1.0 } else { cpu_ns as f64 / wall_ns as f64 };
    let evidence = format!(
        "the reference workload (sentinel) had the processor for {:.1} % of the time",
        100.0 * share
    );
    if share >= ALONE {
        Finding::fine(about, evidence)
    } else {
        let advice = "stop what else runs on these cores, or name others in `cpus`";
        Finding::new(Warning, about, evidence, advice)
    }
}

fn sentinel(seen: &Seen<'_>) -> Finding {
    let about = "sentinel";
    let mut times: Vec<u64> = seen.look.readings.iter().map(|of| of.network_ns).collect();
    times.sort_unstable();
    // One reading in ten may be an outlier.
    let (Some(least), Some(most)) = (times.first(), times.get(times.len() * 9 / 10)) else {
        return Finding::new(Note, about, "the sentinel was not read", "measure a model instead");
    };
    let spread = *most as f64 / (*least).max(1) as f64;
    let evidence = format!(
        "{} readings of its network, the fastest {:.3} ms, one in ten {:+.1} % or more above it",
        times.len(),
        *least as f64 / 1e6,
        100.0 * (spread - 1.0)
    );
    if spread <= EVEN {
        Finding::fine(about, evidence)
    } else {
        let advice = "see the other findings; the compensated latency leaves this slowdown out";
        Finding::new(Warning, about, evidence, advice)
    }
}

fn clock(seen: &Seen<'_>) -> Finding {
    let about = "clock";
    let clock = seen.look.clock;
    let step = clock.resolution_ns.saturating_add(clock.overhead_ns);
    let evidence = format!(
        "steps of {} ns, {} ns to read it: models of {:.3} ms or more can be measured",
        clock.resolution_ns,
        clock.overhead_ns,
        step as f64 * 100.0 / 1e6
    );
    if step <= COARSE_CLOCK_NS {
        Finding::fine(about, evidence)
    } else {
        Finding::new(Warning, about, evidence, "do not measure faster models there")
    }
}

fn memory(seen: &Seen<'_>) -> Finding {
    let about = "memory";
    let Some(available) = seen.look.state.memory_available_bytes else {
        return Finding::new(Note, about, "the device reports none", "start with small models");
    };
    let evidence = format!("{} MiB available", available / MIB);
    if available >= LEAST_MEMORY {
        Finding::fine(about, evidence)
    } else {
        Finding::new(Warning, about, evidence, "stop what uses the memory: large models will fail")
    }
}

fn limits(seen: &Seen<'_>) -> Finding {
    let about = "limits";
    let cgroup = &seen.hello.platform.cgroup;
    let wanted = 1000 * seen.device.threads as u64;
    if let Some(cpu) = cgroup.cpu_milli.filter(|cpu| *cpu < wanted) {
        return Finding::new(
            Warning,
            about,
            format!("the control group gives {:.2} processors", cpu as f64 / 1000.0),
            "raise its limit: a thread that has used up its share is stopped",
        );
    }
    match cgroup.memory_bytes {
        Some(memory) if memory < LEAST_MEMORY => Finding::new(
            Warning,
            about,
            format!("the control group gives {} MiB of memory", memory / MIB),
            "raise its limit: large models will fail",
        ),
        memory => {
            let memory = memory.map(|memory| format!("{} MiB of memory", memory / MIB));
            let cpu = cgroup.cpu_milli.map(|cpu| format!("{:.2} processors", cpu as f64 / 1000.0));
            let told: Vec<_> = [memory, cpu].into_iter().flatten().collect();
            Finding::fine(about, if told.is_empty() { "none".to_owned() } else { told.join(", ") })
        }
    }
}

fn disk(seen: &Seen<'_>) -> Finding {
    let about = "disk";
    let folder = &seen.hello.platform.folder;
    let Some(free) = seen.disk_free_bytes else {
        return Finding::new(
            Note,
            about,
            format!("the free space at {folder} is not known"),
            "nothing to do; a full disk is reported when a model is sent",
        );
    };
    let evidence = format!("{} MiB free at {folder}", free / MIB);
    if free >= LEAST_DISK {
        Finding::fine(about, evidence)
    } else {
        Finding::new(Warning, about, evidence, "free some space: models are kept there")
    }
}
