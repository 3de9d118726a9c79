//! Models that people bring, beside onnxruntime in the same run: how far the outputs are apart, and how long a run takes
//! on one thread. The two take turns, and of each the shortest run counts: what is longer is the machine's doing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use learn::inference::{Network, Rten, Runtime as _, Tensor};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::Deserialize;

use crate::report::{Report, Row, Target};

/// Outputs may be so far apart.
const DISTANCE_MAX: f64 = 1e-4;
/// How long a run may take beside onnxruntime's,
const RATIO_MAX: f64 = 1.0;
/// and where the graph has branches, which keep engines from planning ahead.
const RATIO_BRANCHES_MAX: f64 = 1.5;
/// How long one turn is.
const TURN: Duration = Duration::from_millis(100);

/// A model of a package: its folder, what it is, how its time may compare.
const MODELS: [(&str, &str, f64); 4] = [
    ("silero-vad-6.2.3", "silero-vad 6.2.3, with `If`", RATIO_BRANCHES_MAX),
    ("silero-vad-without-if-6.2.3", "silero-vad 6.2.3, without `If`", RATIO_MAX),
    ("unlicensed/all-minilm-l6-v2-0.1.2", "all-MiniLM-L6-v2, 32 tokens", RATIO_MAX),
    ("text-direction-2.0", "PP-OCR mobile v2.0, direction of text (a CNN), 48 x 192", RATIO_MAX),
];

/// What the peer says first.
#[derive(Deserialize)]
struct About {
    version: String,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// onnxruntime, with a model.
struct Peer {
    process: Child,
    asks: ChildStdin,
    says: BufReader<ChildStdout>,
}

impl Peer {
    fn start(script: &Path, folder: &Path, seed: u64) -> anyhow::Result<(Self, About)> {
        let python = std::env::var_os("BENCH_PYTHON").unwrap_or_else(|| "python3".into());
        let mut process = Command::new(&python)
            .arg(script)
            .args([folder.join("model.onnx"), folder.join("model.json")])
            .arg(seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("onnxruntime\nhint: run `cargo xtask bench inference`, which installs it")?;
        let asks = process.stdin.take().context("no way to the peer")?;
        let says = BufReader::new(process.stdout.take().context("no way from the peer")?);
        let mut peer = Self { process, asks, says };
        let about = peer.line().with_context(|| folder.display().to_string())?;
        Ok((peer, serde_json::from_str(&about).context("what the peer said of itself")?))
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        ensure!(self.says.read_line(&mut line)? > 0, "the peer ended");
        Ok(line)
    }

    /// The shortest run of its turn, in milliseconds.
    fn turn(&mut self) -> anyhow::Result<f64> {
        writeln!(self.asks)?;
        Ok(self.line()?.trim().parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The shortest run of our turn, in milliseconds, where a model at work is run.
fn turn(network: &dyn Network, inputs: &[Tensor]) -> anyhow::Result<f64> {
    let mut shortest = Ok(f64::INFINITY);
    let place = &mut shortest;
    network.at_work(Box::new(move || *place = shortest_run(network, inputs)));
    shortest.map_err(anyhow::Error::msg)
}

fn shortest_run(network: &dyn Network, inputs: &[Tensor]) -> Result<f64, String> {
    let (mut best, end) = (f64::INFINITY, Instant::now() + TURN);
    while Instant::now() < end {
        let begun = Instant::now();
        network.run(inputs)?;
        best = best.min(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

/// The benchmark, on the models that `cargo xtask models` makes ready.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let turns = if quick { 10 } else { 60 };
    let folder = std::env::var_os("BENCH_MODELS").map_or_else(|| PathBuf::from("target/models"), PathBuf::from);
    let scratch = tempfile::tempdir()?;
    let script = scratch.path().join("peer.py");
    std::fs::write(&script, include_str!("peer.py"))?;
    let seed = OsRng.try_next_u64().context("no fresh seed")? >> 32;
    let engine = Rten::new();
    let own = (PathBuf::from("models/appliance-1"), "our own appliance net, 64 minutes of power", RATIO_MAX);
    let of_packages = MODELS.map(|(name, what, ratio_max)| (folder.join(name), what, ratio_max));
    let mut rows = Vec::new();
    for (folder, what, ratio_max) in of_packages.into_iter().chain([own]) {
        let (mut peer, about) = Peer::start(&script, &folder, seed)?;
        let network = engine.load(std::fs::read(folder.join("model.onnx"))?).map_err(anyhow::Error::msg)?;
        let outputs = network.run(&about.inputs).map_err(anyhow::Error::msg)?;
        ensure!(outputs.len() == about.outputs.len(), "{what}: {} outputs, not {}", outputs.len(), about.outputs.len());
        let apart = outputs.iter().zip(&about.outputs).map(|(ours, theirs)| ours.distance(theirs));
        let apart: Option<Vec<f32>> = apart.collect();
        let apart = apart.with_context(|| format!("{what}: the outputs are of other shapes"))?;
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..turns {
            ours = ours.min(turn(&*network, &about.inputs)?);
            theirs = theirs.min(peer.turn()?);
        }
        let beside = format!("onnxruntime {}", about.version);
        let time = Row::beside(format!("{what}: a run"), "ms", ours, beside, theirs, Target::RatioAtMost(ratio_max));
        let apart = f64::from(apart.into_iter().fold(0.0, f32::max));
        let distance = Row::absolute(format!("{what}: greatest difference"), "", apart, Target::AtMost(DISTANCE_MAX));
        time.tell();
        rows.extend([time, distance]);
    }
    Ok(Report::new("inference", rows))
}
