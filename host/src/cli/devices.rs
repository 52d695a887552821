//! `pearl devices`: where networks can be measured.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::terminal::{print_json, print_line};
use crate::device::Devices;

/// List the devices that can be measured on
#[derive(Subcommand)]
pub enum DevicesVerb {
    List(ListArgs),
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

pub fn run(DevicesVerb::List(args): DevicesVerb) -> anyhow::Result<()> {
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
