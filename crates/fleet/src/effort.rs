//! A clock that goes on with every look: it measures effort instead of time, so that the same problem always comes out the
//! same, however busy the machine is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Timestamp};
use plan::{Budget, Lifelong, PlanError, Planner, Step, StepPlan};

/// How many changes of a plan are tried for each robot, besides those that a policy asks for.
const TRIES: usize = 3;
/// How many changes the planner tries at most between two looks at the time.
const TRIES_PER_LOOK: usize = 32;
/// How many robots without a way find one between two looks.
const LOST_PER_LOOK: usize = 16;
/// Looks that every plan needs.
const LOOKS_LEAST: usize = 8;

/// Counts looks at the clock.
#[derive(Debug, Default)]
pub(crate) struct Effort(AtomicI64);

impl Clock for Effort {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl Effort {
    fn looks(&self, looks: usize) -> Budget<'_> {
        Budget::new(self, Duration::from_micros(looks as u64))
    }

    /// Enough to give orders to so many robots.
    pub(crate) fn for_orders(&self, robots: usize) -> Budget<'_> {
        self.looks(16 * robots + 64)
    }

    /// Plans a step, with so many changes tried for each robot besides the usual ones. All distances that are wanted are
    /// measured first, whatever that takes.
    pub(crate) fn plan(&self, planner: &mut Lifelong, step: Step<'_>, improvement: u32) -> Result<StepPlan, PlanError> {
        let robots = step.agents.len();
        let goals = step.agents.iter().flat_map(|agent| agent.goal.into_iter().chain(agent.next));
        planner.fields().prepare_more(goals, self.looks(2 * robots + LOOKS_LEAST));
        let tries = robots * (TRIES + improvement as usize);
        let budget = self.looks(LOOKS_LEAST + robots.div_ceil(LOST_PER_LOOK) + tries / TRIES_PER_LOOK);
        planner.solve(step, budget)
    }
}
