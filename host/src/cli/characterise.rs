//! `pearl devices characterise`: how fast a device usually is.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::measuring::{PrecisionName, wait};
use crate::device::agent_client::Agent;
use crate::device::registry::Devices;
use crate::measure::past_sessions;
use crate::measure::{Session, Settings, Step};
use crate::output::duration::{self, ms};
use crate::output::terminal::Terminal;
use crate::output::terminal::{Waiting, disturbed, print_json, print_line};

/// Measure the usual speed of a device; latencies are compensated to this speed
///
/// Every kept measurement adds to this knowledge, so the command is meant for a new device. Run it
/// while no other process uses the device.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl devices characterise phone\n  pearl devices characterise board --for 1m --json"
)]
pub struct CharacteriseArgs {
    /// Device to characterise
    #[arg(value_name = "DEV")]
    device: String,
    /// How long to run the reference workload (sentinel)
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    length: Duration,
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Threads of the engine [default: the device's entry]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Arithmetic of the networks that will be measured; each precision has a fingerprint of its own
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    precision: PrecisionName,
    /// How long to wait while another host measures on the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = wait)]
    wait: Duration,
    /// How long to wait until no other process uses the device; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = wait)]
    quiet_wait: Duration,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const TEMPLATE: &str = "{bar:24} {percent:>3} %, {elapsed} so far, {eta} left  {msg}";

pub fn run(args: &CharacteriseArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let devices = Devices::find(args.devices.as_deref())?;
    let device = devices.get(&args.device)?;
    let mut history = past_sessions::open()?;
    let settings = Settings {
        threads: args.threads.map(usize::from),
        precision: args.precision.into(),
        lease_wait: args.wait,
        quiet_wait: Some(args.quiet_wait),
        ..Settings::bench()
    };
    let mut agent = Agent::connect(device)?;
    let bar = terminal.bar(1, TEMPLATE);
    let mut waiting = Waiting::default();
    let found =
        Session::new(&mut agent, &settings, 0).characterise(args.length, &mut |step| match step {
            Step::Waiting { who } => waiting.tell(terminal, &args.device, &who),
            Step::Disturbed { who, waits } => {
                terminal.note(disturbed(&args.device, &who, waits));
            }
            Step::Characterising { elapsed_ns, of_ns } => {
                bar.set_length(of_ns / 1_000_000);
                bar.set_position(elapsed_ns.min(of_ns) / 1_000_000);
            }
            _ => {}
        });
    bar.finish_and_clear();
    let found = found?;
    past_sessions::keep_characterised(&mut history, &found)?;
    let fingerprint = found.fingerprint.id();
    if args.json {
        return print_json(&json!({
            "format": "pearl.devices-characterise/1",
            "device": { "name": args.device, "fingerprint": fingerprint, "detail": found.fingerprint },
            "usual_sentinel": found.usual,
            "readings": found.readings,
        }));
    }
    print_line(&format!(
        "device '{}' (fingerprint {fingerprint}): the reference workload (sentinel) usually takes {} for \
         its arithmetic, {} for its network in {} {} and {} for its memory, by {} readings",
        args.device,
        ms(found.usual.core.0),
        ms(found.usual.network.0),
        found.fingerprint.engine.name,
        found.fingerprint.engine.version,
        ms(found.usual.memory.0),
        found.readings
    ))
}
