//! Five hundred robots, breakdowns, delays and lost links: nobody may collide, no order may be lost.

use std::time::Instant;

use fleet::soak::{Outcome, Soak, messages, shift};

use crate::report::{Row, Target};

/// Virtual seconds between two lines that say how far it is.
const TOLD_SECONDS: f64 = 3_600.0;

/// How a soak is run.
type Run = fn(&Soak, &mut dyn FnMut(f64)) -> Outcome;

pub(super) fn rows(hours: f64) -> Vec<Row> {
    let soak = Soak { robots: 500, seconds: hours * 3_600.0, orders_per_hour: 2_500.0, seed: 1 };
    let kinds: [(&str, Run); 2] = [("simulated", shift), ("over VDA 5050", messages)];
    kinds.into_iter().flat_map(|(kind, run)| rows_of(&soak, kind, run)).collect()
}

#[expect(clippy::print_stderr, reason = "a soak takes long and says how far it is")]
fn rows_of(soak: &Soak, kind: &str, run: Run) -> Vec<Row> {
    let began = Instant::now();
    let mut next = TOLD_SECONDS;
    let outcome = run(soak, &mut |seconds| {
        if seconds >= next {
            next += TOLD_SECONDS;
            eprintln!("{kind}: {:.0} h after {:.0} s", seconds / 3_600.0, began.elapsed().as_secs_f64());
        }
    });
    let took = began.elapsed().as_secs_f64();
    if !outcome.is_sound() {
        eprintln!("{kind}: {outcome:?}");
    }
    let shape = format!("soak {kind}, {} robots, {:.1} h", soak.robots, soak.seconds / 3_600.0);
    let unaccounted = outcome.came as f64 - (outcome.done + outcome.failed + outcome.open) as f64;
    let rows = vec![
        Row::absolute(format!("{shape}: collisions"), "", outcome.collisions.len() as f64, Target::AtMost(0.0)),
        Row::absolute(
            format!("{shape}: orders lost"),
            "",
            outcome.lost.len() as f64 + unaccounted.abs(),
            Target::AtMost(0.0),
        ),
        Row::absolute(format!("{shape}: orders done"), "", outcome.done as f64, Target::None),
        Row::absolute(format!("{shape}: stops, breakdowns, lost links"), "", outcome.troubles as f64, Target::None),
        Row::absolute(
            format!("{shape}: longest time without an order done"),
            "s",
            outcome.stalled_seconds,
            Target::None,
        ),
        Row::absolute(format!("{shape}: faster than real"), "x", soak.seconds / took, Target::None),
    ];
    rows.iter().for_each(Row::tell);
    rows
}
