//! Our own player: it assigns tasks, then plans everybody's next step, in the time that a step has.

use plan::assign::{Assigner, Job, OnGrid, Worker};
use plan::{Action, Agent, Budget, Cell, Fields, Lifelong, PlanError, Planner, Settings, Step};

use super::instance::{Edition, Instance};
use super::rules::Game;

/// The share of a step's time that assignment may take.
const ASSIGN_SHARE: f64 = 0.25;

/// Plays one instance.
#[derive(Debug)]
pub struct Controller {
    planner: Lifelong,
    assigner: Assigner,
    /// The way from each task's first errand to its last, by task, and whether it is exact.
    lengths: Vec<(u32, bool)>,
}

/// What is to be done in a step.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) actions: Vec<Action>,
    pub(crate) schedule: Vec<Option<usize>>,
    pub(crate) tried: u64,
}

impl Controller {
    /// A player of an instance.
    pub fn new(instance: &Instance, settings: Settings) -> Result<Self, PlanError> {
        let planner = Lifelong::new(&instance.grid, settings)?;
        Ok(Self { planner, assigner: Assigner::new(settings.seed).on_threads(settings.threads), lengths: Vec::new() })
    }

    /// Gets to know the floor, before the first step.
    pub(crate) fn prepare(&mut self, instance: &Instance, budget: Budget<'_>) {
        self.planner.fields().survey(&instance.grid, budget);
    }

    /// Decides the next step of a game.
    pub(crate) fn decide(&mut self, game: &Game<'_>, budget: Budget<'_>) -> Decision {
        let team = game.states().len();
        let schedule: Vec<Option<usize>> = match game.instance().edition {
            Edition::Y2023 => (0..team).map(|agent| game.held(agent)).collect(),
            Edition::Y2024 => self.schedule(game, budget.share(ASSIGN_SHARE)),
        };
        let agents: Vec<Agent> = game
            .states()
            .iter()
            .zip(&schedule)
            .map(|(state, task)| {
                let task = task.map(|task| (task, &game.tasks()[task]));
                let at = |ahead: usize| task.and_then(|(_, task)| task.errands.get(task.done + ahead).copied());
                let beyond = task.map_or(0, |(number, task)| self.beyond(game, number, task.done));
                Agent { goal: at(0), next: at(1), beyond, ..Agent::at(*state) }
            })
            .collect();
        match self.planner.solve(Step { grid: &game.instance().grid, agents: &agents }, budget) {
            Ok(plan) => Decision { actions: plan.actions, schedule, tried: plan.tried },
            Err(_) => Decision { actions: vec![Action::Wait; team], schedule, tried: 0 },
        }
    }

    /// The way from the errand that is next to the last one.
    fn beyond(&self, game: &Game<'_>, task: usize, done: usize) -> u32 {
        if done == 0 {
            return self.lengths.get(task).map_or(0, |(length, _)| *length);
        }
        let errands = &game.tasks()[task].errands[done..];
        errands.windows(2).map(|pair| leg(game.instance(), self.planner.known_fields(), pair[0], pair[1]).0).sum()
    }

    fn schedule(&mut self, game: &Game<'_>, budget: Budget<'_>) -> Vec<Option<usize>> {
        let team = game.states().len();
        let mut schedule: Vec<Option<usize>> = (0..team).map(|agent| game.held(agent)).collect();
        let is_free = |agent: usize| game.held(agent).is_none_or(|task| !game.tasks()[task].is_opened());
        let free: Vec<usize> = (0..team).filter(|agent| is_free(*agent)).collect();
        if free.is_empty() {
            return schedule;
        }
        let waiting: Vec<usize> = game.open().iter().copied().filter(|task| !game.tasks()[*task].is_opened()).collect();
        self.measure(game, &waiting, budget.share(0.5));
        let first = waiting.iter().map(|task| game.tasks()[*task].errands[0]);
        self.planner.fields().prepare_more(first, budget.share(0.5));
        let jobs: Vec<Job> = waiting
            .iter()
            .map(|task| Job { first: game.tasks()[*task].errands[0], length: self.lengths[*task].0, advance: 0 })
            .collect();
        let index_of: std::collections::HashMap<usize, usize> =
            waiting.iter().enumerate().map(|(index, task)| (*task, index)).collect();
        let workers: Vec<Worker> = free
            .iter()
            .map(|agent| Worker {
                state: game.states()[*agent],
                holds: game.held(*agent).and_then(|task| index_of.get(&task).copied()),
            })
            .collect();
        let distances = OnGrid { grid: &game.instance().grid, fields: self.planner.known_fields() };
        let assigned = self.assigner.assign(&distances, &workers, &jobs, budget);
        for (agent, job) in free.iter().zip(assigned) {
            schedule[*agent] = job.map(|job| waiting[job]);
        }
        schedule
    }

    /// Measures the tasks that are new, exactly as long as there is time.
    fn measure(&mut self, game: &Game<'_>, waiting: &[usize], budget: Budget<'_>) {
        self.lengths.resize(game.tasks().len(), (0, false));
        let unsure: Vec<usize> = waiting.iter().copied().filter(|task| !self.lengths[*task].1).collect();
        let ends = unsure.iter().flat_map(|task| game.tasks()[*task].errands.iter().skip(1).copied());
        self.planner.fields().prepare_more(ends, budget);
        for task in unsure {
            let legs = game.tasks()[task].errands.windows(2);
            let legs = legs.map(|pair| leg(game.instance(), self.planner.known_fields(), pair[0], pair[1]));
            self.lengths[task] = legs.fold((0, true), |sum, leg| (sum.0 + leg.0, sum.1 && leg.1));
        }
    }
}

/// The way from one errand to the next, and whether it is exact.
fn leg(instance: &Instance, fields: &Fields, from: Cell, to: Cell) -> (u32, bool) {
    let way = fields.way(to);
    // Whoever arrives looks one way or another: on average a turn is needed.
    (u32::from(way.nearest(&instance.grid, from)) + 1, way.is_exact())
}
