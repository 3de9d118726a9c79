//! Habits: what the miner finds in homes that were made up at the moment, with seeds that nobody has seen.

use std::time::Instant;

use anyhow::Context as _;
use learn::habit::home::{Judged, made_up, sun};
use learn::habit::{Setting, mine};
use rand::TryRngCore as _;
use rand::rngs::OsRng;

use crate::report::{Report, Row, Target};

/// How long each home is watched, in days.
const DAYS: i64 = 42;

/// The benchmark: `homes` of fresh seeds, five times as many when there is time.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let homes: u64 = if quick { 200 } else { 1_000 };
    let first = OsRng.try_next_u64().context("no fresh seed")? >> 16;
    let setting = Setting { utc_offset_s: &|_| 0, sun: &sun };
    let (mut judged, mut seconds) = (Judged::default(), 0.0);
    for seed in first..first + homes {
        let home = made_up(seed, DAYS);
        let begun = Instant::now();
        let candidates = mine(&home.acts, &home.happenings, &setting);
        seconds += begun.elapsed().as_secs_f64();
        judged.add(&home, &candidates);
    }
    let of = format!("{homes} homes from seed {first}, {DAYS} days each");
    let row = |metric: &str, unit: &str, value: f64, target: Target| {
        Row::absolute(format!("{metric} ({of})"), unit, value, target)
    };
    Ok(Report::new(
        "habits",
        vec![
            row("habits that are proposed and right", "share", judged.precision(), Target::AtLeast(0.8)),
            row("routines that are found", "share", judged.recall(), Target::AtLeast(0.5)),
            row("wrong proposals a home and month", "", judged.wrong_a_month(), Target::AtMost(1.0)),
            row("routines planted", "", judged.planted as f64, Target::None),
            row("a home", "ms", seconds * 1e3 / homes as f64, Target::None),
        ],
    ))
}
