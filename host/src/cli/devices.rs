//! `pearl devices`: the devices that can be measured.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use pearl_agent::protocol::messages::Frequency;
use serde_json::json;

use super::characterise::{self, CharacteriseArgs};
use super::check::{self, CheckArgs};
use crate::device::registry::Devices;
use crate::output::terminal::Terminal;
use crate::output::terminal::{print_json, print_line};

/// List, check and characterise devices
#[derive(Subcommand)]
#[command(
    after_help = "Examples:\n  pearl devices list\n  pearl devices check board\n  pearl devices characterise board"
)]
pub enum DevicesVerb {
    List(ListArgs),
    Check(CheckArgs),
    Characterise(CharacteriseArgs),
}

/// List the known devices
#[derive(Args)]
#[command(after_help = "Example:\n  pearl devices list --devices lab.toml")]
pub struct ListArgs {
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(verb: DevicesVerb, terminal: &Terminal) -> anyhow::Result<()> {
    match verb {
        DevicesVerb::List(args) => list(&args),
        DevicesVerb::Check(args) => check::run(&args, terminal),
        DevicesVerb::Characterise(args) => characterise::run(&args, terminal),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let devices = Devices::find(args.devices.as_deref())?;
    if args.json {
        let devices: Vec<_> = devices
            .iter()
            .map(|device| {
                json!({
                    "name": device.name,
                    "transport": device.transport.word(),
                    "address": device.transport.address(),
                    "cpus": device.cpus.to_string(),
                    "threads": device.threads,
                    "frequency": device.frequency,
                    "wrapper": device.wrapper,
                    "folder": device.folder,
                })
            })
            .collect();
        return print_json(&json!({ "format": "pearl.devices/1", "devices": devices }));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "device",
        "transport",
        "address",
        "processors",
        "threads",
        "frequency",
    ]);
    for device in devices.iter() {
        let frequency = match device.frequency {
            Frequency::Keep => "keep",
            Frequency::Fix => "fix",
        };
        table.add_row([
            device.name.as_str(),
            device.transport.word(),
            &device.transport.address(),
            &device.cpus.to_string(),
            &device.threads.to_string(),
            frequency,
        ]);
    }
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
    print_line(&table.to_string())
}
