//! Random plans, driven by robots that are late, break down and lose their links.

use plan::Random;
use proptest::prelude::*;

use super::*;

const SIDE: i64 = 6;

fn neighbours(cell: Cell) -> Vec<Cell> {
    let (row, column) = (i64::from(cell) / SIDE, i64::from(cell) % SIDE);
    [(0, 1), (1, 0), (0, -1), (-1, 0)]
        .into_iter()
        .map(|(down, right)| (row + down, column + right))
        .filter(|(row, column)| (0..SIDE).contains(row) && (0..SIDE).contains(column))
        .map(|(row, column)| (row * SIDE + column) as Cell)
        .collect()
}

/// A random plan of `steps` steps from these cells, by the rules: no two on a cell, no swaps, following allowed. With
/// `rings`, robots may also turn in a ring.
fn random_plan(
    starts: &[(Robot, Cell)],
    steps: u32,
    rings: bool,
    random: &mut Random,
) -> Vec<(Robot, Vec<PlannedStep>)> {
    let step = |step, cell| PlannedStep { step, cell, theta: 0.0 };
    let mut paths: Vec<_> = starts.iter().map(|(robot, cell)| (*robot, vec![step(0, *cell)])).collect();
    let mut at: Vec<Cell> = starts.iter().map(|(_, cell)| *cell).collect();
    for time in 1..=steps {
        let mut next = at.clone();
        if rings && time % 3 == 0 {
            // Everybody on the ring of the upper left corner moves on by one, if all four are there.
            let ring = [0, 1, SIDE as Cell + 1, SIDE as Cell];
            let members: Vec<usize> = ring.iter().filter_map(|cell| at.iter().position(|it| it == cell)).collect();
            if members.len() == 4 {
                for (index, member) in members.iter().enumerate() {
                    next[*member] = ring[(index + 1) % 4];
                }
            }
        }
        let mut order: Vec<usize> = (0..at.len()).collect();
        random.shuffle(&mut order);
        for robot in order.into_iter().filter(|_| random.unit() < 0.8).collect::<Vec<_>>() {
            let options = neighbours(at[robot]);
            let to = options[random.index(options.len())];
            let is_taken = next.contains(&to);
            let is_swap = (0..at.len()).any(|other| at[other] == to && next[other] == at[robot]);
            if next[robot] == at[robot] && !is_taken && !is_swap {
                next[robot] = to;
            }
        }
        at = next;
        for (robot, (_, path)) in paths.iter_mut().enumerate() {
            path.push(step(time, at[robot]));
        }
    }
    paths
}

/// A robot on the floor: where it really is, and what of that is known.
struct Real {
    robot: Robot,
    /// The visits that it was sent, by number.
    sent: Vec<(u64, Cell)>,
    /// The index in `sent` where it is.
    at: usize,
    /// Whether it is between `at` and the next.
    moving: bool,
    /// Ticks during which it does not move, or does not speak.
    broken: u32,
    silent: u32,
}

impl Real {
    fn cells(&self) -> Vec<Cell> {
        let mut cells = vec![self.sent[self.at].1];
        if self.moving {
            cells.push(self.sent[self.at + 1].1);
        }
        cells
    }
}

fn hand_over(traffic: &Traffic, real: &mut Real) {
    let (reached, ..) = traffic.progress(real.robot).unwrap();
    for (index, visit) in traffic.base(real.robot).iter().enumerate() {
        let number = reached + index as u64;
        if real.sent.last().is_none_or(|(last, _)| *last < number) {
            real.sent.push((number, visit.cell));
        }
    }
}

/// Drives plans to their end; true when everybody got there. Panics on any collision.
fn drive(seed: u64, count: usize, rings: bool, troubles: bool, replans: usize) -> bool {
    let mut random = Random::new(seed);
    let mut cells: Vec<Cell> = (0..(SIDE * SIDE) as Cell).collect();
    random.shuffle(&mut cells);
    if rings {
        let corner = [0, 1, SIDE as Cell + 1, SIDE as Cell];
        cells.retain(|cell| !corner.contains(cell));
        cells.splice(0..0, corner);
    }
    let mut traffic = Traffic::new();
    let starts: Vec<(Robot, Cell)> =
        cells.iter().take(count).enumerate().map(|(i, cell)| (i as Robot, *cell)).collect();
    for (robot, cell) in &starts {
        traffic.place(*robot, *cell, 0.0).unwrap();
    }
    let plan = random_plan(&starts, 25, rings, &mut random);
    let kept = traffic.plan(&plan).unwrap();
    assert!(rings || kept.cut == 0, "a plan without rings is kept whole");
    let mut reals: Vec<Real> = starts
        .iter()
        .map(|(robot, _)| Real { robot: *robot, sent: Vec::new(), at: 0, moving: false, broken: 0, silent: 0 })
        .collect();
    let mut replans_left = replans;
    for tick in 0..6_000 {
        if replans_left > 0 && tick % 15 == 14 {
            replans_left -= 1;
            let ends: Vec<(Robot, Cell)> =
                reals.iter().map(|real| (real.robot, traffic.base(real.robot).last().unwrap().cell)).collect();
            traffic.plan(&random_plan(&ends, 20, rings, &mut random)).unwrap();
        }
        let look_ahead = 1 + random.index(4) as u64;
        traffic.release(look_ahead, |_, _, _| true);
        assert_eq!(traffic.conflicts(), Vec::new());
        let mut done = true;
        for real in &mut reals {
            hand_over(&traffic, real);
            real.broken = real.broken.saturating_sub(1);
            real.silent = real.silent.saturating_sub(1);
            if troubles && random.unit() < 0.01 {
                real.broken = 1 + random.index(60) as u32;
            }
            if troubles && random.unit() < 0.01 {
                real.silent = 1 + random.index(60) as u32;
            }
            if real.broken == 0 && random.unit() < 0.6 {
                if real.moving {
                    real.at += 1;
                    real.moving = false;
                } else {
                    real.moving = real.at + 1 < real.sent.len();
                }
            }
            if real.silent == 0 {
                traffic.reached(real.robot, real.sent[real.at].0).unwrap();
            }
            let (reached, _, end) = traffic.progress(real.robot).unwrap();
            done &= reached == end;
        }
        let mut occupied = HashMap::new();
        for real in &reals {
            for cell in real.cells() {
                if let Some(other) = occupied.insert(cell, real.robot) {
                    assert_eq!(other, real.robot, "robots {other} and {} are on cell {cell}", real.robot);
                }
            }
        }
        if done && replans_left == 0 {
            return true;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn everybody_arrives_without_a_collision(seed in any::<u64>(), count in 2..26usize, rings in any::<bool>(), replans in 0..4usize) {
        prop_assert!(drive(seed, count.max(4), rings, true, replans));
    }

    #[test]
    fn no_plan_at_all_does_harm(seed in any::<u64>(), count in 2..12usize) {
        let mut random = Random::new(seed);
        let mut traffic = Traffic::new();
        for robot in 0..count as Robot {
            traffic.place(robot, robot, 0.0).unwrap();
        }
        // Paths that know nothing of each other, and jump.
        let paths: Vec<(Robot, Vec<PlannedStep>)> = (0..count as Robot).map(|robot| {
            let first = PlannedStep { step: 0, cell: robot, theta: 0.0 };
            let wild = (1..20).map(|step| PlannedStep { step: step / 2, cell: random.index(15) as Cell, theta: 0.0 });
            (robot, std::iter::once(first).chain(wild.collect::<Vec<_>>()).collect())
        }).collect();
        traffic.plan(&paths).unwrap();
        for _ in 0..1_000 {
            traffic.release(3, |_, _, _| true);
            prop_assert_eq!(traffic.conflicts(), Vec::new());
            let robot = random.index(count) as Robot;
            let (reached, released, _) = traffic.progress(robot).unwrap();
            traffic.reached(robot, released.min(reached + 1)).unwrap();
        }
        // Whatever was kept was driven to its end.
        for robot in 0..count as Robot {
            let (reached, _, end) = traffic.progress(robot).unwrap();
            prop_assert_eq!(reached, end);
        }
    }
}

fn path(cells: &[Cell]) -> Vec<PlannedStep> {
    cells.iter().enumerate().map(|(step, cell)| PlannedStep { step: step as u32, cell: *cell, theta: 0.0 }).collect()
}

#[test]
fn a_cell_is_released_when_the_one_before_has_left() {
    let mut traffic = Traffic::new();
    traffic.place(1, 10, 0.0).unwrap();
    traffic.place(2, 11, 0.0).unwrap();
    assert_eq!(traffic.place(3, 11, 0.0), Err(TrafficError::Held { cell: 11, holder: 2 }));
    assert_eq!(traffic.plan(&[(1, path(&[10, 11, 12])), (2, path(&[11, 12, 13]))]), Ok(Kept { kept: 4, cut: 0 }));
    assert_eq!(traffic.release(9, |_, _, _| true), [2]);
    assert_eq!((traffic.base(1).len(), traffic.horizon(1).len(), traffic.waits_for(1)), (1, 2, Some(2)));
    traffic.reached(2, 1).unwrap();
    assert_eq!(traffic.release(9, |_, _, _| true), [1]);
    assert_eq!((traffic.base(1).len(), traffic.holder(11), traffic.holder(12)), (2, Some(1), Some(2)));
    assert_eq!(traffic.reached(1, 5), Err(TrafficError::Ahead { robot: 1, claimed: 5, released: 1 }));
    // A door holds the last one back.
    traffic.reached(2, 2).unwrap();
    assert_eq!(traffic.release(9, |_, from, to| (from, to) != (11, 12)), [] as [Robot; 0]);
    assert_eq!(traffic.release(9, |_, _, _| true), [1]);
    let saved = serde_json::to_string(&traffic).unwrap();
    assert_eq!(serde_json::from_str::<Traffic>(&saved).unwrap(), traffic);
}

#[test]
fn swaps_and_rings_are_cut_off() {
    let mut traffic = Traffic::new();
    traffic.place(1, 0, 0.0).unwrap();
    traffic.place(2, 1, 0.0).unwrap();
    assert_eq!(traffic.plan(&[(1, path(&[0, 1])), (2, path(&[1, 0]))]), Ok(Kept { kept: 0, cut: 2 }));
    let wrong = traffic.plan(&[(1, path(&[5, 6]))]);
    assert_eq!(wrong, Err(TrafficError::Start { robot: 1, begins: 5, ends: 0 }));
    // Who is moved by hand holds only where it stands.
    traffic.plan(&[(1, path(&[0, 7, 8]))]).unwrap();
    traffic.release(2, |_, _, _| true);
    traffic.place(1, 20, 0.0).unwrap();
    assert_eq!((traffic.holder(7), traffic.holder(20)), (None, Some(1)));
    traffic.remove(2);
    assert_eq!(traffic.holder(1), None);
}
