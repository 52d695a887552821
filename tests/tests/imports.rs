//! No module imports itself through others.
//!
//! A module may use the one that it lies in; everything else that it names by `crate::` or `super::` is an
//! edge. Tests are left out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pearl_tests::programs::checkout;

type Module = Vec<String>;

#[test]
fn no_module_imports_itself_through_others() {
    let crates = ["models", "calibration", "device-agent", "host", "host/worker"];
    for folder in crates {
        let modules = modules(&checkout().join(folder).join("src"));
        let edges: BTreeMap<&Module, BTreeSet<Module>> = modules
            .iter()
            .map(|(module, file)| (module, imports(module, file, &modules)))
            .collect();
        assert!(edges.values().any(|targets| !targets.is_empty()), "{folder}: no imports are seen");
        for module in modules.keys() {
            let circle = circle(module, &edges);
            assert!(circle.is_none(), "{folder}: {}", circle.unwrap().join(" -> "));
        }
    }
}

/// One word, one meaning. A file of the command line is named by its command, an `error` by its room.
#[test]
fn no_module_has_the_name_of_another() {
    let mut homes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for folder in ["models", "calibration", "device-agent", "host", "host/worker"] {
        for (module, file) in modules(&checkout().join(folder).join("src")) {
            let verb = module.len() == 2 && module[0] == "cli";
            if let Some(name) = module.last().filter(|name| *name != "error" && !verb) {
                homes.entry(name.clone()).or_default().push(file);
            }
        }
    }
    assert!(homes.len() > 100, "the modules are not found: {homes:?}");
    let namesakes: Vec<_> = homes.values().filter(|files| files.len() > 1).collect();
    assert!(namesakes.is_empty(), "{namesakes:#?}");
}

#[test]
fn paths_are_found_in_nested_imports() {
    let code = "use crate::{a::{B, c::D}, e};\nuse super::f::G;\nlet x = crate::h::i();";
    let found: Vec<String> = paths(code).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["crate::a::B", "crate::a::c::D", "crate::e", "super::f::G", "crate::h::i"]);
}

fn modules(root: &Path) -> BTreeMap<Module, PathBuf> {
    let (mut open, mut found) = (vec![root.to_owned()], BTreeMap::new());
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") && name != "tests" {
                let inner = path.parent().unwrap().strip_prefix(root).unwrap();
                let mut module: Module =
                    inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
                if !["lib", "main", "mod"].contains(&name.as_str()) {
                    module.push(name);
                }
                found.insert(module, path);
            }
        }
    }
    found
}

fn imports(module: &Module, file: &Path, modules: &BTreeMap<Module, PathBuf>) -> BTreeSet<Module> {
    let text = std::fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String =
        code.lines().map(|line| line.split("//").next().unwrap().to_owned() + "\n").collect();
    let absolute = |path: Vec<String>| -> Module {
        let ups = path.iter().take_while(|part| *part == "super").count();
        match ups {
            0 => path[1..].to_vec(),
            _ => [&module[..module.len().saturating_sub(ups)], &path[ups..]].concat(),
        }
    };
    let owner = |path: Module| {
        (0..=path.len()).rev().map(|n| path[..n].to_vec()).find(|m| modules.contains_key(m))
    };
    let targets = paths(&code).into_iter().filter_map(|path| owner(absolute(path)));
    targets.filter(|target| !module.starts_with(target)).collect()
}

/// Every path that begins with `crate::` or `super::`, those in braces one by one.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let before = code[..at].chars().next_back();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            found.push((at, tree(&code[at..], &[]).0));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().flat_map(|(_, paths)| paths).collect()
}

/// The paths of a use tree, and the number of bytes that it takes.
fn tree(text: &str, prefix: &[String]) -> (Vec<Vec<String>>, usize) {
    let end =
        text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let parts = text[..end].split("::").filter(|part| !part.is_empty()).map(str::to_owned);
    let path: Vec<String> = prefix.iter().cloned().chain(parts).collect();
    if !text[end..].starts_with('{') {
        return (vec![path], end);
    }
    let (mut all, mut at) = (Vec::new(), end + 1);
    while let Some(next) = text[at..].find(|c: char| c == '}' || c.is_alphanumeric() || c == '_') {
        at += next;
        if text[at..].starts_with('}') {
            break;
        }
        let (paths, length) = tree(&text[at..], &path);
        all.extend(paths);
        at += length.max(1);
    }
    (all, at + 1)
}

/// The way from a module back to itself.
fn circle(start: &Module, edges: &BTreeMap<&Module, BTreeSet<Module>>) -> Option<Vec<String>> {
    let mut open = vec![vec![start.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = open.pop() {
        for target in edges.get(way.last().unwrap()).into_iter().flatten() {
            if target == start {
                return Some(way.iter().chain([target]).map(|module| module.join("::")).collect());
            }
            if seen.insert(target.clone()) {
                open.push([&way[..], std::slice::from_ref(target)].concat());
            }
        }
    }
    None
}
