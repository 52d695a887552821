//! `pearl devices`: where networks can be measured.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Terminal;
use super::check::{self, CheckArgs};
use super::terminal::{print_json, print_line};
use crate::device::Devices;

/// List and check the devices that can be measured on
#[derive(Subcommand)]
pub enum DevicesVerb {
    List(ListArgs),
    Check(CheckArgs),
}

/// List the devices that are known
#[derive(Args)]
#[command(after_help = "Example:\n  pearl devices list --devices lab.toml")]
pub struct ListArgs {
    /// File of devices; else ./devices.toml, else the one in the user's configuration directory
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
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let devices = Devices::find(args.devices.as_deref())?;
    if args.json {
        let devices: Vec<_> = devices
            .iter()
            .map(|device| json!({ "name": device.name, "transport": "local", "cpus": device.cpus.to_string() }))
            .collect();
        return print_json(&json!({ "format": "pearl.devices/1", "devices": devices }));
    }
    for device in devices.iter() {
        print_line(&format!("{}  local, processors: {}", device.name, device.cpus))?;
    }
    Ok(())
}
