//! `pearl talk`: the agent's protocol with a device, for scripts and tests.
//!
//! Requests take the same path as those of the other commands: a request names a model file by its path
//! on this machine, the host puts the file on the device, and a lost agent is replaced.

use std::io::{BufReader, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pearl_agent::protocol::messages::{AgentDone, AgentRequest, NoProgress};
use pearl_agent::protocol::serve::{Progress, serve};
use pearl_agent::protocol::wire::{Failure, FailureKind, PROTOCOL};

use crate::device::agent_client::{Agent, Replaced, classified};
use crate::device::registry::Devices;
use crate::output::error_class::{Classify, ErrorClass, told};
use crate::output::terminal::Terminal;
use crate::process::child::ChildError;

/// Speak the agent's protocol with a device: requests on stdin, answers on stdout
#[derive(Args)]
#[command(after_help = format!("Example:\n  \
    echo '{{\"id\": 1, \"body\": {{\"hello\": {{\"protocol\": {PROTOCOL}}}}}}}' | pearl talk board"))]
pub struct TalkArgs {
    #[arg(value_name = "DEV")]
    device: String,
    /// Device file [default: $PEARL_DEVICES, else pearl/devices.toml in the configuration directory and
    /// the addresses in ./devices.toml]
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Seconds to wait while another host has leased the device
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

pub fn run(args: TalkArgs, terminal: &Terminal) -> anyhow::Result<()> {
    let devices = Devices::find(args.devices.as_deref())?;
    let mut agent = Agent::connect(devices.get(&args.device)?)?;
    let wait = Duration::from_secs(args.wait);
    serve(
        BufReader::new(stdin()),
        &mut stdout().lock(),
        || {},
        |request: AgentRequest, _: &mut Progress<'_, NoProgress, AgentDone>| {
            let answer = match answer(&mut agent, request.clone(), wait, terminal) {
                Err(lost) if lost.lost() => {
                    terminal.note(lost.to_string());
                    let replaced = agent.replace().map_err(|error| gone(&error))?;
                    if replaced == Replaced::OtherBoot {
                        terminal.note(format!("device '{}' was rebooted", args.device));
                    }
                    answer(&mut agent, request, wait, terminal)
                }
                answer => answer,
            };
            answer.map_err(|error| match error {
                ChildError::Failed(failure) => failure,
                other => gone(&classified(&other).into()),
            })
        },
    )
    .or_class(ErrorClass::Machine)?;
    agent.release().map_err(|error| classified(&error))?;
    let traffic = agent.traffic();
    let (sent, trips) = (traffic.bytes_sent, traffic.round_trips);
    terminal.note(format!("sent {sent} bytes in {trips} round trips"));
    Ok(())
}

fn answer(
    agent: &mut Agent,
    request: AgentRequest,
    wait: Duration,
    terminal: &Terminal,
) -> Result<AgentDone, ChildError> {
    Ok(match request {
        AgentRequest::Hello { .. } => AgentDone::Hello(agent.hello().clone()),
        AgentRequest::Lease(_) => {
            agent.lease(wait, |who| terminal.note(who))?;
            AgentDone::Leased
        }
        AgentRequest::Release => {
            agent.release()?;
            AgentDone::Released
        }
        AgentRequest::Put(_) => {
            let message = "model files are sent when a request uses them: name them by their path \
                           on this machine";
            return Err(ChildError::Failed(Failure::new(FailureKind::BadRequest, message)));
        }
        AgentRequest::Probe(request) => AgentDone::Probe(agent.look(request)?),
        AgentRequest::Launch(mut request) => {
            request.model = agent.place(&request.model, |_, _| {})?;
            AgentDone::Launch(Box::new(agent.launch(request)?))
        }
        AgentRequest::Profile(mut request) => {
            request.launch.model = agent.place(&request.launch.model, |_, _| {})?;
            AgentDone::Profile(agent.profile(request)?)
        }
        AgentRequest::Run(mut request) => {
            request.model = agent.place(&request.model, |_, _| {})?;
            AgentDone::Run(agent.run(request)?)
        }
    })
}

fn gone(error: &anyhow::Error) -> Failure {
    Failure::new(FailureKind::Device, told(error))
}
