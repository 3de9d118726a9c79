//! Plays an instance under the League's rules, the time of every step enforced.

use std::time::Duration;

use model::Clock;
use plan::check::check_step;
use plan::{Action, Budget, PlanError};

use super::controller::Controller;
use super::instance::{Edition, Instance};
use super::result::{Record, write};
use super::rules::Game;

/// How an instance is played.
#[derive(Debug, Clone, Copy)]
pub struct RunSettings {
    /// The steps to make.
    pub steps: usize,
    /// The time before the first step in which only the floor is known; the League gives half an hour.
    pub preparation: Duration,
    /// The time of one step. Everybody waits in a step whose plan is late.
    pub step_time: Duration,
    /// How the planner works.
    pub planner: plan::Settings,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The steps made.
    pub step: usize,
    /// The tasks finished.
    pub finished: usize,
    /// How long the last plan took.
    pub took: Duration,
    /// The steps without a plan in time.
    pub late: usize,
    /// How many changes the planner tried for the last plan.
    pub tried: u64,
}

/// The time before the first step unless said otherwise: enough to survey the League's largest floors.
pub const PREPARATION: Duration = Duration::from_secs(10);

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The tasks finished.
    pub finished: usize,
    /// The steps made.
    pub steps: usize,
    /// The steps in which everybody waited because the plan was late.
    pub late: usize,
    /// What the planner or the scheduler did against the rules.
    pub errors: Vec<String>,
    /// The slowest plan.
    pub slowest: Duration,
    /// The League's result file.
    pub file: String,
}

/// What is kept back of a step's time for what comes after planning, so that a plan is not late: twice as much as was
/// overrun lately, and some for what never happened yet.
#[derive(Debug)]
struct Reserve {
    step_time: Duration,
    kept: Duration,
}

/// The share of a step's time that is kept back at least.
const RESERVE_SHARE_MIN: f64 = 0.02;

/// The least time that is kept back.
const RESERVE_MIN: Duration = Duration::from_millis(4);

/// What is kept back at most, as a share of a step's time.
const RESERVE_SHARE_MAX: f64 = 0.5;

/// How much of what was kept back is still kept a step later, when less was overrun.
const RESERVE_LASTS: f64 = 0.99;

impl Reserve {
    fn new(step_time: Duration) -> Self {
        Self { step_time, kept: Self::least(step_time) }
    }

    fn least(step_time: Duration) -> Duration {
        step_time.mul_f64(RESERVE_SHARE_MIN).max(RESERVE_MIN)
    }

    /// The time in which to plan.
    fn leaves(&self) -> Duration {
        self.step_time.saturating_sub(self.kept)
    }

    /// Learns from a plan that took so long.
    fn learn(&mut self, took: Duration) {
        let overrun = took.saturating_sub(self.leaves());
        let (least, most) = (Self::least(self.step_time), self.step_time.mul_f64(RESERVE_SHARE_MAX));
        self.kept = (overrun * 2).max(self.kept.mul_f64(RESERVE_LASTS)).max(least).min(most.max(least));
    }
}

/// Plays an instance. Every step is reported.
pub fn run(
    instance: &Instance,
    settings: RunSettings,
    clock: &dyn Clock,
    report: &mut dyn FnMut(Progress),
) -> Result<Outcome, PlanError> {
    let mut game = Game::new(instance);
    let mut controller = Controller::new(instance, settings.planner)?;
    controller.prepare(instance, Budget::new(clock, settings.preparation));
    let team = instance.starts.len();
    let mut record = Record { schedule: vec![Vec::new(); team], ..Record::default() };
    let mut slowest = Duration::ZERO;
    let waits = vec![Action::Wait; team];
    let mut reserve = Reserve::new(settings.step_time);
    while game.step() < settings.steps {
        let began = clock.now();
        let budget = Budget::new(clock, reserve.leaves());
        let decision = controller.decide(&game, budget);
        let took = Duration::from_micros(u64::try_from(clock.now().0 - began.0).unwrap_or(0));
        reserve.learn(took);
        record.seconds.push(took.as_secs_f64());
        slowest = slowest.max(took);
        // The clock of the game does not stand still: everybody waits until the step in which the plan arrives.
        let missed = (took.as_micros().saturating_sub(1) / settings.step_time.as_micros().max(1)) as usize;
        for _ in 0..missed.min(settings.steps - game.step()) {
            record.late += 1;
            step(&mut game, &mut record, &waits, None);
        }
        if game.step() == settings.steps {
            break;
        }
        match check_step(&instance.grid, game.states(), &decision.actions) {
            Ok(()) => step(&mut game, &mut record, &decision.actions, Some(&decision.schedule)),
            Err(fault) => {
                record.planner_errors.push((game.step() + 1, fault.to_string()));
                step(&mut game, &mut record, &waits, Some(&decision.schedule));
            }
        }
        report(Progress {
            step: game.step(),
            finished: game.finished(),
            took,
            late: record.late,
            tried: decision.tried,
        });
    }
    let errors = record.planner_errors.iter().chain(&record.schedule_errors);
    Ok(Outcome {
        finished: game.finished(),
        steps: game.step(),
        late: record.late,
        errors: errors.map(|(step, problem)| format!("step {step}: {problem}")).collect(),
        slowest,
        file: write(&game, &record),
    })
}

/// Makes one step and writes it down.
fn step(game: &mut Game<'_>, record: &mut Record, actions: &[Action], schedule: Option<&[Option<usize>]>) {
    if let Err(problem) = game.advance(actions, schedule) {
        record.schedule_errors.push((game.step(), problem));
    } else if let Some(schedule) = schedule.filter(|_| game.instance().edition == Edition::Y2024) {
        for (agent, task) in schedule.iter().enumerate() {
            let changes = &mut record.schedule[agent];
            if changes.last().map_or(task.is_some(), |(_, last)| last != task) {
                changes.push((game.step(), *task));
            }
        }
    }
    record.actions.push(actions.to_vec());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_follows_what_was_overrun() {
        let millis = Duration::from_millis;
        let mut reserve = Reserve::new(millis(100));
        assert_eq!(reserve.leaves(), millis(96));
        reserve.learn(millis(101));
        assert_eq!(reserve.leaves(), millis(90), "5 ms too long, so 10 are kept back");
        reserve.learn(millis(90));
        assert_eq!(reserve.leaves(), Duration::from_micros(90_100), "slowly it is forgotten");
        (0..500).for_each(|_| reserve.learn(reserve.leaves()));
        assert_eq!(reserve.leaves(), millis(96));
        reserve.learn(millis(900));
        assert_eq!(reserve.leaves(), millis(50), "half of the time is always there");
        assert_eq!(Reserve::new(millis(2)).leaves(), Duration::ZERO, "too short for anything");
    }
}
