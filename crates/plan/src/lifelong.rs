//! Plans for agents that never stop: every step asks for the next action of everybody, and goals may change in between.
//!
//! Every step plans a window of a few steps and carries out its first. What remains of the window is where the next one
//! starts from, so improvement goes on over steps.

use std::sync::Arc;

use crate::budget::Budget;
use crate::check::check_step;
use crate::choices::{Choices, Wish};
use crate::field::guess;
use crate::fields::Fields;
use crate::grid::{Action, Cell, Grid, State};
use crate::operations::OperationTable;
use crate::parallel::{Round, improve_on_all_cores};
use crate::resume::resume;
use crate::window::{AGENTS_MAX, NOBODY, Window};
use crate::{PlanError, Planner};

/// The depth of the window that may be asked for.
pub const DEPTHS: std::ops::RangeInclusive<usize> = 3..=8;

/// A depth to choose, deeper ones last.
#[derive(Debug)]
struct Depth {
    steps: usize,
    /// The time for each agent in a step, in microseconds on one thread, from which this depth is worth more than more
    /// attempts at a lesser one: few good looks ahead beat many short ones.
    micros_min: f64,
    /// By which power of the floor's free share the time counts less: where it is crowded, pushes go through many
    /// agents, for which deep windows leave no time.
    crowding: i32,
    /// The most agents whose choices, each step about three times as many, are still some hundred megabytes.
    agents_max: usize,
}

/// Seven steps were nowhere the best.
const CHOOSABLE: [Depth; 4] = [
    Depth { steps: 4, micros_min: 0.0, crowding: 0, agents_max: AGENTS_MAX },
    Depth { steps: 5, micros_min: 120.0, crowding: 0, agents_max: AGENTS_MAX },
    Depth { steps: 6, micros_min: 350.0, crowding: 0, agents_max: 20_000 },
    Depth { steps: 8, micros_min: 1_500.0, crowding: 5, agents_max: 2_500 },
];

/// The share of the floor that agents with a goal fill unless said otherwise.
const BUSY_SHARE_MAX: f64 = 0.8;

/// How many pushes each agent may try in a first plan, when nobody has one.
const PUSHES_AT_FIRST: u32 = 300;

/// The weight of who only makes way.
const IDLE: i32 = 1;

/// The weight of the most urgent agent.
const WEIGHT_MAX: i32 = 1_000;

/// One agent that has somewhere to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// Where it is.
    pub state: State,
    /// Where it shall go; an agent without a goal only makes way.
    pub goal: Option<Cell>,
    /// Where it will go from there, when that is known.
    pub next: Option<Cell>,
    /// What is left of its task beyond the goal, as a distance: whoever has least left is most urgent.
    pub beyond: u32,
    /// Whether it cannot move in this step, so that the others must go around it.
    pub is_fixed: bool,
}

impl Agent {
    /// An agent that has nowhere to go.
    pub const fn at(state: State) -> Self {
        Self { state, goal: None, next: None, beyond: 0, is_fixed: false }
    }
}

/// What there is to plan in one step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The floor; the same one in every step, but that ways may be closed and opened in between. Distances stay those
    /// of the floor that the planner was made with, or follows.
    pub grid: &'a Grid,
    /// Everybody, in the same order in every step.
    pub agents: &'a [Agent],
}

/// What was planned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepPlan {
    /// The next action of each agent.
    pub actions: Vec<Action>,
    /// Where each agent is meant to be after each step of the window, one agent after the other.
    pub courses: Vec<Cell>,
    /// The steps of the window.
    pub depth: usize,
    /// How many changes of the plan were tried.
    pub tried: u64,
    /// How many goals had no field in time; those agents went by a guess.
    pub fields_missing: usize,
}

/// How to plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The steps of the window, one of [`DEPTHS`]; none to take what the time of the first step is good for.
    pub depth: Option<usize>,
    /// The threads to use.
    pub threads: usize,
    /// What all randomness is drawn from.
    pub seed: u64,
    /// The memory for distance fields, in bytes.
    pub field_bytes_max: usize,
    /// How steeply urgency falls from the most urgent agent to the least, as the power of the rank; none to take what the
    /// density of agents asks for. Where there is no room for all, only a few must count.
    pub urgency: Option<f64>,
    /// The share of the floor that agents with a goal may fill. The others, those that have most left to do, only make
    /// way until it is their turn.
    pub busy_share_max: f64,
    /// How much worse, in steps of a usual agent, the plan may become on the way to a better one.
    pub temperature: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            depth: None,
            threads: 2,
            seed: 1,
            field_bytes_max: crate::fields::FIELD_BYTES_MAX,
            urgency: None,
            busy_share_max: BUSY_SHARE_MAX,
            temperature: 0.0,
        }
    }
}

/// Plans step after step on one floor.
#[derive(Debug)]
pub struct Lifelong {
    settings: Settings,
    fields: Fields,
    /// Where everybody was meant to be after the steps of the last window, with its depth.
    planned: (usize, Vec<Cell>),
    steps: u64,
    tables: Option<Tables>,
}

#[derive(Debug, Clone)]
enum Tables {
    Three(Arc<OperationTable<3>>),
    Four(Arc<OperationTable<4>>),
    Five(Arc<OperationTable<5>>),
    Six(Arc<OperationTable<6>>),
    Seven(Arc<OperationTable<7>>),
    Eight(Arc<OperationTable<8>>),
}

impl Lifelong {
    /// A planner for one floor.
    pub fn new(grid: &Grid, settings: Settings) -> Result<Self, PlanError> {
        if let Some(depth) = settings.depth.filter(|depth| !DEPTHS.contains(depth)) {
            return Err(PlanError::Depth { depth });
        }
        let fields = Fields::new(grid, settings.threads, settings.field_bytes_max);
        Ok(Self { settings, fields, planned: (0, Vec::new()), steps: 0, tables: None })
    }

    /// Takes to a floor with the same cells on which other ways are closed, or cost more: from now on distances are those
    /// of this floor.
    pub fn follow(&mut self, grid: &Grid) {
        self.fields.follow(grid);
    }

    /// The distance fields, for whoever assigns goals.
    pub fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// The distance fields that are there.
    pub const fn known_fields(&self) -> &Fields {
        &self.fields
    }

    /// The tables of the depth that was asked for, or that the first step's time for each agent is good for.
    fn tables(&mut self, step: Step<'_>, budget: Budget<'_>) -> Tables {
        let (asked, threads) = (self.settings.depth, self.settings.threads);
        let tables = self.tables.get_or_insert_with(|| {
            let agents = step.agents.len();
            let micros = budget.left().as_micros() as f64 * threads as f64 / agents.max(1) as f64;
            let free = 1.0 - agents as f64 / step.grid.len() as f64;
            let fits =
                |depth: &&Depth| micros * free.powi(depth.crowding) >= depth.micros_min && agents <= depth.agents_max;
            Tables::new(asked.unwrap_or_else(|| CHOOSABLE.iter().rev().find(fits).map_or(4, |depth| depth.steps)))
        });
        tables.clone()
    }

    fn run<const D: usize>(&mut self, table: &OperationTable<D>, step: Step<'_>, budget: Budget<'_>) -> StepPlan {
        let agents = step.agents;
        let near =
            |agent: &Agent| agent.goal.is_some_and(|goal| usize::from(guess(step.grid, agent.state, goal)) <= D + 2);
        // Who is near to its goal needs to know the way most; from afar a landmark will do.
        let mut goals: Vec<(u16, Cell)> = agents
            .iter()
            .filter_map(|agent| agent.goal.map(|goal| (guess(step.grid, agent.state, goal), goal)))
            .collect();
        goals.sort_unstable();
        let goals = goals.into_iter().map(|(_, goal)| goal);
        let nexts = agents.iter().filter(|agent| near(agent)).filter_map(|agent| agent.next);
        let fields_missing = self.fields.prepare(goals.chain(nexts), budget.share(0.6));
        let weights = self.weights(step);
        let (depth, courses) = &self.planned;
        let courses = if *depth == D { &courses[..] } else { &[] };
        let wishes: Vec<Wish<'_>> = agents
            .iter()
            .zip(&weights)
            .enumerate()
            .map(|(number, (agent, weight))| Wish {
                state: agent.state,
                goal: agent.goal.filter(|_| *weight > IDLE).map(|goal| self.fields.way(goal)),
                next: agent.next.filter(|_| near(agent)).and_then(|next| self.fields.get(next)),
                weight: *weight,
                course: courses.get(number * D..(number + 1) * D).unwrap_or_default(),
                is_fixed: agent.is_fixed,
            })
            .collect();
        let choices = Choices::work_out(step.grid, table, &wishes, self.settings.threads);
        let starts: Vec<Cell> = agents.iter().map(|agent| agent.state.cell).collect();
        let mut at_start = vec![NOBODY; step.grid.len()];
        for (agent, cell) in starts.iter().enumerate() {
            at_start[*cell as usize] = agent as u16;
        }
        let resumed = resume(&choices, &starts, courses, step.grid.len());
        let seed = self.settings.seed ^ self.steps.wrapping_mul(0x5851_F42D_4C95_7F2D);
        let mut window = Window::new(&choices, &starts, &at_start, resumed.chosen, seed);
        window.choose_in_order(&in_order(resumed.lost, &weights), PUSHES_AT_FIRST, || budget.is_over());
        let round =
            Round { grid: step.grid, threads: self.settings.threads, seed, temperature: self.settings.temperature };
        let tried = improve_on_all_cores(&mut window, &starts, &round, budget);
        let actions: Vec<Action> = (0..agents.len())
            .map(|agent| table.operations[usize::from(window.taken(agent).operation)].actions[0])
            .collect();
        let courses = (0..agents.len()).flat_map(|agent| window.taken(agent).cells).collect();
        StepPlan { actions, courses, depth: D, tried, fields_missing }
    }

    /// How much each agent counts: the less it has left, the more.
    fn weights(&self, step: Step<'_>) -> Vec<i32> {
        let left: Vec<u32> = step
            .agents
            .iter()
            .map(|agent| {
                agent.goal.map_or(u32::MAX, |goal| {
                    u32::from(self.fields.way(goal).distance(step.grid, agent.state)).saturating_add(agent.beyond)
                })
            })
            .collect();
        let mut order: Vec<usize> = (0..left.len()).collect();
        order.sort_by_key(|agent| left[*agent]);
        let density = left.len() as f64 / step.grid.len() as f64;
        let urgency = self.settings.urgency.unwrap_or(1.0 + 8.0 * density * density);
        let mut weights = vec![IDLE; left.len()];
        let busy_max = (self.settings.busy_share_max * step.grid.len() as f64) as usize;
        for (rank, agent) in order.iter().enumerate() {
            if left[*agent] < u32::MAX && rank < busy_max {
                let share = 1.0 - rank as f64 / left.len() as f64;
                weights[*agent] = ((share.powf(urgency) * f64::from(WEIGHT_MAX)) as i32).max(IDLE + 1);
            }
        }
        weights
    }
}

/// The most urgent agents first.
fn in_order(mut order: Vec<u16>, weights: &[i32]) -> Vec<u16> {
    order.sort_by_key(|agent| -weights[usize::from(*agent)]);
    order
}

impl Tables {
    /// The tables of a depth in [`DEPTHS`].
    fn new(depth: usize) -> Self {
        match depth {
            ..=3 => Self::Three(Arc::new(OperationTable::new())),
            4 => Self::Four(Arc::new(OperationTable::new())),
            5 => Self::Five(Arc::new(OperationTable::new())),
            6 => Self::Six(Arc::new(OperationTable::new())),
            7 => Self::Seven(Arc::new(OperationTable::new())),
            8.. => Self::Eight(Arc::new(OperationTable::new())),
        }
    }
}

impl Planner for Lifelong {
    type Problem<'a> = Step<'a>;
    type Solution = StepPlan;

    fn solve(&mut self, problem: Step<'_>, budget: Budget<'_>) -> Result<StepPlan, PlanError> {
        if problem.agents.len() > AGENTS_MAX {
            return Err(PlanError::TooManyAgents { agents: problem.agents.len() });
        }
        self.steps += 1;
        let plan = match self.tables(problem, budget) {
            Tables::Three(table) => self.run(&table, problem, budget),
            Tables::Four(table) => self.run(&table, problem, budget),
            Tables::Five(table) => self.run(&table, problem, budget),
            Tables::Six(table) => self.run(&table, problem, budget),
            Tables::Seven(table) => self.run(&table, problem, budget),
            Tables::Eight(table) => self.run(&table, problem, budget),
        };
        let states: Vec<State> = problem.agents.iter().map(|agent| agent.state).collect();
        check_step(problem.grid, &states, &plan.actions)?;
        self.planned = (plan.depth, plan.courses.clone());
        Ok(plan)
    }
}
