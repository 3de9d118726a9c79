//! Who does what: jobs for free workers, so that little time is spent on the way and on long jobs.
//!
//! Workers take the cheapest pairs first; then pairs of workers change jobs, and workers take idle jobs, as long as that
//! makes the sum of costs smaller and there is time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::budget::Budget;
use crate::fields::Fields;
use crate::grid::{Cell, Grid, State};
use crate::random::Random;

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Where it begins.
    pub first: Cell,
    /// How long it takes from there.
    pub length: u32,
    /// How much cost it is worth to do it now rather than later: priority, age, a due time that comes near.
    pub advance: u32,
}

/// Somebody who can take a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    /// Where it is.
    pub state: State,
    /// The job that it has now and could keep.
    pub holds: Option<usize>,
}

/// How far it is, as far as assignment needs to know: on a grid, or on any other floor whose places have numbers.
pub trait Distances: Sync {
    /// The cost of the way from where somebody is to a cell.
    fn distance(&self, from: State, to: Cell) -> u32;

    /// Where a cell lies, as row and column of a grid or of squares as large as a usual step: to look nearby first.
    fn place(&self, cell: Cell) -> (usize, usize);

    /// Roughly the way between two cells.
    fn between(&self, from: Cell, to: Cell) -> u32 {
        let (a, b) = (self.place(from), self.place(to));
        (a.0.abs_diff(b.0) + a.1.abs_diff(b.1)) as u32
    }
}

/// Distances on a grid, as well as they are known.
#[derive(Debug, Clone, Copy)]
pub struct OnGrid<'a> {
    /// The floor.
    pub grid: &'a Grid,
    /// What was measured of it.
    pub fields: &'a Fields,
}

impl Distances for OnGrid<'_> {
    fn distance(&self, from: State, to: Cell) -> u32 {
        u32::from(self.fields.way(to).distance(self.grid, from))
    }

    fn place(&self, cell: Cell) -> (usize, usize) {
        self.grid.place(cell)
    }

    fn between(&self, from: Cell, to: Cell) -> u32 {
        self.grid.steps_between(from, to)
    }
}

/// How much a step on the way to a job counts, against a step of the job itself: a long job that waits must be done one
/// day all the same, a long way need not be gone.
pub const WAY_WEIGHT: i64 = 4;

/// Above so many pairs only the jobs nearest to a worker are looked at.
const PAIRS_MAX: usize = 400_000;

/// How many jobs are looked at for one worker when there are too many pairs.
const NEAREST: usize = 48;

/// The share of the time in which jobs are looked for, when there are too many pairs.
const OPTIONS_SHARE: f64 = 0.5;

/// Assigns jobs step after step.
#[derive(Debug)]
pub struct Assigner {
    random: Random,
    threads: usize,
}

/// The jobs that a worker could take, cheapest first.
type Options = Vec<(i64, u32)>;

impl Assigner {
    /// An assigner that draws from this seed and works on one thread.
    pub const fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), threads: 1 }
    }

    /// The same on so many threads, where there is enough to do for them.
    pub const fn on_threads(self, threads: usize) -> Self {
        Self { threads: if threads == 0 { 1 } else { threads }, ..self }
    }

    /// A job for each worker, none where there are not enough.
    pub fn assign(
        &mut self,
        distances: &impl Distances,
        workers: &[Worker],
        jobs: &[Job],
        budget: Budget<'_>,
    ) -> Vec<Option<usize>> {
        let options = if workers.len() * jobs.len() <= PAIRS_MAX {
            workers.iter().map(|worker| all_options(distances, worker, jobs)).collect()
        } else {
            self.some_options(distances, workers, jobs, budget)
        };
        let mut taken = greedy(&options, jobs.len());
        fill(&mut taken, &options, jobs.len());
        self.improve(&mut taken, &options, jobs.len(), budget);
        taken
    }

    /// The nearest jobs of as many as the time allows, those first who have none; the rest keep what they have.
    fn some_options(
        &mut self,
        distances: &impl Distances,
        workers: &[Worker],
        jobs: &[Job],
        budget: Budget<'_>,
    ) -> Vec<Options> {
        let squares = Squares::new(distances, jobs);
        let mut order: Vec<usize> = (0..workers.len()).collect();
        self.random.shuffle(&mut order);
        order.sort_by_key(|worker| workers[*worker].holds.is_some());
        let time = budget.share(OPTIONS_SHARE);
        let threads = self.threads;
        let look = |first: usize| -> Vec<(usize, Options)> {
            let own = order.iter().skip(first).step_by(threads).take_while(|_| !time.is_over());
            own.map(|number| (*number, near_options(distances, &workers[*number], jobs, &squares))).collect()
        };
        let held = |worker: &Worker| worker.holds.map(|job| (cost(distances, worker, &jobs[job]), job as u32));
        let mut options: Vec<Options> = workers.iter().map(|worker| held(worker).into_iter().collect()).collect();
        std::thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads).map(|first| scope.spawn(move || look(first))).collect();
            let found = look(0).into_iter();
            let more = helpers.into_iter().flat_map(|helper| helper.join().expect("looking for jobs cannot panic"));
            found.chain(more).for_each(|(number, found)| options[number] = found);
        });
        options
    }

    /// Lets workers take better jobs from each other or from the pool while the sum of costs falls.
    fn improve(&mut self, taken: &mut [Option<usize>], options: &[Options], jobs: usize, budget: Budget<'_>) {
        let mut holder = vec![usize::MAX; jobs];
        for (worker, job) in taken.iter().enumerate() {
            if let Some(job) = job {
                holder[*job] = worker;
            }
        }
        let cost_of = |worker: usize, job: usize| {
            options[worker].iter().find(|(_, other)| *other as usize == job).map(|(cost, _)| *cost)
        };
        let mut own: Vec<i64> = taken
            .iter()
            .enumerate()
            .map(|(worker, job)| job.and_then(|job| cost_of(worker, job)).unwrap_or(0))
            .collect();
        let mut order: Vec<usize> = (0..taken.len()).collect();
        let mut is_better = true;
        while is_better && !budget.is_over() {
            is_better = false;
            self.random.shuffle(&mut order);
            for worker in &order {
                for (cost, job) in &options[*worker] {
                    let job = *job as usize;
                    if *cost >= own[*worker] || taken[*worker].is_none() {
                        break;
                    }
                    let other = holder[job];
                    let old = taken[*worker].expect("looked at above");
                    if other == usize::MAX {
                        holder[old] = usize::MAX;
                    } else {
                        let Some(other_cost) = cost_of(other, old) else { continue };
                        if cost + other_cost >= own[*worker] + own[other] {
                            continue;
                        }
                        (taken[other], own[other], holder[old]) = (Some(old), other_cost, other);
                    }
                    (taken[*worker], own[*worker], holder[job]) = (Some(job), *cost, *worker);
                    is_better = true;
                    break;
                }
            }
        }
    }
}

fn cost(distances: &impl Distances, worker: &Worker, job: &Job) -> i64 {
    let way = distances.distance(worker.state, job.first);
    i64::from(way) * WAY_WEIGHT + i64::from(job.length) - i64::from(job.advance)
}

fn all_options(distances: &impl Distances, worker: &Worker, jobs: &[Job]) -> Options {
    let mut options: Options =
        jobs.iter().enumerate().map(|(number, job)| (cost(distances, worker, job), number as u32)).collect();
    options.sort_unstable();
    options
}

/// The jobs by where they begin, in squares of the floor.
struct Squares {
    across: usize,
    jobs: Vec<Vec<u32>>,
}

/// The side of a square.
const SQUARE: usize = 8;

impl Squares {
    fn new(distances: &impl Distances, jobs: &[Job]) -> Self {
        let places = || jobs.iter().map(|job| distances.place(job.first));
        let across = places().map(|(_, column)| column / SQUARE + 1).max().unwrap_or(1);
        let down = places().map(|(row, _)| row / SQUARE + 1).max().unwrap_or(1);
        let mut squares = Self { across, jobs: vec![Vec::new(); across * down] };
        for (number, (row, column)) in places().enumerate() {
            squares.jobs[row / SQUARE * across + column / SQUARE].push(number as u32);
        }
        squares
    }

    /// At least so many jobs around a cell, when there are as many: ring after ring of squares.
    fn around(&self, distances: &impl Distances, cell: Cell, count: usize) -> Vec<u32> {
        let (row, column) = distances.place(cell);
        let (row, column) = ((row / SQUARE) as isize, (column / SQUARE) as isize);
        let (rows, columns) = ((self.jobs.len() / self.across) as isize, self.across as isize);
        let mut found = Vec::new();
        // Who stands beyond all jobs looks farther.
        for ring in 0..rows.max(columns).max(row + 1).max(column + 1) {
            for down in -ring..=ring {
                let step = if down.abs() == ring { 1 } else { (2 * ring).max(1) };
                let mut right = -ring;
                while right <= ring {
                    let (at_row, at_column) = (row + down, column + right);
                    if (0..rows).contains(&at_row) && (0..columns).contains(&at_column) {
                        found.extend_from_slice(&self.jobs[(at_row * columns + at_column) as usize]);
                    }
                    right += step;
                }
            }
            if found.len() >= count && ring > 0 {
                break;
            }
        }
        found
    }
}

fn near_options(distances: &impl Distances, worker: &Worker, jobs: &[Job], squares: &Squares) -> Options {
    let mut near = squares.around(distances, worker.state.cell, NEAREST);
    near.extend(worker.holds.map(|job| job as u32).filter(|job| !near.contains(job)));
    let mut options: Options = near.iter().map(|job| (cost(distances, worker, &jobs[*job as usize]), *job)).collect();
    if options.len() > NEAREST {
        options.select_nth_unstable(NEAREST);
        options.truncate(NEAREST);
        options.shrink_to_fit();
    }
    options.sort_unstable();
    options
}

/// The cheapest pair of all, then the cheapest of what is left, and so on. Each worker stands in the heap with its best
/// job; when that is gone it comes back with its next.
fn greedy(options: &[Options], jobs: usize) -> Vec<Option<usize>> {
    let mut heap: BinaryHeap<Reverse<(i64, usize, usize)>> = BinaryHeap::with_capacity(options.len());
    for (worker, options) in options.iter().enumerate() {
        if let Some((cost, _)) = options.first() {
            heap.push(Reverse((*cost, worker, 0)));
        }
    }
    let mut taken = vec![None; options.len()];
    let mut is_taken = vec![false; jobs];
    while let Some(Reverse((_, worker, mut index))) = heap.pop() {
        let job = options[worker][index].1 as usize;
        if !is_taken[job] {
            is_taken[job] = true;
            taken[worker] = Some(job);
            continue;
        }
        while options[worker].get(index).is_some_and(|(_, job)| is_taken[*job as usize]) {
            index += 1;
        }
        if let Some((cost, _)) = options[worker].get(index) {
            heap.push(Reverse((*cost, worker, index)));
        }
    }
    taken
}

/// Gives whoever found all its options taken any job that is left.
fn fill(taken: &mut [Option<usize>], options: &[Options], jobs: usize) {
    let mut is_taken = vec![false; jobs];
    taken.iter().flatten().for_each(|job| is_taken[*job] = true);
    let mut left = (0..jobs).filter(|job| !is_taken[*job]);
    for (worker, job) in taken.iter_mut().enumerate() {
        if job.is_none() && !options[worker].is_empty() {
            *job = left.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Heading;
    use model::WallClock;
    use std::time::Duration;

    fn worker(cell: Cell) -> Worker {
        Worker { state: State { cell, heading: Heading::East }, holds: None }
    }

    fn job(first: Cell, length: u32) -> Job {
        Job { first, length, advance: 0 }
    }

    fn assign(workers: &[Worker], jobs: &[Job]) -> Vec<Option<usize>> {
        let grid = Grid::new(1, 40, |_, _| true).unwrap();
        let fields = Fields::new(&grid, 1, 1 << 20);
        let budget = Budget::new(&WallClock, Duration::from_secs(60));
        Assigner::new(7).assign(&OnGrid { grid: &grid, fields: &fields }, workers, jobs, budget)
    }

    #[test]
    fn near_and_short_jobs_come_first() {
        assert_eq!(assign(&[worker(0)], &[job(30, 5), job(4, 5), job(4, 9)]), [Some(1)]);
    }

    #[test]
    fn the_sum_counts_not_the_first_come() {
        // Alone, worker 1 would take job 0 and leave worker 0 the long way.
        assert_eq!(assign(&[worker(0), worker(11)], &[job(10, 0), job(24, 0)]), [Some(0), Some(1)]);
    }

    #[test]
    fn nobody_shares_a_job_and_some_go_without() {
        let taken = assign(&[worker(0), worker(1), worker(2)], &[job(5, 0), job(6, 0)]);
        let mut jobs: Vec<usize> = taken.iter().flatten().copied().collect();
        jobs.sort_unstable();
        assert_eq!(jobs, [0, 1]);
    }
}
