//! `pearl devices check`: a doctor for devices.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::device::doctor::{Finding, Level, examine};
use crate::device::registry::Devices;
use crate::output::error_class::{Classified, ErrorClass};
use crate::output::terminal::Terminal;
use crate::output::terminal::{print_json, print_line};

/// Check devices for what makes their measurements worse, and say what to do
#[derive(Args)]
#[command(after_help = "Examples:\n  pearl devices check\n  pearl devices check phone --json")]
pub struct CheckArgs {
    /// Device to check [default: all]
    #[arg(value_name = "DEV")]
    device: Option<String>,
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CheckArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let devices = Devices::find(args.devices.as_deref())?;
    let chosen = match &args.device {
        Some(name) => vec![devices.get(name)?],
        None => devices.iter().collect(),
    };
    let spinner = terminal.spinner();
    let mut examined = Vec::new();
    for device in chosen {
        spinner.set_message(format!("checking {}", device.name));
        examined.push((device, examine(device)?));
    }
    spinner.finish_and_clear();
    if args.json {
        let devices: Vec<_> =
            examined.iter().map(|(device, findings)| document(&device.name, findings)).collect();
        print_json(&json!({ "format": "pearl.devices-check/1", "devices": devices }))?;
    } else {
        for (device, findings) in &examined {
            print(&device.name, findings)?;
        }
    }
    let blocked: Vec<_> = examined
        .iter()
        .filter(|(_, findings)| worst(findings) == Level::Obstacle)
        .map(|(device, _)| format!("'{}'", device.name))
        .collect();
    if blocked.is_empty() {
        return Ok(());
    }
    let message = format!(
        "nothing can be measured on {}; the findings say why and what to do",
        blocked.join(", ")
    );
    Err(Classified::new(ErrorClass::Device, message).into())
}

fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Fine)
}

fn document(name: &str, findings: &[Finding]) -> Value {
    json!({ "name": name, "worst": worst(findings), "findings": findings })
}

fn print(name: &str, findings: &[Finding]) -> anyhow::Result<()> {
    print_line(name)?;
    for finding in findings {
        let level = finding.level.word();
        let advice =
            finding.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
        print_line(&format!("  {level:8}  {}: {}{advice}", finding.about, finding.evidence))?;
    }
    Ok(())
}
