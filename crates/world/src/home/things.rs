//! The things of the demo home: what each of them is, measures and does.

mod climate;
mod comfort;
mod energy;
mod safety;

use crate::body::Progress;
use crate::home::house::House;
use crate::instrument::Declared;

/// A declaration on the demo home.
pub(crate) type Thing = Declared<House>;

/// Unit, range and digits of a power.
const POWER: (&str, f64, f64, u8) = ("W", 0.0, 25_000.0, 0);
/// Unit, range and digits of an energy meter.
const ENERGY: (&str, f64, f64, u8) = ("kWh", 0.0, 1e9, 2);
/// Unit, range and digits of a share.
const PERCENT: (&str, f64, f64, u8) = ("%", 0.0, 100.0, 0);

/// All things, room by room and kind by kind.
pub(crate) fn all() -> Vec<Thing> {
    let mut things = comfort::things();
    things.extend(climate::things());
    things.extend(energy::things());
    things.extend(safety::things());
    things
}

/// An action that is over as soon as it was taken.
fn at_once(_house: &House) -> Progress {
    Progress::Finished(model::Value::Null)
}

/// The battery of a sensor that is empty after so many days, beginning with `first_percent`.
fn battery(thing: Thing, first_percent: f64, per_day: f64) -> Thing {
    thing
        .number("battery", "Battery", PERCENT, move |house| house.battery_percent(first_percent, per_day))
        .diagnostic()
        .told(1.0, 60)
}
