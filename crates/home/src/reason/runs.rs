//! Why programmes and switched loads run when they do.

use super::{Of, SAME, WATTS_MIN, Why};
use crate::device::{Appliance, Switched};
use crate::program::possible_starts;

pub(super) fn appliance(of: &Of<'_>, appliance: &Appliance, step: usize) -> Why {
    let hours = of.outlook.horizon.step_hours();
    let energy = appliance.programme_watts.iter().sum::<f64>() / 1_000.0 * hours;
    let Some(begin) = of.planned.watts.iter().position(|watts| *watts > WATTS_MIN) else { return Why::Off };
    // A programme may begin with a pause.
    let pause = appliance.programme_watts.iter().take_while(|watts| **watts <= WATTS_MIN).count();
    let start = begin.saturating_sub(pause);
    if step < start || step >= start + appliance.programme_watts.len() || energy <= 0.0 {
        return Why::Off;
    }
    let price = |start: usize| {
        let parts = appliance.programme_watts.iter().zip(&of.prices[start..]);
        parts.map(|(watts, price)| watts / 1_000.0 * hours * price).sum::<f64>() / energy
    };
    let starts = possible_starts(appliance, of.steps());
    // Beside starting at once, or, when it does, beside starting as late as can be.
    let other = if start == starts.start { starts.end - 1 } else { starts.start };
    if starts.len() == 1 {
        return Why::RunsOnly;
    }
    compare(price(start), price(other), of, other)
}

pub(super) fn switched(of: &Of<'_>, switched: &Switched, step: usize) -> Why {
    let on = |step: &usize| of.planned.watts[*step] > WATTS_MIN;
    if !on(&step) {
        return Why::Off;
    }
    let off = |step: &usize| switched.allowed[*step] && !on(step);
    match of.dearest((0..of.steps()).filter(off)) {
        Some(other) => compare(of.prices[step], of.prices[other], of, other),
        None => Why::RunsOnly,
    }
}

fn compare(price: f64, other: f64, of: &Of<'_>, at: usize) -> Why {
    if other > price + SAME * price.abs() {
        Why::RunsCheap { price, other, at: of.begin(at) }
    } else {
        Why::RunsAny { price }
    }
}
