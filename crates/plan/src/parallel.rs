//! Improvement of one plan on all cores.
//!
//! The floor is cut into as many strips as there are threads, elsewhere every time. Each thread works on its own copy of
//! the plan, in which its strip has walls: whoever crosses a border goes on as it was meant to, the others stay inside. So
//! what the threads find fits together, and the copies are merged without looking for collisions.

use std::ops::Range;
use std::time::Duration;

use crate::budget::Budget;
use crate::grid::{Cell, Grid};
use crate::random::Random;
use crate::window::Window;

/// How long a thread works before the strips are cut anew.
const ROUND: Duration = Duration::from_millis(20);

/// Fewer agents than this for every thread are not worth the strips.
const AGENTS_MIN: usize = 24;

/// How far a border may lie from where it would cut evenly, to both sides together, as a share of a strip.
const JITTER: f64 = 0.6;

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
        // Everybody once: those who only went on with their course have its end still open.
        return window.search(&everybody, &everybody, round.temperature, || budget.is_over());
    }
    let mut random = Random::new(round.seed);
    let mut tried = 0;
    let mut number = 0_u64;
    while !budget.is_over() {
        let time = budget.at_most(ROUND);
        let strips = cut(round.grid, starts, threads, number.is_multiple_of(2), &mut random);
        let results: Vec<(u64, Vec<(u16, u32)>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = strips
                .iter()
                .map(|strip| {
                    let mut copy = window.clone();
                    let seed = random.bits();
                    scope.spawn(move || {
                        copy.reseed(seed);
                        let own = copy.confine(|cell| strip.holds(round.grid, cell));
                        let tried = copy.search(&[], &own, round.temperature, || time.is_over());
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

/// Some rows or columns beside each other.
struct Strip {
    by_rows: bool,
    lines: Range<usize>,
}

impl Strip {
    fn holds(&self, grid: &Grid, cell: Cell) -> bool {
        let (row, column) = grid.place(cell);
        self.lines.contains(if self.by_rows { &row } else { &column })
    }
}

/// Cuts the floor along rows or columns into strips with about as many agents each.
fn cut(grid: &Grid, starts: &[Cell], strips: usize, by_rows: bool, random: &mut Random) -> Vec<Strip> {
    let mut sorted: Vec<usize> = starts
        .iter()
        .map(|cell| {
            let (row, column) = grid.place(*cell);
            if by_rows { row } else { column }
        })
        .collect();
    sorted.sort_unstable();
    let mut borders = vec![0];
    for strip in 1..strips {
        let share = (strip as f64 + JITTER * (random.unit() - 0.5)) / strips as f64;
        borders.push(sorted[(share * sorted.len() as f64) as usize]);
    }
    borders.push(usize::MAX);
    borders.windows(2).map(|border| Strip { by_rows, lines: border[0]..border[1] }).collect()
}
