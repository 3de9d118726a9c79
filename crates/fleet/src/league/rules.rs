//! The rules of the game: who is where, which tasks are open, what is finished. They are the League's own, to the step.

use plan::{Action, Cell, Heading, State};

use super::instance::{Edition, Instance};

/// One task that has been revealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where it leads, in order.
    pub errands: Vec<Cell>,
    /// How many errands are done.
    pub done: usize,
    /// Who has it.
    pub agent: Option<usize>,
    /// The step in which it was revealed.
    pub revealed: usize,
}

impl Task {
    /// Whether its first errand is done, so that it stays with its agent.
    pub const fn is_opened(&self) -> bool {
        self.done > 0
    }

    /// The errand to go to; none when all are done.
    pub fn errand(&self) -> Option<Cell> {
        self.errands.get(self.done).copied()
    }
}

/// Something that happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The step after which it happened.
    pub step: usize,
    /// Whose task it is.
    pub agent: usize,
    /// The task.
    pub task: usize,
    /// How many errands of it are done now; 0 when the task was handed out.
    pub done: usize,
}

/// A game under way.
#[derive(Debug, Clone)]
pub struct Game<'a> {
    instance: &'a Instance,
    step: usize,
    states: Vec<State>,
    tasks: Vec<Task>,
    /// The tasks that are not finished, in no order that matters.
    open: Vec<usize>,
    /// The task of each agent.
    held: Vec<Option<usize>>,
    /// How many tasks each agent was given, for handing them out in turn.
    given: Vec<usize>,
    events: Vec<Event>,
    finished: usize,
}

impl<'a> Game<'a> {
    /// A game at its beginning.
    pub fn new(instance: &'a Instance) -> Self {
        let team = instance.starts.len();
        let states = instance.starts.iter().map(|cell| State { cell: *cell, heading: Heading::East }).collect();
        let mut game = Self {
            instance,
            step: 0,
            states,
            tasks: Vec::new(),
            open: Vec::new(),
            held: vec![None; team],
            given: vec![0; team],
            events: Vec::new(),
            finished: 0,
        };
        game.reveal();
        game
    }

    /// The instance that is played.
    pub const fn instance(&self) -> &'a Instance {
        self.instance
    }

    /// The steps that were made.
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Where everybody is.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// All tasks that were revealed, by number.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The numbers of the tasks that are not finished.
    pub fn open(&self) -> &[usize] {
        &self.open
    }

    /// The task of an agent.
    pub fn held(&self, agent: usize) -> Option<usize> {
        self.held[agent]
    }

    /// What happened so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many tasks are finished.
    pub const fn finished(&self) -> usize {
        self.finished
    }

    /// Whether tasks may be assigned so: every task to one agent, opened ones to those who have them.
    pub fn check_schedule(&self, schedule: &[Option<usize>]) -> Result<(), String> {
        if schedule.len() != self.states.len() {
            return Err(format!("a schedule for {} of {} agents", schedule.len(), self.states.len()));
        }
        let mut agent_of = std::collections::BTreeMap::new();
        for (agent, task) in schedule.iter().enumerate() {
            if let Some(held) = self.held[agent]
                && self.tasks[held].is_opened()
                && *task != Some(held)
            {
                return Err(format!("agent {agent} has opened task {held} and must go on with it"));
            }
            let Some(task) = task else { continue };
            let known = self.tasks.get(*task).filter(|task| task.errand().is_some());
            let known = known.ok_or_else(|| format!("task {task} of agent {agent} is not open"))?;
            if known.is_opened() && known.agent != Some(agent) {
                return Err(format!("task {task} was opened by another agent than {agent}"));
            }
            if let Some(other) = agent_of.insert(*task, agent) {
                return Err(format!("task {task} is given to agents {other} and {agent}"));
            }
        }
        Ok(())
    }

    /// Makes one step: everybody moves, tasks change hands, errands are done, new tasks are revealed. The actions must
    /// have passed the judge; a schedule that breaks the rules leaves everything as it was assigned.
    pub fn advance(&mut self, actions: &[Action], schedule: Option<&[Option<usize>]>) -> Result<(), String> {
        for (state, action) in self.states.iter_mut().zip(actions) {
            *state = self.instance.grid.after(*state, *action).unwrap_or(*state);
        }
        self.step += 1;
        let outcome = match schedule {
            Some(schedule) if self.instance.edition == Edition::Y2024 => {
                let outcome = self.check_schedule(schedule);
                if outcome.is_ok() {
                    self.assign(schedule);
                }
                outcome
            }
            _ => Ok(()),
        };
        self.do_errands();
        self.reveal();
        outcome
    }

    fn assign(&mut self, schedule: &[Option<usize>]) {
        for held in self.held.iter().flatten() {
            self.tasks[*held].agent = None;
        }
        self.held.copy_from_slice(schedule);
        for (agent, held) in schedule.iter().enumerate() {
            if let Some(held) = held {
                self.tasks[*held].agent = Some(agent);
            }
        }
    }

    fn do_errands(&mut self) {
        let before = self.finished;
        for agent in 0..self.states.len() {
            let Some(number) = self.held[agent] else { continue };
            let task = &mut self.tasks[number];
            if task.errand() != Some(self.states[agent].cell) {
                continue;
            }
            task.done += 1;
            self.events.push(Event { step: self.step, agent, task: number, done: task.done });
            if task.errand().is_none() {
                self.held[agent] = None;
                self.finished += 1;
            }
        }
        if self.finished > before {
            self.open.retain(|task| self.tasks[*task].errand().is_some());
        }
    }

    fn reveal(&mut self) {
        let team = self.states.len();
        match self.instance.edition {
            Edition::Y2023 => {
                for agent in 0..team {
                    if self.held[agent].is_none() {
                        let number = self.given[agent] * team + agent;
                        self.given[agent] += 1;
                        let task = self.add(number, Some(agent));
                        self.held[agent] = Some(task);
                        self.events.push(Event { step: self.step, agent, task, done: 0 });
                    }
                }
            }
            Edition::Y2024 => {
                let wanted = (team as f64 * self.instance.reveal) as usize;
                while self.open.len() < wanted {
                    self.add(self.tasks.len(), None);
                }
            }
        }
    }

    fn add(&mut self, number: usize, agent: Option<usize>) -> usize {
        let errands = self.instance.tasks[number % self.instance.tasks.len()].clone();
        self.tasks.push(Task { errands, done: 0, agent, revealed: self.step });
        self.open.push(self.tasks.len() - 1);
        self.tasks.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::instance::tests::{OF_2023, OF_2024, ring};
    use super::*;

    const WAIT: [Action; 2] = [Action::Wait; 2];

    #[test]
    fn in_2023_tasks_come_in_turn_one_by_one() {
        let instance = ring(OF_2023, "4\n1\n8\n2\n9\n").unwrap();
        let mut game = Game::new(&instance);
        assert_eq!(game.tasks().iter().map(|task| task.agent).collect::<Vec<_>>(), [Some(0), Some(1)]);
        game.advance(&[Action::Forward, Action::Wait], None).unwrap();
        assert_eq!((game.finished(), game.held(0)), (1, Some(2)));
        assert_eq!(game.tasks()[2].errands, [instance.grid.cell(0, 2).unwrap()]);
        game.advance(&[Action::Forward, Action::Wait], None).unwrap();
        assert_eq!(game.finished(), 2);
        assert_eq!(game.tasks()[3].errands, [instance.grid.cell(0, 1).unwrap()], "after the last comes the first");
    }

    #[test]
    fn in_2024_a_task_may_change_hands_until_it_is_opened() {
        let instance = ring(OF_2024, "3\n1,2\n8\n2\n").unwrap();
        let mut game = Game::new(&instance);
        assert_eq!(game.open().len(), 3);
        game.advance(&WAIT, Some(&[None, Some(0)])).unwrap();
        game.advance(&[Action::Forward, Action::Wait], Some(&[Some(0), None])).unwrap();
        assert!(game.tasks()[0].is_opened());
        let lost = game.advance(&WAIT, Some(&[None, None])).unwrap_err();
        assert_eq!(lost, "agent 0 has opened task 0 and must go on with it");
        game.advance(&[Action::Forward, Action::Wait], Some(&[Some(0), Some(1)])).unwrap();
        assert_eq!((game.finished(), game.held(0), game.open().len()), (1, None, 3));
        let twice = game.check_schedule(&[Some(1), Some(1)]).unwrap_err();
        assert_eq!(twice, "task 1 is given to agents 0 and 1");
        assert_eq!(game.check_schedule(&[Some(0), None]).unwrap_err(), "task 0 of agent 0 is not open");
    }
}
