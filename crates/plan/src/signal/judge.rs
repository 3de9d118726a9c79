//! The independent judge of plans: it follows the queues with arithmetic of its own.

use super::{GAP_STEPS, GAP_VEHICLES, IN_THE_WAY_VEHICLES, Junction, PASSING_STEPS, Plan, SNEAKING, START_UP_STEPS};

/// How far what leaves a lane may be off, in vehicles a step.
const TOLERANCE_VEHICLES: f32 = 1e-3;

/// What is wrong with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not begin with the current phase, or a phase follows itself, or there is no such phase.
    #[error("green {green} is of a phase that cannot be there")]
    Phase {
        /// Which green of the plan.
        green: usize,
    },
    /// A green ends before its least time.
    #[error("green {green} is too short")]
    Short {
        /// Which green of the plan.
        green: usize,
    },
    /// The time between two greens is not their intergreen.
    #[error("the intergreen before green {green} is not kept")]
    Intergreen {
        /// Which green of the plan.
        green: usize,
    },
    /// More or less leaves a lane than can.
    #[error("what leaves lane {lane} in step {step} does not follow")]
    Leaving {
        /// Which lane.
        lane: usize,
        /// When.
        step: usize,
    },
}

/// Looks whether a plan keeps the times of the junction, and whether what it promises follows from it.
pub fn check(junction: &Junction, plan: &Plan) -> Result<(), Fault> {
    times(junction, plan)?;
    flows(junction, plan)
}

fn times(junction: &Junction, plan: &Plan) -> Result<(), Fault> {
    if plan.greens.first().is_none_or(|first| first.phase != junction.current || first.start_step != 0) {
        return Err(Fault::Phase { green: 0 });
    }
    for (number, green) in plan.greens.iter().enumerate() {
        let Some(phase) = junction.phases.get(green.phase) else { return Err(Fault::Phase { green: number }) };
        let Some(next) = plan.greens.get(number + 1) else { continue };
        let before_now = if number == 0 { junction.age_steps } else { 0 };
        if green.end_step < green.start_step || green.end_step - green.start_step + before_now < phase.green_steps_min {
            return Err(Fault::Short { green: number });
        }
        match phase.intergreen_steps.get(next.phase) {
            None => return Err(Fault::Phase { green: number + 1 }),
            Some(_) if next.phase == green.phase => return Err(Fault::Phase { green: number + 1 }),
            Some(steps) if green.end_step + steps != next.start_step => {
                return Err(Fault::Intergreen { green: number + 1 });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The phase whose service a lane has in a step; `None` when it has none.
fn phase_of(junction: &Junction, plan: &Plan, lane: usize, step: usize) -> Option<usize> {
    let has_green = |phase: usize| junction.phases[phase].service[lane].rate > 0.0;
    let next = plan.greens.iter().position(|green| green.end_step > step).unwrap_or(plan.greens.len() - 1);
    let green = plan.greens[next];
    let before = next.checked_sub(1).map(|before| plan.greens[before]);
    let continues = before.is_some_and(|before| has_green(before.phase) && has_green(green.phase));
    match before {
        Some(before) if step < green.start_step => {
            let passes = step < before.end_step + PASSING_STEPS;
            (passes || continues).then_some(before.phase)
        }
        Some(before) if green.start_step > before.end_step && step < green.start_step + START_UP_STEPS => {
            continues.then_some(green.phase)
        }
        _ => Some(green.phase),
    }
}

fn flows(junction: &Junction, plan: &Plan) -> Result<(), Fault> {
    let expected = |lane: usize, step: usize| junction.lanes[lane].arrivals.get(step).copied().unwrap_or_default();
    let mut stands: Vec<f32> = junction.lanes.iter().map(|lane| lane.queue).collect();
    for step in 0..junction.horizon_steps {
        let blocks = |lane: usize| {
            let soon: f32 = (step..step + GAP_STEPS).map(|step| expected(lane, step)).sum();
            soon > GAP_VEHICLES || stands[lane] > IN_THE_WAY_VEHICLES
        };
        let is_blocked: Vec<bool> = (0..junction.lanes.len()).map(blocks).collect();
        for (lane, stands) in stands.iter_mut().enumerate() {
            let rate = phase_of(junction, plan, lane, step).map_or(0.0, |phase| {
                let service = junction.phases[phase].service[lane];
                let yields =
                    is_blocked.iter().enumerate().any(|(other, blocks)| *blocks && service.yields_to >> other & 1 == 1);
                let seconds_each = if yields { 1.0 - service.yielding + service.yielding / SNEAKING } else { 1.0 };
                service.rate / seconds_each
            });
            let there = *stands + expected(lane, step);
            let leaves = rate.min(there);
            let told = plan.leaving.get(lane).and_then(|steps| steps.get(step)).copied().unwrap_or(-1.0);
            if (told - leaves).abs() > TOLERANCE_VEHICLES {
                return Err(Fault::Leaving { lane, step });
            }
            *stands = there - told;
        }
    }
    Ok(())
}
