//! Where a figure turns: from which number on more of something brings less.

use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::run::kpi::{Better, Summary};

/// How many places are named as those that got worse.
const SPOTS_MAX: usize = 2;
/// In how many values beyond the best one the fall is confirmed with all seeds.
const CONFIRMED_MAX: usize = 4;

/// A figure that a domain watches along a number that is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Which number of the scenario, as a JSON pointer.
    pub place: &'static str,
    /// The figure's name.
    pub kpi: &'static str,
    /// Which way the figure should go.
    pub better: Better,
}

/// More of a number brings less of a figure, surely: each larger value that was tried enough is worse than the best one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Turn {
    /// Which number of the scenario, as a JSON pointer.
    pub place: String,
    /// The figure's name.
    pub kpi: String,
    /// The candidate with the best figure, all other variations being as they are in it.
    pub candidate: Candidate,
    /// Its number.
    pub best: f64,
    /// Its figure.
    pub figure: Summary,
    /// The numbers beyond it, the smallest first.
    pub falls: Vec<Fall>,
    /// Where it got worse from the best number to the largest, the worst first.
    pub spots: Vec<String>,
    /// All of it in the words of the domain.
    #[serde(default)]
    pub words: String,
}

/// A number that is too large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fall {
    /// The number.
    pub value: f64,
    /// The difference of the figure to the best number's, seed by seed.
    pub difference: Summary,
}

/// A number with what it came to.
pub(super) struct Point<'a> {
    pub(super) value: f64,
    /// The figure, by seed; some may have met fewer seeds than others.
    pub(super) figures: Vec<f64>,
    /// Which entrant it is.
    pub(super) entrant: usize,
    pub(super) outcomes: &'a [crate::run::domain::Outcome],
}

/// The better one of two figures, as an order that puts it last.
fn order(better: Better, a: f64, b: f64) -> std::cmp::Ordering {
    if better == Better::Lower { b.total_cmp(&a) } else { a.total_cmp(&b) }
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len().max(1) as f64
}

/// The point with the best mean over the seeds that all points have met; points are in the order of their values.
fn peak(line: &[Point<'_>], better: Better) -> Option<usize> {
    let met = line.iter().map(|point| point.figures.len()).min().filter(|met| *met > 0)?;
    let means = line.iter().map(|point| mean(&point.figures[..met]));
    // Of equals the first one: what is not needed is not better.
    means.enumerate().max_by(|a, b| order(better, a.1, b.1).then(b.0.cmp(&a.0))).map(|(at, _)| at)
}

/// The difference of a point to the best one, over the seeds that both met.
fn difference(point: &Point<'_>, best: &Point<'_>) -> Option<Summary> {
    let pairs = point.figures.iter().zip(&best.figures);
    Summary::of(&pairs.map(|(own, best)| own - best).collect::<Vec<_>>())
}

/// The entrants with which it is confirmed that a figure falls: the best, and some beyond it that look worse.
pub(super) fn to_confirm(line: &[Point<'_>], better: Better) -> Vec<usize> {
    let Some(at) = peak(line, better) else { return Vec::new() };
    let worse = |point: &&Point<'_>| {
        difference(point, &line[at]).is_some_and(|difference| order(better, difference.mean, 0.0).is_lt())
    };
    let beyond: Vec<&Point<'_>> = line[at + 1..].iter().filter(worse).collect();
    if beyond.is_empty() {
        return Vec::new();
    }
    // The first and the last, and what lies evenly between them.
    let count = beyond.len().min(CONFIRMED_MAX);
    let chosen = (0..count).map(|number| beyond[number * (beyond.len() - 1) / (count - 1).max(1)].entrant);
    std::iter::once(line[at].entrant).chain(chosen).collect()
}

/// The turn of a line, if there is a number from which on all are surely worse than the best.
pub(super) fn turn(line: &[Point<'_>], watched: Watched, candidates: &[Candidate]) -> Option<Turn> {
    let at = peak(line, watched.better)?;
    let best = &line[at];
    let mut falls = Vec::new();
    for point in line[at + 1..].iter().rev() {
        // Who was given up early says nothing for sure, and nothing against it either.
        let Some(difference) = difference(point, best) else { continue };
        let is_worse = order(watched.better, difference.mean, 0.0).is_lt();
        if is_worse && difference.is_sure() {
            falls.push(Fall { value: point.value, difference });
        } else if !is_worse || point.figures.len() >= best.figures.len() {
            break;
        }
    }
    falls.reverse();
    let last = line.iter().rfind(|point| falls.last().is_some_and(|fall| fall.value == point.value))?;
    Some(Turn {
        place: watched.place.to_owned(),
        kpi: watched.kpi.to_owned(),
        candidate: candidates[best.entrant].clone(),
        best: best.value,
        figure: Summary::of(&best.figures)?,
        falls,
        spots: grown(best, last),
        words: String::new(),
    })
}

/// The places that got worse the most from one point to another, per seed.
fn grown(from: &Point<'_>, to: &Point<'_>) -> Vec<String> {
    let mut change: std::collections::BTreeMap<&str, f64> = std::collections::BTreeMap::new();
    for (point, sign) in [(from, -1.0), (to, 1.0)] {
        for (spot, measure) in point.outcomes.iter().flat_map(|outcome| &outcome.spots) {
            *change.entry(spot).or_default() += sign * measure / point.outcomes.len() as f64;
        }
    }
    let mut worse: Vec<(&str, f64)> = change.into_iter().filter(|(_, change)| *change > 0.0).collect();
    worse.sort_by(|a, b| b.1.total_cmp(&a.1));
    worse.into_iter().take(SPOTS_MAX).map(|(spot, _)| spot.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCHED: Watched = Watched { place: "/count", kpi: "done", better: Better::Higher };

    fn line(figures: &[&[f64]]) -> Vec<Point<'static>> {
        let points = figures.iter().enumerate();
        points
            .map(|(entrant, figures)| Point {
                value: entrant as f64,
                figures: figures.to_vec(),
                entrant,
                outcomes: &[],
            })
            .collect()
    }

    fn found(figures: &[&[f64]]) -> Option<(f64, Vec<f64>)> {
        let candidates = vec![Candidate { values: Vec::new() }; figures.len()];
        let turn = turn(&line(figures), WATCHED, &candidates)?;
        Some((turn.best, turn.falls.iter().map(|fall| fall.value).collect()))
    }

    #[test]
    fn a_fall_counts_when_it_is_sure_seed_by_seed() {
        // Seeds differ more than numbers do; paired, the loss is plain.
        let sure = found(&[&[10.0, 90.0, 50.0], &[20.0, 100.0, 60.0], &[16.0, 95.9, 56.1], &[10.0, 90.1, 50.0]]);
        assert_eq!(sure, Some((1.0, vec![2.0, 3.0])));
        assert_eq!(found(&[&[10.0, 20.0, 30.0], &[20.0, 30.0, 40.0], &[25.0, 10.0, 41.0]]), None, "that may be chance");
        assert_eq!(found(&[&[1.0, 2.0], &[3.0, 4.0]]), None, "more is more");
        assert_eq!(found(&[&[5.0], &[3.0]]), None, "one seed proves nothing");
        assert_eq!(found(&[&[]]), None);
    }

    #[test]
    fn all_beyond_must_be_worse_but_who_was_given_up_early_is_passed_over() {
        let again = found(&[&[9.0, 9.1, 9.0], &[5.0, 5.1, 5.0], &[9.0, 9.0, 9.1]]);
        assert_eq!(again, None, "the largest is as good as the best");
        let early = found(&[&[9.0, 9.1, 9.0], &[8.0, 4.0], &[5.0, 5.2, 5.0]]);
        assert_eq!(early, Some((0.0, vec![2.0])));
    }

    #[test]
    fn the_first_the_last_and_some_between_are_confirmed() {
        let falling: Vec<Vec<f64>> = (0..10).map(|number| vec![20.0 - f64::from(number); 2]).collect();
        let falling: Vec<&[f64]> = falling.iter().map(Vec::as_slice).collect();
        assert_eq!(to_confirm(&line(&falling), Better::Higher), [0, 1, 3, 6, 9]);
        assert_eq!(to_confirm(&line(&falling), Better::Lower), [0_usize; 0]);
    }
}
