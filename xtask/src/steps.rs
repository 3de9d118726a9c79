//! The steps that commands are made of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, bail};

use crate::{install, models, tidy};

/// The folder of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the project").to_owned()
}

/// Says what comes next.
pub(crate) fn announce(step: &str) {
    eprintln!("\n── {step}");
}

/// Runs a program to its end; failure is an error that names it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.status().with_context(|| format!("cannot start {shown}"))?;
    if !status.success() {
        bail!("{shown} ended with {status}");
    }
    Ok(())
}

/// Cargo, in the folder of the project.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// npm, in the folder of the user interface.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(root().join("ui"));
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Builds the user interface, unless nothing in it is newer than the last build.
pub(crate) fn build_ui() -> anyhow::Result<()> {
    let ui = root().join("ui");
    let built = newest(&ui.join("dist"));
    let sources = ["src", "public", "index.html", "package-lock.json", "vite.config.ts"];
    let changed = sources.iter().filter_map(|source| newest(&ui.join(source))).max();
    if built.is_some() && built >= changed {
        return Ok(());
    }
    install::npm()?;
    announce("build the user interface");
    run(&mut npm(&["run", "--silent", "build"]))
}

fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        return std::fs::read_dir(path).ok()?.flatten().filter_map(|entry| newest(&entry.path())).max();
    }
    path.metadata().ok()?.modified().ok()
}

/// `cargo xtask build`.
pub(crate) fn build_release() -> anyhow::Result<()> {
    install::tools(install::COMPILE)?;
    build_ui()?;
    announce("build the binary");
    run(&mut cargo(&["build", "--release", "--package", "manmul"]))
}

/// `cargo xtask run`: the demo, from a fresh machine to a link to open.
pub(crate) fn run_demo(arguments: &[String]) -> anyhow::Result<()> {
    build_release()?;
    announce("start Manmul with the demo home");
    let mut command = Command::new(target().join("release/manmul"));
    command.current_dir(root()).arg("up").arg("--demo").args(arguments);
    // The binary takes over this process, so that signals reach it as a user would expect.
    Err(anyhow::Error::new(std::os::unix::process::CommandExt::exec(&mut command))
        .context("cannot start the manmul binary"))
}

/// `cargo xtask check`.
pub(crate) fn check() -> anyhow::Result<()> {
    install::tools(install::COMPILE)?;
    announce("format");
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    announce("tidy");
    tidy::run()?;
    announce("lints");
    run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    install::npm()?;
    announce("check the user interface");
    run(&mut npm(&["run", "--silent", "check"]))
}

/// `cargo xtask openapi`: the API's description, and the interface's types made from it.
pub(crate) fn openapi() -> anyhow::Result<()> {
    announce("write openapi.json");
    let output = cargo(&["run", "--quiet", "--package", "manmul", "--", "openapi"]).output()?;
    if !output.status.success() {
        bail!("manmul openapi failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::write(root().join("openapi.json"), output.stdout).context("openapi.json")?;
    install::npm()?;
    announce("write the interface's types");
    run(&mut npm(&["run", "--silent", "types"]))
}

/// `cargo xtask bench NAME [--quick]`.
pub(crate) fn bench(arguments: &[String]) -> anyhow::Result<()> {
    install::tools(install::COMPILE)?;
    let mut packages = vec!["--package", "bench"];
    // These stand beside no server, and need no binary of ours.
    let mut citylearn = None;
    let mut sumo = None;
    let python = match arguments.first().map(String::as_str) {
        Some("city") => {
            sumo = Some(install::python_alone("sumo", install::PYTHON_SUMO)?.join("bin/python"));
            None
        }
        Some("home") => {
            packages.extend(["--package", "manmul"]);
            citylearn = Some(install::citylearn()?.join("bin/python"));
            None
        }
        Some("map") => {
            packages.extend(["--package", "manmul"]);
            None
        }
        Some("inference") => Some(models::fetch()?),
        Some("nets") => None,
        _ => {
            install::tools(install::BENCH)?;
            packages.extend(["--package", "manmul"]);
            Some(install::python("bench", install::PYTHON_BENCH)?.join("bin/python"))
        }
    };
    announce("build in release mode");
    run(cargo(&["build", "--release"]).args(packages))?;
    let mut command = Command::new(target().join("release/bench"));
    command.current_dir(root()).args(arguments).env("BENCH_MANMUL", target().join("release/manmul"));
    command.env("BENCH_MODELS", models::folder());
    if let Some(python) = python {
        command.env("BENCH_PYTHON", python);
    }
    if let Some(sumo) = sumo {
        command.env("BENCH_SUMO", sumo);
    }
    if let Some(citylearn) = citylearn {
        command.env("BENCH_CITYLEARN", citylearn);
        command.env("BENCH_EMHASS", install::python("emhass", install::PYTHON_EMHASS)?.join("bin/python"));
    }
    run(&mut command)
}
