//! Puts in place what a step needs and the machine lacks: Debian packages, Python packages, npm packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::steps::{announce, root, run};

/// A program and the Debian package that brings it.
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
}

const fn tool(program: &'static str, package: &'static str) -> Tool {
    Tool { program, package }
}

/// What the crates themselves need to compile (SQLite and the TLS primitives are C).
pub(crate) const COMPILE: &[Tool] = &[tool("cc", "gcc"), tool("make", "make")];

/// What the tests against real peers and a real browser need.
pub(crate) const TEST: &[Tool] = &[
    tool("chromium", "chromium"),
    tool("mosquitto_pub", "mosquitto-clients"),
    tool("openssl", "openssl"),
    tool("python3", "python3"),
];

/// What the benchmarks need beside.
pub(crate) const BENCH: &[Tool] = &[
    tool("/usr/sbin/mosquitto", "mosquitto"),
    tool("/usr/lib/postgresql/15/bin/postgres", "postgresql-15"),
    tool("victoria-metrics", "victoria-metrics"),
    tool("python3", "python3"),
];

/// Python packages of the tests, pinned: the newest linux2mqtt that Python 3.11 takes, and the psutil it can read.
pub(crate) const PYTHON_TEST: &[&str] = &[
    "paho-mqtt==2.1.0",
    "linux2mqtt==1.7.0",
    "psutil<7",
    "vda5050-sdk==0.2.0",
    "aiomqtt==2.5.1",
    "frost_sta_client==1.1.53",
];

/// The official SDK of the Model Context Protocol, apart because it wants newer packages than the others.
pub(crate) const PYTHON_MCP: &[&str] = &["mcp==2.3.0"];

/// A client of NGSI-LD, apart because it wants older packages than the others.
pub(crate) const PYTHON_NGSI: &[&str] = &["ngsildclient==0.5.2"];

/// What the simulator of NVIDIA's mission client imports, in the versions that its checkout names.
pub(crate) const PYTHON_NVIDIA: &[&str] =
    &["paho-mqtt==1.6.1", "pydantic==2.12.5", "fastapi==0.120.1", "py_trees==2.1.6", "psycopg[binary]==3.2.13"];

/// Python packages of the benchmarks, pinned.
pub(crate) const PYTHON_BENCH: &[&str] = &["duckdb==1.4.1", "numpy<3"];

/// The planner of homes that ours is measured beside, pinned.
pub(crate) const PYTHON_EMHASS: &[&str] = &["emhass==0.18.7"];
/// CityLearn with what the bench needs of it. It asks for much more (openstudio, gigabytes of torch) that its homes do not touch, so everything is
/// named here and nothing is resolved.
const PYTHON_CITYLEARN: &[&str] = &[
    "citylearn==3.0.2",
    "gymnasium==0.28.1",
    "numpy==1.26.4",
    "pandas==2.2.3",
    "scikit-learn==1.2.2",
    "scipy==1.15.3",
    "joblib==1.6.0",
    "threadpoolctl==3.8.0",
    "cloudpickle==3.1.2",
    "Farama-Notifications==0.0.6",
    "jax-jumpy==1.0.0",
    "typing_extensions==4.16.0",
    "python-dateutil==4.0.0",
    "pytz==2026.6",
    "tzdata==2026.6",
    "PyYAML==6.0.2",
    "simplejson==3.20.1",
    "platformdirs==4.5.0",
    "requests==2.32.3",
    "urllib3==2.5.0",
    "idna==3.20",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "paho-mqtt==2.1.0",
];

/// The streets that signals are measured in, pinned: results differ by a quarter from version to version.
pub(crate) const PYTHON_SUMO: &[&str] =
    &["eclipse-sumo==1.28.0", "libsumo==1.28.0", "sumo-data==1.28.0", "sumolib==1.28.0", "traci==1.28.0"];

/// What makes models ready, and the engine that inference is measured beside, pinned.
pub(crate) const PYTHON_MODELS: &[&str] = &["onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.3.5"];

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Makes sure that the tools are there: installs them as root on Debian, otherwise says what to install.
pub(crate) fn tools(tools: &[Tool]) -> anyhow::Result<()> {
    let missing: Vec<&str> = tools.iter().filter(|tool| !is_there(tool.program)).map(|tool| tool.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_root() || !is_there("apt-get") {
        bail!("these packages are missing: {packages}\nhint: sudo apt-get install {packages}");
    }
    announce(&format!("install {packages}"));
    run(Command::new("apt-get").args(["update", "-qq"]).stdout(Stdio::null()))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(Stdio::null()))
}

/// A virtual environment under `target/` with exactly these packages; returns its folder.
pub(crate) fn python(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    python_with(name, packages, &[])
}

/// The same with nothing but these packages, whatever they ask for.
pub(crate) fn python_alone(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    python_with(name, packages, &["--no-deps"])
}

/// Where Debian's Python packages lie.
const DEBIAN_PYTHON: &str = "/usr/lib/python3/dist-packages";

/// The virtual environment of CityLearn. Rooms that it simulates want torch; that of PyPI is for graphics cards, so Debian's is taken, which stands behind
/// what is pinned.
pub(crate) fn citylearn() -> anyhow::Result<PathBuf> {
    tools(&[tool("/usr/lib/python3/dist-packages/torch", "python3-torch")])?;
    let folder = python_alone("citylearn", PYTHON_CITYLEARN)?;
    for entry in std::fs::read_dir(folder.join("lib"))? {
        let behind = entry?.path().join("site-packages/debian.pth");
        std::fs::write(&behind, DEBIAN_PYTHON).with_context(|| format!("cannot write {}", behind.display()))?;
    }
    Ok(folder)
}

fn python_with(name: &str, packages: &[&str], options: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = root().join("target").join("python").join(name);
    let stamp = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    announce(&format!("install Python packages: {}", packages.join(" ")));
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status();
    if !made.is_ok_and(|status| status.success()) {
        tools(&[tool("/usr/share/doc/python3-venv", "python3-venv")])?;
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    }
    run(Command::new(folder.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check"])
        .args(options)
        .args(packages))?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(folder)
}

/// Looks whether Node and npm are there.
fn node() -> anyhow::Result<()> {
    let output = Command::new("node").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let major: u32 = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    if major < 20 || !is_there("npm") {
        bail!("Node 20 or newer with npm is needed, found {version:?}\nhint: install nodejs and npm");
    }
    Ok(())
}

/// Installs the npm packages of a folder, as its lock file says.
fn npm_in(folder: &Path) -> anyhow::Result<()> {
    node()?;
    let lock = folder.join("package-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.manmul-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    announce("install npm packages");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder))?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The user interface's npm packages.
pub(crate) fn npm() -> anyhow::Result<()> {
    npm_in(&root().join("ui"))
}

/// The npm packages of the vehicles that master control is tested with; gives where Node finds them.
pub(crate) fn vehicles() -> anyhow::Result<PathBuf> {
    let source = root().join("crates/manmul/tests/vehicles");
    let folder = root().join("target/node/vehicles");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    npm_in(&folder)?;
    Ok(folder.join("node_modules"))
}
