//! Why batteries and cars charge, keep and give.

use super::{Of, SAME, WATTS_MIN, Why};
use crate::device::{Battery, Car};

/// A store within this part of its capacity of a limit is at it.
const AT_LIMIT: f64 = 0.01;

pub(super) fn battery(of: &Of<'_>, battery: &Battery, step: usize) -> Why {
    let watts = of.planned.watts[step];
    let price = of.prices[step];
    // What a kilowatt hour out of the store is worth to the home, once it is given.
    let worth = of.worths[step] * battery.discharge_efficiency;
    if watts > WATTS_MIN {
        charges(of, battery, step, worth)
    } else if watts < -WATTS_MIN {
        gives(of, step, worth)
    } else if of.planned.states[step] >= battery.capacity_kilowatt_hours * (1.0 - AT_LIMIT)
        && of.worths[step] * battery.charge_efficiency > price
    {
        Why::Full
    } else if of.planned.states[step] <= battery.reserve_kilowatt_hours + AT_LIMIT * battery.capacity_kilowatt_hours {
        match of
            .cheaper(step, of.steps())
            .filter(|later| of.planned.watts[*later..].iter().any(|watts| *watts > WATTS_MIN))
        {
            Some(later) if price > worth => Why::Waits { price, then: of.prices[later], at: of.begin(later) },
            _ => Why::Empty,
        }
    } else if worth > price {
        Why::Keeps { price, worth, at: used(of, step).map(|later| of.begin(later)) }
    } else {
        Why::Rests { price }
    }
}

fn charges(of: &Of<'_>, battery: &Battery, step: usize, worth: f64) -> Why {
    let at = used(of, step).map(|later| of.begin(later));
    if of.outlook.import_price[step] < 0.0 && of.grid_watts[step] > WATTS_MIN {
        Why::StoresPaid { price: of.outlook.import_price[step] }
    } else if of.planned.states[step] < battery.reserve_kilowatt_hours - AT_LIMIT * battery.capacity_kilowatt_hours {
        Why::FillsReserve { kilowatt_hours: battery.reserve_kilowatt_hours }
    } else if of.of_sun(step) {
        Why::StoresSun { worth: value(of, step, worth), at }
    } else {
        Why::StoresCheap { price: of.prices[step], worth: value(of, step, worth), at }
    }
}

fn gives(of: &Of<'_>, step: usize, worth: f64) -> Why {
    let kilowatts = of.grid_watts[step] / 1_000.0;
    let peak = of.grid_watts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let at_peak = of.grid_watts[step] > WATTS_MIN && of.grid_watts[step] > peak - 1.0;
    let limited =
        of.grid_watts[step] > of.aims.import_watts_max - 1.0 || of.aims.peak_price_per_kilowatt > 0.0 && at_peak;
    if limited {
        Why::GivesPeak { kilowatts }
    } else if of.grid_watts[step] < -WATTS_MIN {
        Why::GivesGrid { price: of.outlook.export_price[step], worth }
    } else {
        Why::GivesDear { price: of.saves(step), worth }
    }
}

/// When what is stored in a step is given again: at the dearest step until the store is next filled to where it is worth less, or more.
fn used(of: &Of<'_>, step: usize) -> Option<usize> {
    let now = of.worths[step];
    let same = |later: &usize| (of.worths[*later - 1] - now).abs() <= 5.0 * SAME * now.abs().max(1e-3);
    let reach = (step + 1..of.steps()).take_while(same);
    of.dearest(reach.filter(|later| of.planned.watts[*later] < -WATTS_MIN))
}

/// What the home pays at the time at which it is given, else what it is worth in the store.
fn value(of: &Of<'_>, step: usize, worth: f64) -> f64 {
    used(of, step).map_or(worth, |later| of.saves(later))
}

pub(super) fn car(of: &Of<'_>, car: &Car, step: usize) -> Why {
    if !car.plugged[step] {
        return Why::Away;
    }
    let (watts, stored) = (of.planned.watts[step], of.planned.states[step]);
    // What is asked for next and is not in it yet.
    let next = car.departures.iter().filter(|departure| departure.step > step).min_by_key(|departure| departure.step);
    let lacks =
        next.filter(|departure| departure.kilowatt_hours > stored + AT_LIMIT * car.battery.capacity_kilowatt_hours);
    match (lacks, next) {
        (Some(departure), _) if watts > WATTS_MIN && !of.of_sun(step) && of.outlook.import_price[step] >= 0.0 => {
            Why::ChargesFor {
                price: of.prices[step],
                kilowatt_hours: departure.kilowatt_hours,
                at: of.begin(departure.step),
            }
        }
        (Some(departure), _) if watts.abs() <= WATTS_MIN => {
            let charged = (step + 1..departure.step).find(|later| of.planned.watts[*later] > WATTS_MIN);
            match charged {
                Some(later) => Why::Waits { price: of.prices[step], then: of.prices[later], at: of.begin(later) },
                None => battery(of, &car.battery, step),
            }
        }
        (None, Some(departure)) if watts.abs() <= WATTS_MIN => Why::Ready { kilowatt_hours: departure.kilowatt_hours },
        _ => battery(of, &car.battery, step),
    }
}
