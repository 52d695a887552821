//! `pearl arch`: architectures and reference networks.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, Table, presets};
use fs_err as fs;
use pearl_models::architecture::ArchId;
use pearl_models::network::Network;
use pearl_models::reference;
use pearl_models::shape::{ImageShape, Shape};
use pearl_models::space::Space;
use rand::SeedableRng;
use rand_pcg::Pcg64;
use serde_json::{Value, json};

use super::network_args::{Named, NetworkArgs, parse_input};
use crate::output::error_class::{Classify, ClassifyWriting, ErrorClass};
use crate::output::graph_json::nodes;
use crate::output::terminal::{print_json, print_line};
use crate::train::weights_file::replace_file;

/// List spaces and reference networks, sample architectures, or show a network
#[derive(Subcommand)]
#[command(after_help = "Examples:\n  pearl arch list\n  pearl arch show mobilenet-v2:1.0@224")]
pub enum ArchVerb {
    List(ListArgs),
    Sample(SampleArgs),
    Show(ShowArgs),
}

/// List the search spaces and the reference networks
#[derive(Args)]
#[command(after_help = "Example:\n  pearl arch list --json")]
pub struct ListArgs {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Sample architectures uniformly from a space and write them as JSON files
#[derive(Args)]
#[command(after_help = "Example:\n  pearl arch sample --space mnas -n 10 --seed 1 -o students/")]
pub struct SampleArgs {
    /// Search space: mnas or conv20
    #[arg(long)]
    space: String,
    /// Number of architectures
    #[arg(short, default_value_t = 1)]
    n: usize,
    /// Seed; the same seed gives the same architectures
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Input shape, as channels x height x width
    #[arg(long, value_name = "CxHxW", value_parser = parse_input, default_value = "3x224x224")]
    input: ImageShape,
    /// Number of classes
    #[arg(long, default_value_t = 1000)]
    classes: usize,
    /// Folder to write to: one file per architecture, named by its id
    #[arg(short, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Show a network: its layers, shapes and costs
#[derive(Args)]
#[command(
    after_help = "Examples:\n  pearl arch show students/0123456789abcdef.json\n  pearl arch show mobilenet-v2:1.0@224 --json"
)]
pub struct ShowArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn run(verb: ArchVerb) -> anyhow::Result<()> {
    match verb {
        ArchVerb::List(args) => list(&args),
        ArchVerb::Sample(args) => sample(&args),
        ArchVerb::Show(args) => show(&args),
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let (spaces, networks) = (Space::names(), reference::names());
    if args.json {
        return print_json(
            &json!({ "format": "pearl.arch-list/1", "spaces": spaces, "networks": networks }),
        );
    }
    print_line(&format!("spaces: {}", spaces.join(", ")))?;
    print_line(&format!("reference networks: {}", networks.join(", ")))?;
    print_line(
        "a reference network may have a width and a resolution, such as mobilenet-v2:0.75@160; \
         other depths are resnet-<6n+2> and wide-resnet-<6n+4>-<k>",
    )
}

fn sample(args: &SampleArgs) -> anyhow::Result<()> {
    let space = Space::new(&args.space, args.input, args.classes).or_class(ErrorClass::Usage)?;
    fs::create_dir_all(&args.out).or_unwritable()?;
    let mut rng = Pcg64::seed_from_u64(args.seed);
    let mut written = Vec::new();
    for _ in 0..args.n {
        let architecture = space.sample(&mut rng);
        let costs = space.decode(&architecture).context("a sampled architecture")?.costs();
        let id = architecture.id();
        let path = args.out.join(format!("{id}.json"));
        replace_file(&path, architecture.to_json().as_bytes()).or_unwritable()?;
        written.push((id, path, costs));
    }
    if args.json {
        let architectures: Vec<_> = written
            .iter()
            .map(|(id, path, costs)| {
                json!({ "arch_id": id, "path": path, "params": costs.params, "macs": costs.macs })
            })
            .collect();
        return print_json(
            &json!({ "format": "pearl.arch-sample/1", "architectures": architectures }),
        );
    }
    written.iter().try_for_each(|(_, path, _)| print_line(&path.display().to_string()))
}

fn show(args: &ShowArgs) -> anyhow::Result<()> {
    let (named, network) = args.network.resolve()?;
    let id = match &named {
        Named::Architecture(architecture) => Some(architecture.id()),
        Named::Reference => None,
    };
    if args.json { print_json(&document(id, &network)) } else { print_table(id, &network) }
}

fn document(id: Option<ArchId>, network: &Network) -> Value {
    let costs = network.costs();
    let layers: Vec<_> = network
        .layer_costs()
        .iter()
        .map(|layer| {
            let node = network.node(layer.node);
            json!({
                "name": node.name,
                "op": node.op.name(),
                "shape": dims(node.shape),
                "params": layer.costs.params,
                "macs": layer.costs.macs,
                "activation_bytes": layer.costs.activation_bytes,
            })
        })
        .collect();
    json!({
        "format": "pearl.arch/1",
        "name": network.name,
        "arch_id": id,
        "input": dims(Shape::Map(network.input)),
        "classes": network.classes,
        "params": costs.params,
        "macs": costs.macs,
        "activation_bytes": costs.activation_bytes,
        "layers": layers,
        "nodes": nodes(network),
    })
}

fn dims(shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Map(map) => vec![map.channels, map.height, map.width],
        Shape::Vector(features) => vec![features],
    }
}

fn print_table(id: Option<ArchId>, network: &Network) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["layer", "op", "shape", "params", "MACs"]);
    for layer in network.layer_costs() {
        let node = network.node(layer.node);
        let dims: Vec<_> = dims(node.shape).iter().map(ToString::to_string).collect();
        table.add_row([
            node.name.clone(),
            node.op.name().to_owned(),
            dims.join("×"),
            layer.costs.params.to_string(),
            layer.costs.macs.to_string(),
        ]);
    }
    for column in 3..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let costs = network.costs();
    let id = id.map(|id| format!("  {id}")).unwrap_or_default();
    print_line(&format!(
        "{table}\n\n{}{id}\n{} parameters, {} multiply-accumulates, {} bytes of activations",
        network.name, costs.params, costs.macs, costs.activation_bytes
    ))
}
