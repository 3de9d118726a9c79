//! Why tanks and rooms are heated and cooled when they are.

use super::{Of, WATTS_MIN, Why};
use crate::device::{Tank, Zone};
use crate::program::band;

/// A temperature within this of a limit is at it.
const AT_LIMIT: f64 = 0.15;

pub(super) fn tank(of: &Of<'_>, tank: &Tank, step: usize) -> Why {
    let needed = |step: usize| tank.drawn_watts.get(step).is_some_and(|watts| *watts > 0.0).then_some(tank.celsius_min);
    why(of, step, true, needed)
}

pub(super) fn zone(of: &Of<'_>, zone: &Zone, step: usize) -> Why {
    let warms = zone.performance[step] >= 0.0;
    why(of, step, warms, |step| {
        let (least, most) = band(zone, step);
        Some(if warms { least } else { most })
    })
}

/// `needed` is the temperature that must be there at the begin of a step, if one must.
fn why(of: &Of<'_>, step: usize, warms: bool, needed: impl Fn(usize) -> Option<f64>) -> Why {
    let at_limit = |state: usize| {
        let spare = needed(state).map(|celsius| of.planned.states[state] - celsius);
        spare.is_some_and(|spare| if warms { spare < AT_LIMIT } else { spare > -AT_LIMIT })
    };
    let celsius = |state: usize| needed(state).unwrap_or(of.planned.states[state]);
    let (price, runs) = (of.prices[step], of.planned.watts[step] > WATTS_MIN);
    // The next moment at which it would not be enough.
    let next = (step + 1..=of.steps()).find(|state| at_limit(*state));
    let now = of.planned.states[step + 1];
    if !runs {
        return match of.cheaper(step, next.unwrap_or(of.steps())) {
            Some(later) if of.planned.watts[later] > WATTS_MIN => {
                Why::Waits { price, then: of.prices[later], at: of.begin(later) }
            }
            _ => Why::Enough { celsius: of.planned.states[step] },
        };
    }
    if of.of_sun(step) {
        return Why::WithSun { celsius: now };
    }
    match next {
        Some(state) if state == step + 1 => Why::KeepsTo { celsius: celsius(state) },
        next => {
            let reach = next.unwrap_or(of.steps()).min(of.steps());
            let dearest = of.dearest(step + 1..reach).filter(|later| of.prices[*later] > price * 1.05);
            match (dearest, next) {
                (Some(later), _) => Why::Ahead { price, then: of.prices[later], at: of.begin(later), celsius: now },
                (None, Some(state)) => Why::ReadyFor { celsius: celsius(state), at: of.begin(state) },
                (None, None) => Why::KeepsTo { celsius: now },
            }
        }
    }
}
