//! `pearl talk`: the agent's protocol with a device, for scripts and tests.
//!
//! Everything goes the way of the other commands: model files named by their path here are put on
//! the device, a lost agent is replaced.

use std::io::{BufReader, stdin, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use pearl_agent::agent::{AgentDone, AgentRequest, NoProgress};
use pearl_agent::serve::{Progress, serve};
use pearl_agent::wire::{Failure, FailureKind, PROTOCOL};

use super::Terminal;
use crate::agent::{Agent, Replaced, fault};
use crate::child::ChildError;
use crate::device::Devices;
use crate::exit::{Classify, Kind};

/// Speak the agent's protocol with a device: requests on stdin, answers on stdout
#[derive(Args)]
#[command(after_help = format!("Example:\n  \
    echo '{{\"id\": 1, \"body\": {{\"hello\": {{\"protocol\": {PROTOCOL}}}}}}}' | pearl talk board"))]
pub struct TalkArgs {
    #[arg(value_name = "DEV")]
    device: String,
    /// File of devices; else ./devices.toml, else the one in the user's configuration directory
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Seconds to wait for a device that somebody else has
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
                        terminal.note(format!("device '{}' was started again", args.device));
                    }
                    answer(&mut agent, request, wait, terminal)
                }
                answer => answer,
            };
            answer.map_err(|error| match error {
                ChildError::Failed(failure) => failure,
                other => gone(&fault(&other).into()),
            })
        },
    )
    .or_fault(Kind::Usage)?;
    agent.release().map_err(|error| fault(&error))?;
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
            let message = "model files are put where they are used: name them by their path here";
            return Err(ChildError::Failed(Failure::new(FailureKind::BadRequest, message)));
        }
        AgentRequest::Look(request) => AgentDone::Look(agent.look(request)?),
        AgentRequest::Launch(mut request) => {
            request.model = agent.place(&request.model, |_, _| {})?;
            AgentDone::Launch(agent.launch(request)?)
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
    Failure::new(FailureKind::Device, format!("{error:#}"))
}
