//! Lets the programs built here find libtorch without an environment variable.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-env-changed=LIBTORCH_LIB");
    println!("cargo::rustc-env=PEARL_TORCH_VERSION={}", version().unwrap_or("unknown".into()));
    let Some(folder) = libraries() else { return };
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    // Nothing refers to libtorch itself: it only registers its kernels when it is loaded, so the
    // linker has to be kept from dropping it. CUDA's kernels register in the same way.
    println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo::rustc-link-arg=-ltorch");
}

/// Version of the libtorch that is linked, from its own header.
fn version() -> Option<String> {
    let header = Path::new(&env::var_os("LIBTORCH")?).join("include/torch/headeronly/version.h");
    let header = fs::read_to_string(header).ok()?;
    let part = |name: &str| {
        let define = format!("#define TORCH_VERSION_{name} ");
        header.lines().find_map(|line| line.strip_prefix(&define)).map(str::trim)
    };
    Some(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}

/// The folder where tch's own build finds the libraries; absolute, as an rpath has to be.
fn libraries() -> Option<PathBuf> {
    let named = env::var_os("LIBTORCH_LIB").or_else(|| env::var_os("LIBTORCH"))?;
    let folder = Path::new(&named).join("lib");
    Some(folder.canonicalize().unwrap_or(folder))
}
