//! House rules that the compiler does not know: floors, lengths, module docs, licences, links.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::steps::{cargo, root};

/// The floors of the workspace: a crate imports only from floors below its own.
const FLOORS: &[(&str, u32)] = &[
    ("model", 0),
    ("store", 1),
    ("plan", 1),
    ("learn", 1),
    ("rule", 1),
    ("speech", 1),
    ("mqtt", 2),
    ("twin", 3),
    ("connect", 3),
    ("world", 3),
    ("site", 4),
    ("fleet", 5),
    ("home", 5),
    ("city", 5),
    ("server", 6),
    ("manmul", 7),
    ("bench", 8),
    ("xtask", 0),
];

/// The longest file, in lines.
const LINES_MAX: usize = 800;

/// Written by a program from openapi.json.
const GENERATED: &str = "ui/src/api/schema.d.ts";

/// The most crates that the shipped binary may stand on, ours included.
const CRATES_MAX: usize = 300;

/// Licences that may be in the binary.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "MIT-0",
    "CDLA-Permissive-2.0",
    "BSL-1.0",
    "MPL-2.0",
];

/// Crates that may know whether a thing is virtual: the one that stores it, the one that shows it, the one that
/// assembles. Everyone else treats all things alike (invariant 1 of ARCHITECTURE.md).
const ORIGIN_READERS: &[&str] = &["twin", "server", "manmul", "bench", "xtask"];

/// The one line elsewhere: what is said of a thing when it is made is written down.
const ORIGIN_WRITTEN: &str = "thing.origin = new.origin;";

/// `cargo xtask tidy`.
pub(crate) fn run() -> anyhow::Result<()> {
    let files = tracked()?;
    let mut faults = Vec::new();
    for file in &files {
        if let Ok(text) = std::fs::read_to_string(root().join(file)) {
            faults.extend(text_faults(file, &text));
            if file.extension().is_some_and(|extension| extension == "md") {
                faults.extend(link_faults(&root(), file, &text));
            }
        }
    }
    let metadata = metadata()?;
    faults.extend(floor_faults(&metadata)?);
    faults.extend(licence_faults(&metadata)?);
    faults.extend(manifest_faults()?);
    if faults.is_empty() {
        println!("tidy: {} files, no fault", files.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    bail!("{} faults", faults.len());
}

/// The files under version control, and those that are about to be.
fn tracked() -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

fn text_faults(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |line: usize, problem: &str| faults.push(format!("{}:{line}: {problem}", file.display()));
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !matches!(extension, "rs" | "ts" | "svelte" | "py" | "mjs" | "css" | "toml" | "md") {
        return faults;
    }
    let is_code = !matches!(extension, "toml" | "md");
    if is_code && file != Path::new(GENERATED) && text.lines().count() > LINES_MAX {
        fault(LINES_MAX, &format!("the file is longer than {LINES_MAX} lines; is there a seam in it?"));
    }
    if extension == "rs" && !text.trim_start_matches("#![no_main]").trim_start().starts_with("//!") {
        fault(1, "the module has no `//!` docs");
    }
    let unfinished = concat!("TO", "DO");
    let in_product = file.starts_with("crates");
    let crate_name = file.components().nth(1).and_then(|part| part.as_os_str().to_str()).unwrap_or_default();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        // In Rust rustfmt sees to it, and snapshots of what others sent may end in spaces.
        if extension != "rs" && line.ends_with([' ', '\t']) {
            fault(number, "trailing white space");
        }
        if is_code && line.contains(unfinished) {
            fault(number, "unfinished work: finish it, or describe it in docs/decisions");
        }
        if extension == "rs" && line.trim_start().starts_with("#[allow(") {
            fault(number, "say #[expect(lint, reason = \"...\")]");
        }
        let names_origin = line.contains(".origin") || line.contains("Origin::");
        let reads_origin = names_origin && line.trim() != ORIGIN_WRITTEN;
        if in_product && extension == "rs" && reads_origin && !ORIGIN_READERS.contains(&crate_name) {
            fault(number, "whether a thing is virtual is none of this crate's business");
        }
        if names_a_machine(line) {
            fault(number, "the path of one machine");
        }
    }
    faults
}

/// Whether a line names a folder of somebody's machine.
fn names_a_machine(line: &str) -> bool {
    ["work", "root", "home"].iter().any(|folder| {
        let path = format!("/{folder}/");
        line.match_indices(&path).any(|(start, _)| {
            let before = line[..start].chars().next_back();
            // Our own API has a `home`; a machine's has the folders of people in it.
            let within = line[start + path.len()..].split([' ', '"', '\'', '`', ')']).next().unwrap_or_default();
            before.is_none_or(|c| matches!(c, ' ' | '"' | '\'' | '`' | '(' | '='))
                && (*folder != "home" || within.contains('/'))
        })
    })
}

/// Relative links of a Markdown file that lead nowhere.
fn link_faults(base: &Path, file: &Path, text: &str) -> Vec<String> {
    let folder = base.join(file).parent().map(Path::to_owned).unwrap_or_default();
    text.match_indices("](")
        .filter_map(|(start, _)| text[start + 2..].split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with(['#', '<']) && !link.starts_with("mailto:"))
        .filter(|link| !folder.join(link.split('#').next().unwrap_or_default()).exists())
        .map(|link| format!("{}: the link {link} leads nowhere", file.display()))
        .collect()
}

fn metadata() -> anyhow::Result<Value> {
    let output = cargo(&["metadata", "--format-version", "1", "--locked"]).output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

fn packages(metadata: &Value) -> anyhow::Result<&Vec<Value>> {
    metadata["packages"].as_array().context("cargo metadata has no packages")
}

fn floor_faults(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in packages(metadata)?.iter().filter(|package| package["source"].is_null()) {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(floor) = floors.get(name) else {
            faults.push(format!("crate {name} has no floor\nhint: add it to FLOORS and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_test_only = dependency["kind"] == "dev";
            if let Some(below) = floors.get(to).filter(|below| *below >= floor && !is_test_only) {
                faults.push(format!("crate {name} (floor {floor}) imports {to} (floor {below}): imports go down only"));
            }
        }
    }
    Ok(faults)
}

fn licence_faults(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let shipped = shipped()?;
    let mut faults = Vec::new();
    if shipped.len() > CRATES_MAX {
        faults.push(format!("the binary stands on {} crates, the budget is {CRATES_MAX}", shipped.len()));
    }
    for package in packages(metadata)? {
        let name = package["name"].as_str().unwrap_or_default();
        if !shipped.iter().any(|shipped| shipped == name) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or("none");
        if !is_free(licence) {
            faults.push(format!("crate {name} has the licence {licence}, which is not on the list"));
        }
    }
    Ok(faults)
}

/// Whether an SPDX expression can be met with the licences of the list: every AND part has an OR part that is on it.
fn is_free(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" AND ").all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

/// The crates that end up in the binary.
fn shipped() -> anyhow::Result<Vec<String>> {
    let output = cargo(&["tree", "--package", "manmul", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut names: Vec<String> = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Every crate obeys the workspace's lints, and says in its first lines what it promises.
fn manifest_faults() -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (name, _) in FLOORS {
        let folder =
            if ["bench", "xtask"].contains(name) { root().join(name) } else { root().join("crates").join(name) };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).with_context(|| format!("crate {name}"))?;
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("crate {name} does not obey the workspace's lints"));
        }
        let library = std::fs::read_to_string(folder.join("src/lib.rs"));
        if library.is_ok_and(|text| folder.parent() != Some(&root()) && !text.contains("//! **Invariant:**")) {
            faults.push(format!("crate {name} states no invariant in its lib.rs"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> usize {
        text_faults(Path::new(file), text).len()
    }

    #[test]
    fn faults_are_found() {
        assert_eq!(faults("crates/a/src/a.rs", "//! Docs.\nfn a() {}\n"), 0);
        assert_eq!(faults("crates/a/src/a.rs", "fn a() {}\n"), 1);
        assert_eq!(faults("a.md", "Words. \n"), 1);
        assert_eq!(faults("crates/a/src/a.rs", &format!("//! Docs.\n{}", "x\n".repeat(LINES_MAX))), 1);
        assert_eq!(faults("crates/site/src/a.rs", "//! Docs.\nif thing.origin == x {}\n"), 1);
        assert_eq!(faults("crates/server/src/a.rs", "//! Docs.\nif thing.origin == x {}\n"), 0);
        assert_eq!(faults("a.md", concat!("see /wo", "rk/main\n")), 1);
        assert_eq!(faults("a.md", "see things/home/temperature\n"), 0);
    }

    #[test]
    fn licences_are_read_as_expressions() {
        assert!(
            is_free("MIT OR GPL-3.0") && is_free("(MIT OR Apache-2.0) AND Unicode-3.0") && is_free("MIT/Apache-2.0")
        );
        assert!(!is_free("GPL-3.0") && !is_free("MIT AND AGPL-3.0"));
    }

    #[test]
    fn dead_links_are_found() {
        assert_eq!(link_faults(&root(), Path::new("a.md"), "[x](Cargo.toml) [y](gone.md) [z](https://a)").len(), 1);
    }
}
