//! `cargo xtask test`: every check and test, counted, with one closing line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::install;
use crate::steps::{announce, build_ui, cargo, check, root, run, target};

/// How long one test of an outside suite may take.
const SUITE_TEST_SECONDS: u64 = 75;

/// Tests counted from the closing lines of the runners.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    /// Adds what a line of a runner's output says: cargo's `test result:` or node's `# pass`.
    fn read(&mut self, line: &str) {
        let number = |text: &str| text.trim().split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        if let Some(rest) = line.strip_prefix("test result: ") {
            for part in rest.split(['.', ';']) {
                match part.trim().rsplit(' ').next() {
                    Some("passed") => self.passed += number(part),
                    Some("failed") => self.failed += number(part),
                    Some("ignored") => self.skipped += number(part),
                    _ => {}
                }
            }
        }
        // node's spec reporter writes "ℹ pass 7", its tap reporter "# pass 7".
        let Some(rest) = line.strip_prefix(['#', 'ℹ']) else { return };
        match rest.trim().split_once(' ') {
            Some(("pass", count)) => self.passed += number(count),
            Some(("fail", count)) => self.failed += number(count),
            Some(("skipped", count)) => self.skipped += number(count),
            _ => {}
        }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Runs a test runner, shows its output as it comes, and counts its tests.
fn counted(command: &mut Command) -> anyhow::Result<Count> {
    let shown = format!("{command:?}").replace('"', "");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {shown}"))?;
    let output = child.stdout.take().expect("the output is piped");
    let mut count = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("the runner's output")?;
        println!("{line}");
        count.read(&line);
    }
    let status = child.wait()?;
    if !status.success() {
        count.failed = count.failed.max(1);
    }
    if count.passed + count.failed == 0 {
        bail!("{shown} ran no test");
    }
    Ok(count)
}

/// `cargo xtask test`.
pub(crate) fn test() -> anyhow::Result<()> {
    let mut total = Count::default();
    install::tools(install::TEST)?;
    // First, because the pages are compiled into the program.
    build_ui()?;
    check()?;

    announce("tests");
    total.add(counted(&mut cargo(&["test", "--workspace", "--no-fail-fast", "--quiet"]))?);

    announce("real peers");
    let python = install::python("test", install::PYTHON_TEST)?;
    let mcp = install::python("mcp", install::PYTHON_MCP)?;
    let ngsi = install::python("ngsi", install::PYTHON_NGSI)?;
    let node_modules = install::vehicles()?;
    for (suite, threads) in [("peers", "--test-threads=2"), ("vehicles", "--test-threads=1")] {
        let arguments = ["test", "--package", "manmul", "--test", suite, "--quiet", "--", "--ignored", threads];
        total.add(counted(
            cargo(&arguments)
                .args(["--skip", "nvidia"])
                .env("PEERS_PYTHON", python.join("bin/python"))
                .env("PEERS_FOLDER", python.join("bin"))
                .env("PEERS_MCP_PYTHON", mcp.join("bin/python"))
                .env("PEERS_NGSI_PYTHON", ngsi.join("bin/python"))
                .env("PEERS_NODE_MODULES", &node_modules),
        )?);
    }

    announce("a real browser");
    run(&mut cargo(&["build", "--package", "manmul"]))?;
    total.add(browser()?);

    println!("\n{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if total.failed > 0 {
        bail!("{} failed", total.failed);
    }
    Ok(())
}

/// A process that ends when it is dropped.
struct Guarded(std::process::Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            eprintln!("warning: process {} may still run: {error}", self.0.id());
        }
    }
}

/// How many files of browser tests run at a time, each beside a demo of its own. On two cores a second one makes pages so
/// slow that tests which look too early fail.
const BROWSER_LANES: usize = 1;

/// A demo on free ports in an empty data directory.
struct Demo {
    _process: Guarded,
    data: PathBuf,
    url: String,
    token: String,
}

impl Demo {
    fn start(lane: usize) -> anyhow::Result<Self> {
        let data = tempfolder(&format!("browser-{lane}"))?;
        // Two days of past are enough for every test, and soon told by a program that is not optimised.
        let mut child = Command::new(target().join("debug/manmul"))
            .args(["up", "--demo", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--data"])
            .arg(&data)
            .envs([("MANMUL_HTTP_TLS_LISTEN", ""), ("MANMUL_MQTT_TLS_LISTEN", ""), ("MANMUL_DEMO_HISTORY_DAYS", "2")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start target/debug/manmul")?;
        let output = child.stderr.take().expect("the output is piped");
        let process = Guarded(child);
        let (url, token) = setup_link(output)?;
        Ok(Self { _process: process, data, url, token })
    }

    fn end(self) -> anyhow::Result<()> {
        let data = self.data.clone();
        drop(self);
        std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))
    }

    /// Lets one file of tests loose on it; its output is shown once it is done.
    fn test(&self, file: &Path) -> anyhow::Result<Count> {
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=spec"]).arg(file).current_dir(root().join("ui"));
        command.env("MANMUL_URL", &self.url).env("MANMUL_SETUP_TOKEN", &self.token);
        let output = command.stderr(Stdio::inherit()).output().context("cannot start node")?;
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{}\n{text}", file.display());
        let mut count = Count::default();
        text.lines().for_each(|line| count.read(line));
        if !output.status.success() {
            count.failed = count.failed.max(1);
        }
        if count.passed + count.failed == 0 {
            bail!("{} ran no test", file.display());
        }
        Ok(count)
    }
}

/// The browser tests: the longest file first, each lane takes the next one when it is done with one.
fn browser() -> anyhow::Result<Count> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("ui/tests")).context("ui/tests")? {
        let entry = entry.context("ui/tests")?;
        if entry.path().extension().is_some_and(|extension| extension == "mjs") {
            files.push((entry.metadata().context("ui/tests")?.len(), entry.path()));
        }
    }
    files.sort();
    let files = Mutex::new(files);
    let next = || files.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let lane = |number: usize| -> anyhow::Result<Count> {
        let demo = Demo::start(number)?;
        let mut count = Count::default();
        while let Some((_, file)) = next() {
            count.add(demo.test(&file)?);
        }
        demo.end()?;
        Ok(count)
    };
    std::thread::scope(|scope| {
        let lane = &lane;
        let lanes: Vec<_> = (0..BROWSER_LANES).map(|number| scope.spawn(move || lane(number))).collect();
        let mut total = Count::default();
        for lane in lanes {
            total.add(lane.join().map_err(|_| anyhow::anyhow!("a lane of browser tests panicked"))??);
        }
        Ok(total)
    })
}

/// Waits for the one-time link in what the server says: `http://127.0.0.1:PORT/setup?token=TOKEN`. What it says later
/// is read and thrown away, so that it never waits for us.
fn setup_link(output: impl std::io::Read + Send + 'static) -> anyhow::Result<(String, String)> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next() {
        let line = line?;
        if let Some(start) = line.find("http://") {
            let link = line[start..].split_whitespace().next().unwrap_or_default();
            if let Some((url, token)) = link.split_once("/setup?token=") {
                let found = (url.to_owned(), token.to_owned());
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Ok(found);
            }
        }
    }
    bail!("the server ended without printing a link");
}

fn tempfolder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("manmul-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The suites, and how each names its tests.
const SUITES: &[(&str, &str)] = &[("client_test.py", "MQTT 3.1.1"), ("client_test5.py", "MQTT 5")];

/// `cargo xtask interop vehicles DIR`: the simulator of NVIDIA's mission client, which is on no package registry, under our
/// master control. DIR is a checkout of isaac_mission_dispatch.
fn interop_vehicles(checkout: &str) -> anyhow::Result<()> {
    let folder = std::fs::canonicalize(checkout).with_context(|| format!("cannot find {checkout}"))?;
    let client = folder.join("packages/controllers/mission/tests/client.py");
    if !client.exists() {
        bail!("{} is not there\nhint: DIR is a checkout of isaac_mission_dispatch", client.display());
    }
    let python = install::python("nvidia", install::PYTHON_NVIDIA)?;
    announce("NVIDIA's mission client under master control");
    let count = counted(
        cargo(&["test", "--package", "manmul", "--test", "vehicles", "--", "--ignored", "--nocapture", "nvidia"])
            .env("PEERS_NVIDIA_PYTHON", python.join("bin/python"))
            .env("PEERS_NVIDIA", folder),
    )?;
    println!("\n{} passed, {} failed", count.passed, count.failed);
    if count.failed > 0 {
        bail!("{} failed", count.failed);
    }
    Ok(())
}

/// `cargo xtask interop DIR`: one process a test, against a broker configured as the suites expect.
pub(crate) fn interop(arguments: &[String]) -> anyhow::Result<()> {
    let checkout = match arguments {
        [checkout] => checkout,
        [what, checkout] if what == "vehicles" => return interop_vehicles(checkout),
        _ => bail!("expected a folder\nhint: cargo xtask interop PATH-OF-A-CHECKOUT of paho.mqtt.testing"),
    };
    let folder = Path::new(checkout).join("interoperability");
    run(&mut cargo(&["build", "--release", "--package", "manmul"]))?;
    let mut total = Count::default();
    for (file, protocol) in SUITES {
        let script = folder.join(file);
        let text = std::fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))?;
        let class = text.lines().find(|line| line.starts_with("class ") && line.contains("unittest.TestCase"));
        let class = class.and_then(|line| line.strip_prefix("class ")?.split('(').next());
        let class = class.with_context(|| format!("{} has no class of tests", script.display()))?;
        let tests =
            text.lines().filter_map(|line| line.strip_prefix("    def ")?.strip_prefix("test")?.split('(').next());
        announce(protocol);
        for test in tests {
            let passed = interop_test(&folder, file, &format!("{class}.test{test}"))?;
            println!("{} test{test}", if passed { "ok    " } else { "FAILED" });
            total.add(Count { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 });
        }
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    if total.failed > 0 {
        bail!("{} failed", total.failed);
    }
    Ok(())
}

/// One test against a fresh broker, so that no test inherits another's sessions.
fn interop_test(folder: &Path, file: &str, test: &str) -> anyhow::Result<bool> {
    let data = tempfolder("interop")?;
    let config = data.join("manmul.toml");
    std::fs::write(&config, include_str!("../interop.toml")).context("interop.toml")?;
    let broker = Command::new(target().join("release/manmul"))
        .args(["up", "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:1883", "--data"])
        .arg(data.join("data"))
        .arg("--config")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the broker")?;
    let broker = Guarded(broker);
    wait_for_port(1883)?;
    let mut child = Command::new("python3")
        .args([file, test])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start python3")?;
    let deadline = Instant::now() + Duration::from_secs(SUITE_TEST_SECONDS);
    let passed = loop {
        if let Some(status) = child.try_wait()? {
            break status.success();
        }
        if Instant::now() > deadline {
            drop(Guarded(child));
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    drop(broker);
    std::fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    Ok(passed)
}

fn wait_for_port(port: u16) -> anyhow::Result<()> {
    for _ in 0..200 {
        if let Ok(mut connection) = std::net::TcpStream::connect(("127.0.0.1", port)) {
            connection.flush()?;
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("nothing listens on port {port}\nhint: is another broker running there?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let mut count = Count::default();
        count.read("test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        count.read("# pass 7");
        count.read("ℹ fail 1");
        count.read("pass 100");
        assert_eq!(count, Count { passed: 19, failed: 2, skipped: 2 });
    }

    #[test]
    fn the_link_is_found_in_the_output() {
        let output = "Manmul 0.1.0\n  open http://127.0.0.1:7700/setup?token=abc to begin\n";
        assert_eq!(setup_link(output.as_bytes()).unwrap(), ("http://127.0.0.1:7700".into(), "abc".into()));
        assert!(setup_link("nothing\n".as_bytes()).is_err());
    }
}
