//! The simulated warehouse on a bad day.

use super::{Outcome, Soak, floor_for};
use crate::warehouse::{FloorSource, Policy, Shift, Tally, Troubles, Warehouse};

/// Runs a shift and looks at every step of it. `tell` is told the seconds that have passed.
///
/// # Panics
///
/// Panics when the soak asks for what no warehouse can be, such as no robots.
pub fn shift(soak: &Soak, tell: &mut dyn FnMut(f64)) -> Outcome {
    let floor = FloorSource::Fulfilment(floor_for(soak.robots, soak.seed));
    let mut warehouse = Warehouse { floor, ..Warehouse::default() };
    warehouse.robots.count = soak.robots as u32;
    warehouse.demand.orders_per_hour = soak.orders_per_hour;
    warehouse.troubles = Troubles {
        stops_per_robot_hour: 20.0,
        stop_seconds: 10.0,
        breakdowns_per_robot_day: 12.0,
        repair_minutes: 5.0,
    };
    let mut shift = Shift::new(&warehouse, Policy::default(), soak.seed).expect("the soak's warehouse is sound");
    let mut outcome = Outcome::default();
    let cells = shift.grid().len();
    let mut before: Vec<_> = shift.states().collect();
    let mut after = before.clone();
    let mut who = vec![u32::MAX; cells];
    let (mut done, mut done_at) = (0, 0.0);
    let mut seconds = 0.0;
    while seconds < soak.seconds {
        shift.step();
        seconds += shift.step_seconds();
        after.clear();
        after.extend(shift.states());
        before.iter().for_each(|state| who[state.cell as usize] = u32::MAX);
        for (number, state) in after.iter().enumerate() {
            let other = std::mem::replace(&mut who[state.cell as usize], number as u32);
            if other != u32::MAX {
                outcome.collide(|| format!("robots {other} and {number} share cell {} at {seconds} s", state.cell));
            }
        }
        for (number, (from, to)) in before.iter().zip(&after).enumerate() {
            // Whoever is now where this robot was must not have come from where it is now.
            let other = who[from.cell as usize];
            let changes = to.cell != from.cell && other != u32::MAX && before[other as usize].cell == to.cell;
            if changes {
                outcome.collide(|| format!("robots {other} and {number} change places at {seconds} s"));
            }
            let is_legal = to.cell == from.cell
                || (to.heading == from.heading && shift.grid().ahead(from.cell, from.heading) == to.cell);
            if !is_legal {
                outcome.collide(|| format!("robot {number} jumps to cell {} at {seconds} s", to.cell));
            }
        }
        std::mem::swap(&mut before, &mut after);
        let tally = shift.tally();
        if tally.came != tally.refused + tally.open + tally.carried + tally.done {
            outcome.lost.insert(format!("{tally:?} at {seconds} s"));
        }
        if tally.done > done {
            done = tally.done;
            done_at = seconds;
        }
        outcome.stalled_seconds = outcome.stalled_seconds.max(seconds - done_at);
        tell(seconds);
    }
    let Tally { came, refused, open, carried, done, troubles } = shift.tally();
    Outcome { came: came - refused, done, open: open + carried, troubles, trace: shift.trace(), ..outcome }
}
