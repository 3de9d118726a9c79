//! Habits that follow something else.

use super::score::{PRECISION_MIN, middle, surprise};
use super::{Candidate, DAYS_MIN, Explained, Ground, Local, Sort, Trigger, Weekdays};

/// How long after a happening an act still belongs to it, in seconds.
const WITHIN_S: i64 = 5 * 60;

/// What follows within so many seconds, time after time, nobody has walked to.
const EXACT_S: i64 = 1;

/// How far around a happening is looked for what chance would give, in seconds.
const AROUND_S: i64 = 3_600;

/// About how many explanations are tried of one act and one happening: in the dark or always, sets of days.
pub(super) const TRIED: f64 = 2.0 * 3.0;

/// The least share of the acts of a sort that a happening must explain: a doorbell before one of fifty is no reason.
const COVERAGE_MIN: f64 = 0.25;

/// The best explanation of an act by something that happened shortly before.
pub(super) fn best(ground: &Ground<'_>, act: &Sort, happenings: &[Sort], total: usize) -> Option<Explained> {
    let others = happenings.iter().filter(|sort| sort.what.thing != act.what.thing);
    let found = others.flat_map(|sort| {
        [Weekdays::ALL, Weekdays::WORK, Weekdays::WEEKEND].into_iter().flat_map(move |days| {
            [false, true].into_iter().filter_map(move |dark| explained(ground, act, sort, days, dark, total))
        })
    });
    found.max_by(|a, b| a.worth.total_cmp(&b.worth))
}

fn explained(
    ground: &Ground<'_>,
    act: &Sort,
    happening: &Sort,
    days: Weekdays,
    dark: bool,
    total: usize,
) -> Option<Explained> {
    let counts = |local: &&Local| {
        days.contains(local.day) && ground.days.contains(&local.day) && (!dark || ground.is_dark(**local) == Some(true))
    };
    // Happenings that come in a row are one reason.
    let mut reasons: Vec<Local> = Vec::new();
    for local in happening.times.iter().filter(counts) {
        if reasons.last().is_none_or(|last| seconds_between(*last, *local) > WITHIN_S) {
            reasons.push(*local);
        }
    }
    // Reasons are so far apart that each has acts of its own: with too few acts there cannot be enough that followed.
    if reasons.len() < DAYS_MIN || (act.times.len() as f64) < PRECISION_MIN * reasons.len() as f64 {
        return None;
    }
    let (mut followed, mut around, mut delays, mut times, mut on_days) =
        (0_usize, 0_usize, Vec::new(), Vec::new(), Vec::new());
    for reason in &reasons {
        let first = act.times.partition_point(|local| local.time < reason.time);
        let next = act.times.get(first).filter(|local| seconds_between(*reason, **local) <= WITHIN_S);
        if let Some(next) = next {
            followed += 1;
            delays.push(seconds_between(*reason, *next));
            times.push(next.time);
            on_days.push(next.day);
        }
        let before = act.times.partition_point(|local| seconds_between(*local, *reason) > AROUND_S);
        let after = act
            .times
            .partition_point(|local| local.time <= reason.time || seconds_between(*reason, *local) <= AROUND_S);
        around += after - before - usize::from(next.is_some());
    }
    times.dedup();
    on_days.dedup();
    if on_days.len() < DAYS_MIN {
        return None;
    }
    let rate = around as f64 / (reasons.len() as f64 * (2 * AROUND_S - WITHIN_S) as f64);
    let chance = 1.0 - (-rate * WITHIN_S as f64).exp();
    let surprise = surprise(followed, reasons.len(), chance, ground.tried)?;
    let (precision, coverage) = (followed as f64 / reasons.len() as f64, times.len() as f64 / total as f64);
    if coverage < COVERAGE_MIN {
        return None;
    }
    let (usual, spread) = middle(&mut delays);
    // A narrower condition has to earn its place.
    let narrow = f64::from(7 - days.len()) * 0.01 + if dark { 0.03 } else { 0.0 };
    let worth = precision - spread as f64 / 3_600.0 * 0.3 - narrow + 0.2 * coverage;
    let trigger = Trigger::After { what: happening.what.clone(), dark };
    let support = on_days.len();
    let candidate = Candidate { act: act.what.clone(), trigger, days, support, precision, coverage, surprise, times };
    Some(Explained { candidate, worth, is_exact: usual <= EXACT_S && spread <= EXACT_S })
}

fn seconds_between(earlier: Local, later: Local) -> i64 {
    (later.time.micros() - earlier.time.micros()).div_euclid(1_000_000)
}
