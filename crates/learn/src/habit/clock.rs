//! Habits that go by the clock or by the sun.

use std::collections::BTreeMap;

use super::score::{middle, surprise};
use super::{Candidate, DAYS_MIN, Explained, Ground, Local, Sort, Sun, Trigger, Weekdays};

/// How far from its time an act may be and still belong, in seconds.
const HALF_WIDTHS_S: [i64; 3] = [8 * 60, 16 * 60, 30 * 60];

/// What half of the time is so near to its moment is a timer's doing: nobody is within seconds, day after day.
const EXACT_S: i64 = 15;

/// How far around a window is looked for what chance would give, in seconds.
const AROUND_S: i64 = 3 * 3_600;

/// How far from the sun an act may be.
const SUN_REACH_S: i64 = 3 * 3_600;

/// About how many explanations are tried of one act: windows of a day, widths, sets of days, clock and sun.
pub(super) const TRIED: f64 = 100.0 * 3.0 * 10.0 * 3.0;

/// How much a habit that is an hour wide is worth less than one of the same minute.
const WIDTH_COSTS: f64 = 0.3;

/// How much less a set of days is worth for each day of the week that it leaves out.
const DAY_COSTS: f64 = 0.01;

/// The best explanation of an act by the clock or the sun.
pub(super) fn best(ground: &Ground<'_>, act: &Sort, total: usize) -> Option<Explained> {
    let clock = act.times.iter().map(|local| (local.second, *local)).collect();
    let mut found = vec![of_axis(ground, clock, total, act, |second| Trigger::Clock { second })];
    for sun in [Sun::Rise, Sun::Set] {
        let relative = act.times.iter().filter_map(|local| {
            let times = (ground.setting.sun)(local.day)?;
            let offset = local.second - if sun == Sun::Rise { times.rise_s } else { times.set_s };
            (offset.abs() <= SUN_REACH_S).then_some((offset, *local))
        });
        let round = move |offset: i64| Trigger::Sun { sun, offset_s: offset };
        found.push(of_axis(ground, relative.collect(), total, act, round));
    }
    found.into_iter().flatten().max_by(|a, b| a.worth.total_cmp(&b.worth))
}

/// The best window on one way of telling the time.
fn of_axis(
    ground: &Ground<'_>,
    mut points: Vec<(i64, Local)>,
    total: usize,
    act: &Sort,
    trigger: impl Fn(i64) -> Trigger,
) -> Option<Explained> {
    points.sort_by_key(|(at, local)| (*at, local.time));
    let mut best: Option<Explained> = None;
    for days in Weekdays::tried() {
        let cases = ground.count(days);
        let own: Vec<(i64, Local)> = points.iter().filter(|(_, local)| days.contains(local.day)).copied().collect();
        if cases < DAYS_MIN || own.len() < DAYS_MIN {
            continue;
        }
        for half in HALF_WIDTHS_S {
            for window in windows(&own, half) {
                let explained = of_window(ground, &own, window, half, (days, cases), total, act, &trigger);
                if let Some(explained) = explained
                    && best.as_ref().is_none_or(|best| explained.worth > best.worth)
                {
                    best = Some(explained);
                }
            }
        }
    }
    best
}

/// The fullest windows of a width: places in the list, from and before; at most a few.
fn windows(points: &[(i64, Local)], half: i64) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut end = 0;
    for start in 0..points.len() {
        while end < points.len() && points[end].0 - points[start].0 <= 2 * half {
            end += 1;
        }
        found.push((start, end));
    }
    found.sort_by_key(|(start, end)| std::cmp::Reverse(end - start));
    found.truncate(8);
    found
}

fn of_window(
    ground: &Ground<'_>,
    points: &[(i64, Local)],
    (start, end): (usize, usize),
    half: i64,
    (days, cases): (Weekdays, usize),
    total: usize,
    act: &Sort,
    trigger: &impl Fn(i64) -> Trigger,
) -> Option<Explained> {
    // One act a day counts: whoever flicks a switch five times has one habit.
    let mut by_day: BTreeMap<i64, (i64, Local)> = BTreeMap::new();
    for (at, local) in &points[start..end] {
        by_day.entry(local.day).or_insert((*at, *local));
    }
    if by_day.len() < DAYS_MIN {
        return None;
    }
    let mut times: Vec<i64> = by_day.values().map(|(at, _)| *at).collect();
    let (centre, spread) = middle(&mut times);
    let near = points.iter().filter(|(at, _)| (at - centre).abs() <= AROUND_S && (at - centre).abs() > half).count();
    let rate = near as f64 / (cases as f64 * (2 * (AROUND_S - half)) as f64);
    let chance = 1.0 - (-rate * (2 * half) as f64).exp();
    let surprise = surprise(by_day.len(), cases, chance, ground.tried)?;
    let precision = by_day.len() as f64 / cases as f64;
    let coverage = (end - start) as f64 / total as f64;
    let worth = precision - spread as f64 / 3_600.0 * WIDTH_COSTS - f64::from(7 - days.len()) * DAY_COSTS
        + days_share(points.len(), act.times.len());
    let candidate = Candidate {
        act: act.what.clone(),
        trigger: trigger(centre),
        days,
        support: by_day.len(),
        precision,
        coverage,
        surprise,
        times: points[start..end].iter().map(|(_, local)| local.time).collect(),
    };
    Some(Explained { candidate, worth, is_exact: spread <= EXACT_S })
}

/// A set of days that leaves out days with many acts explains less.
fn days_share(own: usize, all: usize) -> f64 {
    0.2 * own as f64 / all.max(1) as f64
}
