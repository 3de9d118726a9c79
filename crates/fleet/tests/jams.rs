//! Jams on tight floors: plans of which little can be driven, and the way out. Robots are late as they like.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fleet::floor::{Floor, GridGround, Ground, Network, NodeIndex, Point};
use fleet::master::jams::Jams;
use fleet::master::{Problem, Start};
use fleet::traffic::{PlannedStep, Robot, Traffic};
use plan::Random;

/// At least so many robots are led out of a jam.
const AROUND: usize = 4;

fn network(rows: &[&str]) -> Network {
    let ground = GridGround {
        cell_metres: 1.0,
        lower_left: Point::default(),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        speed_limit: None,
        lanes: Vec::new(),
        walls: Vec::new(),
    };
    Floor::new("tight", Ground::Grid(ground)).network().unwrap()
}

/// The shortest way, whoever stands there: what runs head-on into others and round in rings.
fn shortest(network: &Network, from: NodeIndex, to: NodeIndex) -> Vec<PlannedStep> {
    let mut before = BTreeMap::from([(from, from)]);
    let mut open = VecDeque::from([from]);
    while let Some(node) = open.pop_front() {
        for way in network.ways(node) {
            before.entry(way.to).or_insert_with(|| {
                open.push_back(way.to);
                node
            });
        }
    }
    let mut path = vec![to];
    while path[path.len() - 1] != from {
        path.push(before[&path[path.len() - 1]]);
    }
    let step = |(step, cell): (usize, NodeIndex)| PlannedStep { step: step as u32, cell, theta: 0.0 };
    path.into_iter().rev().enumerate().map(step).collect()
}

/// Robots with goals that change places. Gives the plans that it took until each had been at its goal.
fn plans_until_all_arrive(network: &Network, robots: usize, seed: u64) -> Option<u32> {
    let mut random = Random::new(seed);
    let mut cells: Vec<NodeIndex> = (0..network.len() as NodeIndex).collect();
    random.shuffle(&mut cells);
    let mut goals: BTreeMap<Robot, NodeIndex> = (0..robots).map(|it| (it as Robot, cells[it])).collect();
    random.shuffle(&mut cells);
    let mut traffic = Traffic::new();
    for (robot, cell) in cells.iter().take(robots).enumerate() {
        traffic.place(robot as Robot, *cell, 0.0).unwrap();
    }
    let mut jams = Jams::new(AROUND);
    for plans in 0..2_000 {
        goals.retain(|robot, goal| traffic.base(*robot)[0].cell != *goal);
        if goals.is_empty() {
            return Some(plans);
        }
        let start = |robot: Robot| {
            let base = traffic.base(robot);
            let end = base[base.len() - 1].cell;
            let holds = base.iter().map(|visit| visit.cell).collect();
            let goal = goals.get(&robot).copied();
            Start { robot, node: end, theta: 0.0, goal, next_goal: None, is_movable: true, is_busy: false, holds }
        };
        let starts: Vec<Start> = (0..robots as Robot).map(start).collect();
        let problem = Problem { starts, closed: BTreeSet::new() };
        let mut paths = jams.ways_out(network, &problem);
        if paths.is_empty() {
            let way = |start: &Start| Some((start.robot, shortest(network, start.node, start.goal?)));
            paths = problem.starts.iter().filter_map(way).collect();
        }
        traffic.plan(&paths).unwrap();
        let is_stuck = |robot: &&Robot| traffic.base(**robot).len() == 1 && traffic.horizon(**robot).is_empty();
        jams.judge(goals.keys().filter(is_stuck).copied());
        // Robots go on in any order, and some not at all.
        for _ in 0..3 {
            traffic.release(2, |_, _, _| true);
            assert_eq!(traffic.conflicts(), []);
            for robot in 0..robots as Robot {
                let (reached, released, _) = traffic.progress(robot).unwrap();
                if reached < released && random.unit() < 0.7 {
                    traffic.reached(robot, reached + 1).unwrap();
                }
            }
        }
    }
    None
}

#[test]
fn everybody_arrives_on_tight_floors() {
    let floors: [(&[&str], usize); 2] = [
        // An open square, half full.
        (&[".....", ".....", ".....", ".....", "....."], 12),
        // A ring with bays: whoever meets somebody has to back off.
        (&[".......", ".@@.@@.", ".......", ".@@.@@.", "......."], 9),
    ];
    for (index, (rows, robots)) in floors.into_iter().enumerate() {
        let network = network(rows);
        for seed in 0..5 {
            let plans = plans_until_all_arrive(&network, robots, seed);
            assert!(plans.is_some(), "floor {index} with seed {seed}: a jam stays");
        }
    }
}
