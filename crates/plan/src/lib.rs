//! Solvers over plain data: agents, cells, goals and costs, and no word of any domain.
//!
//! **Invariant:** nothing here reads a clock, opens a file or draws unseeded randomness: time comes as a [`Budget`], chance as a seed.

pub mod assign;
mod budget;
pub mod check;
mod choices;
mod field;
mod fields;
pub mod grid;
pub mod guidance;
mod lacam;
mod lifelong;
pub mod linear;
mod operations;
mod parallel;
mod random;
mod repair;
pub mod reservoir;
mod resume;
pub mod signal;
mod window;

pub use budget::Budget;
pub use field::{Field, FieldMaker, UNREACHABLE, guess};
pub use fields::{FIELD_BYTES_MAX, Fields, Shelf, Way};
pub use grid::{Action, Cell, Grid, Heading, NO_CELL, State};
pub use guidance::Lanes;
pub use lacam::{Actions, Lacam, OneShot};
pub use lifelong::{Agent, DEPTHS, Lifelong, Settings, Step, StepPlan};
pub use random::Random;
pub use window::AGENTS_MAX;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The floor has more cells than the tables hold.
    #[error("the floor has {cells} cells, more than {}", grid::CELLS_MAX)]
    TooManyCells {
        /// How many it has.
        cells: usize,
    },
    /// There are more agents than the tables hold.
    #[error("{agents} agents are more than {AGENTS_MAX}")]
    TooManyAgents {
        /// How many there are.
        agents: usize,
    },
    /// The window cannot be so deep.
    #[error("a window of {depth} steps cannot be planned\nhint: use 3 to 8")]
    Depth {
        /// What was asked for.
        depth: usize,
    },
    /// A store that is none.
    #[error(
        "the store has no sound capacity, floor, loss or number of levels\nhint: use 2 to {} levels",
        reservoir::LEVELS_MAX
    )]
    Store,
    /// There is not one goal, or none, for each agent.
    #[error("{goals} goals for {agents} agents")]
    Goals {
        /// How many agents there are.
        agents: usize,
        /// How many goals were given.
        goals: usize,
    },
    /// Two agents shall end on one cell.
    #[error("cell {cell} is the goal of two agents")]
    SharedGoal {
        /// The cell.
        cell: Cell,
    },
    /// Everything was tried.
    #[error("there is no plan: the agents cannot all reach their goals")]
    Unsolvable,
    /// The time was out before a plan was found.
    #[error("no plan was found in time")]
    Late,
    /// The plan breaks the rules, which the judge found before anybody saw it.
    #[error("the plan is not valid: {0}")]
    Invalid(check::Fault),
}

/// Something that solves problems of one kind within a time.
pub trait Planner {
    /// What is to be solved.
    type Problem<'a>;
    /// What comes out.
    type Solution;

    /// Solves a problem as well as the budget allows. A solution has passed the judge of [`check`].
    fn solve(&mut self, problem: Self::Problem<'_>, budget: Budget<'_>) -> Result<Self::Solution, PlanError>;
}
