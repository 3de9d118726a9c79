//! Lifelong plans on random floors at any density: every step is valid, and goals are reached.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Timestamp};
use plan::check::faults;
use plan::{Action, Agent, Budget, Cell, Grid, Heading, Lifelong, Planner, Random, Settings, State, Step};
use proptest::prelude::*;

/// A clock that goes on by a microsecond whenever somebody looks, so that budgets are counts of work.
#[derive(Debug, Default)]
struct CountingClock(AtomicI64);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct Play {
    grid: Grid,
    states: Vec<State>,
    goals: Vec<Cell>,
    reached: usize,
    random: Random,
}

impl Play {
    fn new(side: usize, walls: f64, density: f64, seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let free: Vec<bool> = (0..side * side).map(|_| random.unit() >= walls).collect();
        let grid = Grid::new(side, side, |row, column| free[row * side + column]).ok()?;
        let mut cells: Vec<Cell> = (0..grid.len() as Cell).collect();
        random.shuffle(&mut cells);
        cells.truncate((grid.len() as f64 * density) as usize);
        let states: Vec<State> =
            cells.iter().map(|cell| State { cell: *cell, heading: Heading::of(random.index(4)) }).collect();
        let goals = states.iter().map(|_| random.index(grid.len()) as Cell).collect();
        (!states.is_empty()).then_some(Self { grid, states, goals, reached: 0, random })
    }

    /// Plays one step and judges it.
    fn step(&mut self, planner: &mut Lifelong, clock: &CountingClock) {
        let agents: Vec<Agent> = self
            .states
            .iter()
            .zip(&self.goals)
            .enumerate()
            .map(|(number, (state, goal))| Agent {
                state: *state,
                goal: (number % 7 != 3).then_some(*goal),
                next: (number % 2 == 0).then_some(0),
                beyond: (number % 5) as u32 * 9,
                is_fixed: number % 11 == 5,
            })
            .collect();
        let budget = Budget::new(clock, Duration::from_micros(60));
        let plan = planner.solve(Step { grid: &self.grid, agents: &agents }, budget).expect("plans are valid");
        assert_eq!(faults(&self.grid, &self.states, &plan.actions), []);
        assert_eq!(plan.courses.len(), plan.depth * agents.len());
        for (number, action) in plan.actions.iter().enumerate() {
            assert!(!agents[number].is_fixed || *action == Action::Wait, "who cannot move is not moved");
            let state = self.grid.after(self.states[number], *action).expect("the way is open");
            assert_eq!(state.cell, plan.courses[number * plan.depth], "the action begins the course");
            self.states[number] = state;
            if state.cell == self.goals[number] && agents[number].goal.is_some() {
                self.reached += 1;
                self.goals[number] = self.random.index(self.grid.len()) as Cell;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_step_is_valid_at_any_density(
        seed in any::<u64>(),
        side in 3_usize..10,
        walls in 0.0_f64..0.35,
        density in 0.05_f64..0.98,
        depth in 3_usize..=4,
        threads in 1_usize..=2,
    ) {
        let Some(mut play) = Play::new(side, walls, density, seed) else { return Ok(()) };
        let settings = Settings { depth: Some(depth), threads, seed, ..Settings::default() };
        let mut planner = Lifelong::new(&play.grid, settings).unwrap();
        let clock = CountingClock::default();
        for number in 0..9 {
            // Robots are where nobody expected them now and then.
            if number == 5 && play.states.len() > 1 {
                let heading = play.states[0].heading;
                (play.states[0].cell, play.states[1].cell) = (play.states[1].cell, play.states[0].cell);
                play.states[0].heading = heading.right();
            }
            play.step(&mut planner, &clock);
        }
    }
}

#[test]
fn goals_are_reached_on_a_crowded_floor_by_any_number_of_threads() {
    for threads in 1..=3 {
        let mut play = Play::new(14, 0.1, 0.5, 11).unwrap();
        let mut planner = Lifelong::new(&play.grid, Settings { threads, ..Settings::default() }).unwrap();
        let clock = CountingClock::default();
        (0..80).for_each(|_| play.step(&mut planner, &clock));
        let agents = play.states.len();
        assert!(play.reached >= agents, "{} goals by {agents} agents on {threads} threads", play.reached);
    }
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let plans: Vec<Vec<State>> = (0..2)
        .map(|_| {
            let mut play = Play::new(9, 0.1, 0.5, 5).unwrap();
            let mut planner = Lifelong::new(&play.grid, Settings { threads: 1, ..Settings::default() }).unwrap();
            let clock = CountingClock::default();
            (0..20).for_each(|_| play.step(&mut planner, &clock));
            play.states
        })
        .collect();
    assert_eq!(plans[0], plans[1]);
}
