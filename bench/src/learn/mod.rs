//! What is learnt from streams, beside what others learn: the Numenta Anomaly Benchmark with thresholds that were frozen
//! before, faults that are injected into telemetry, what a stream costs, and forecasts.

mod faults;
mod forecast;
mod injected;
mod nab;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use learn::{STATE_BYTES_MAX, Settings, Stream};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::report::{Row, Target};
use nab::{Curve, File};

/// What a false detection costs: the standard profile, and the one of few false alarms.
const PROFILES: [(&str, f64, f64); 2] = [("standard", 0.11, 76.0), ("low false positives", 0.22, 67.0)];
/// Detectors whose stored results lie with the corpus.
const PEERS: [&str; 6] = ["ARTime", "contextOSE", "numenta", "knncad", "randomCutForest", "windowedGaussian"];
/// How often the files are halved.
const HALVINGS: u64 = 200;
/// How often files are drawn for the interval.
const DRAWS: usize = 1_000;
/// The streams of the cost.
const STREAMS: usize = 1_000;

/// The benchmark: `corpus` holds data/, labels/ and results.tar.xz, `homes` the series to forecast.
pub fn run(quick: bool, corpus: &Path, homes: &Path) -> anyhow::Result<crate::report::Report> {
    let files = nab::corpus(corpus)?;
    let folder = tempfile::tempdir()?;
    let program = std::env::var_os("BENCH_MANMUL").context("BENCH_MANMUL is set by cargo xtask bench")?;
    let written = Command::new(program)
        .args(["learn", "nab", "--data"])
        .arg(corpus.join("data"))
        .arg("--out")
        .arg(folder.path())
        .status()?;
    ensure!(written.success(), "manmul learn nab failed");
    let mut detectors = vec![
        ("manmul".to_owned(), nab::results(folder.path(), "manmul", &files)?),
        ("one line: |difference| > k MAD".to_owned(), files.iter().map(one_line).collect()),
    ];
    let archive = corpus.join("results.tar.xz");
    if archive.is_file() {
        let unpacked = Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(folder.path()).status()?;
        ensure!(unpacked.success(), "{} cannot be unpacked\nhint: tar and xz are needed", archive.display());
        for peer in PEERS {
            detectors.push((peer.to_owned(), nab::results(&folder.path().join("results"), peer, &files)?));
        }
    }
    let mut rows = Vec::new();
    for (profile, cost, target) in PROFILES {
        for (name, scores) in &detectors {
            let target = if name == "manmul" { Target::AtLeast(target) } else { Target::None };
            rows.extend(score(&files, scores, (profile, cost, name), target));
        }
    }
    rows.extend(cost(if quick { 2_000 } else { 10_000 }));
    rows.extend(faults::rows(quick));
    rows.extend(forecast::rows(quick, homes)?);
    Ok(crate::report::Report::new("learn", rows))
}

/// A detector on all files: with thresholds that were fitted on the other half, and with one fitted on all.
fn score(files: &[File], scores: &[Vec<f64>], (profile, cost, name): (&str, f64, &str), target: Target) -> Vec<Row> {
    let curves: Vec<Curve> = files.iter().zip(scores).map(|(file, scores)| Curve::new(file, scores, cost)).collect();
    let all: Vec<&Curve> = curves.iter().collect();
    let mut frozen = vec![0.0; curves.len()];
    for seed in 0..HALVINGS {
        let mut order: Vec<usize> = (0..curves.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let halves = order.split_at(curves.len() / 2);
        for (fitted, scored) in [(halves.0, halves.1), (halves.1, halves.0)] {
            let fitted: Vec<&Curve> = fitted.iter().map(|place| &curves[*place]).collect();
            let threshold = nab::fit(&fitted);
            scored.iter().for_each(|place| frozen[*place] += curves[*place].at(threshold) / HALVINGS as f64);
        }
    }
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let places: Vec<usize> = (0..curves.len()).map(|_| chance.random_range(0..curves.len())).collect();
            let sample: Vec<&Curve> = places.iter().map(|place| &curves[*place]).collect();
            nab::normalised(&sample, places.iter().map(|place| frozen[*place]))
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let threshold = nab::fit(&all);
    let optimistic = nab::normalised(&all, curves.iter().map(|curve| curve.at(threshold)));
    let metric = |what: &str| format!("NAB {profile}, {name}: {what}");
    vec![
        Row::absolute(metric("frozen threshold"), "", nab::normalised(&all, frozen.iter().copied()), target),
        Row::absolute(metric("95 % of file draws, from"), "", drawn[DRAWS / 40], Target::None),
        Row::absolute(metric("95 % of file draws, to"), "", drawn[DRAWS - DRAWS / 40 - 1], Target::None),
        Row::absolute(metric("threshold fitted on all"), "", optimistic, Target::None),
    ]
}

/// The baseline: how many median differences away from the last value.
fn one_line(file: &File) -> Vec<f64> {
    let differences: Vec<f64> = file.values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let mut seen: Vec<f64> = Vec::new();
    let mut scores = vec![0.0];
    for difference in differences {
        let median = seen.get(seen.len() / 2).copied().unwrap_or(difference).max(1e-9);
        scores.push(difference / (difference + median));
        let place = seen.partition_point(|other| *other < difference);
        seen.insert(place, difference);
    }
    scores
}

/// What a stream costs: a value a second, on one core.
fn cost(seconds: usize) -> Vec<Row> {
    let mut chance = ChaCha8Rng::seed_from_u64(2);
    let mut streams: Vec<Stream> = (0..STREAMS).map(|_| Stream::new(Settings::default())).collect();
    let values: Vec<f64> = (0..4_096).map(|_| chance.random_range(20.0..22.0)).collect();
    let begun = Instant::now();
    let mut findings = 0;
    for second in 0..seconds {
        let time = 1_700_000_000_000_000 + second as i64 * 1_000_000;
        for (place, stream) in streams.iter_mut().enumerate() {
            let value = values[(second * 31 + place * 17) % values.len()];
            findings += usize::from(stream.observe(time, Some(time), value).is_some());
        }
    }
    let microseconds = begun.elapsed().as_secs_f64() * 1e6 / (seconds * STREAMS) as f64;
    let bytes = streams.iter().map(|stream| stream.to_bytes().len()).max().unwrap_or(0);
    let per_second = 1e6 / microseconds;
    vec![
        Row::absolute("cost of a sample, 1 Hz streams", "us", microseconds, Target::AtMost(2.0)),
        Row::absolute("streams at 1 Hz on one core", "", per_second, Target::AtLeast(100_000.0)),
        Row::absolute("state of a stream", "B", bytes as f64, Target::AtMost(STATE_BYTES_MAX as f64)),
        Row::absolute("findings in noise", "", findings as f64, Target::None),
    ]
}
