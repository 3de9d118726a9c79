//! Improvement of one plan on all cores.
//!
//! The floor is cut into as many strips as there are threads, elsewhere every time. Each thread works on its own copy of
//! the plan and touches only agents that cannot leave its strip within the window, so what the threads find fits together
//! and the copies are merged without looking for collisions.

use std::time::Duration;

use crate::budget::Budget;
use crate::grid::{Cell, Grid};
use crate::random::Random;
use crate::window::Window;

/// How long a thread works before the strips are cut anew.
const ROUND: Duration = Duration::from_millis(20);

/// Fewer agents than this for every thread are not worth the strips.
const AGENTS_MIN: usize = 24;

/// What the rounds of one step have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    pub(crate) temperature: f64,
}

/// Improves a plan until the time is out. Returns how many changes were tried.
pub(crate) fn improve_on_all_cores<const D: usize>(
    window: &mut Window<'_, D>,
    starts: &[Cell],
    round: &Round<'_>,
    budget: Budget<'_>,
) -> u64 {
    let everybody: Vec<u16> = (0..starts.len() as u16).collect();
    let threads = round.threads.min(starts.len() / AGENTS_MIN).max(1);
    if threads == 1 {
        return window.search(&everybody, round.temperature, || budget.is_over());
    }
    let mut random = Random::new(round.seed);
    let mut tried = 0;
    let mut number = 0_u64;
    while !budget.is_over() {
        let time = budget.at_most(ROUND);
        let strips = cut(round.grid, starts, threads, D, number.is_multiple_of(2), &mut random);
        let results: Vec<(u64, Vec<(u16, u32)>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = strips
                .iter()
                .map(|own| {
                    let mut copy = window.clone();
                    let seed = random.bits();
                    scope.spawn(move || {
                        copy.reseed(seed);
                        let mut is_own = vec![false; copy.chosen.len()];
                        own.iter().for_each(|agent| is_own[usize::from(*agent)] = true);
                        copy.freeze(|agent| !is_own[agent]);
                        let tried = copy.search(own, round.temperature, || time.is_over());
                        (tried, own.iter().map(|agent| (*agent, copy.chosen[usize::from(*agent)])).collect())
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("a search cannot panic")).collect()
        });
        for (count, changed) in results {
            tried += count;
            window.adopt(changed.into_iter());
        }
        number += 1;
    }
    tried
}

/// Cuts the floor along rows or columns into strips with about as many agents each, and names those of each strip that
/// cannot leave it in `depth` steps.
fn cut(grid: &Grid, starts: &[Cell], strips: usize, depth: usize, by_rows: bool, random: &mut Random) -> Vec<Vec<u16>> {
    let at = |cell: Cell| {
        let (row, column) = grid.place(cell);
        if by_rows { row } else { column }
    };
    let mut sorted: Vec<usize> = starts.iter().map(|cell| at(*cell)).collect();
    sorted.sort_unstable();
    let mut borders = vec![usize::MIN];
    for strip in 1..strips {
        let share = (strip as f64 + 0.6 * (random.unit() - 0.5)) / strips as f64;
        borders.push(sorted[(share * sorted.len() as f64) as usize]);
    }
    borders.push(usize::MAX);
    borders
        .windows(2)
        .map(|border| {
            let is_inside = |place: usize| {
                (border[0] == 0 || place >= border[0] + depth) && (border[1] == usize::MAX || place + depth < border[1])
            };
            (0..starts.len() as u16).filter(|agent| is_inside(at(starts[usize::from(*agent)]))).collect()
        })
        .collect()
}
