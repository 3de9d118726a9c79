//! Makes a schedule of what was solved: powers that devices can be told, and all else from them.

use plan::linear::Row;

use super::build::WATTS;
use super::solve::{Home, Part, Solved, Steps};
use crate::device::{Battery, Device, DeviceKind};
use crate::outlook::{Aims, Outlook};
use crate::reason::Worths;
use crate::schedule::{DeviceSchedule, Schedule};

/// Powers below this are none.
const WATTS_MIN: f64 = 0.1;

pub(super) fn schedule(home: &Home<'_>, solved: &Solved) -> Schedule {
    let outlook = home.outlook;
    let of = |((device, steps), part): ((&Device, &Steps), &Part)| {
        let watts = part.kilowatts(&solved.solution).into_iter().enumerate();
        let watts: Vec<f64> = watts.map(|(step, kilowatts)| tell(device, step, kilowatts * WATTS)).collect();
        let states = states(device, steps, &watts, outlook.horizon.step_hours());
        DeviceSchedule { thing: device.thing.clone(), watts, states, reasons: Vec::new() }
    };
    let devices: Vec<DeviceSchedule> = home.devices.iter().zip(&home.steps).zip(&solved.parts).map(of).collect();
    let grid_watts: Vec<f64> = (0..outlook.horizon.steps)
        .map(|step| {
            let taken: f64 = devices.iter().map(|device| device.watts[step]).sum();
            outlook.load_watts[step] - outlook.solar_watts[step] + taken
        })
        .collect();
    let (cost, carbon_kilograms) = bill(outlook, home.aims, &grid_watts);
    Schedule { horizon: outlook.horizon, devices, grid_watts, cost, carbon_kilograms, shortfalls: Vec::new() }
}

/// What energy is worth in each step and store, by the prices of the rows.
pub(super) fn worths(home: &Home<'_>, solved: &Solved) -> Worths {
    let hours = home.outlook.horizon.step_hours();
    let price = |row: &Row| solved.solution.price(*row);
    let steps = solved.grid.balances.iter().map(|row| price(row) / hours).collect();
    // What comes into a store for nothing lowers the cost.
    let of = |part: &Part| part.stores().iter().map(|row| -price(row)).collect();
    Worths { steps, stores: solved.parts.iter().map(of).collect() }
}

/// What the grid's power costs by the tariff, peaks included, and what it emits in kilograms.
pub(super) fn bill(outlook: &Outlook, aims: &Aims, grid_watts: &[f64]) -> (f64, f64) {
    let hours = outlook.horizon.step_hours();
    let (mut cost, mut carbon) = (0.0, 0.0);
    for (step, watts) in grid_watts.iter().enumerate() {
        let kilowatt_hours = watts / WATTS * hours;
        let price = if *watts > 0.0 { outlook.import_price[step] } else { outlook.export_price[step] };
        cost += kilowatt_hours * price;
        carbon += kilowatt_hours.max(0.0) * outlook.carbon_grams[step] / 1_000.0;
    }
    let peak = grid_watts.iter().copied().fold(aims.peak_watts_so_far, f64::max);
    (cost + (peak - aims.peak_watts_so_far) / WATTS * aims.peak_price_per_kilowatt, carbon)
}

/// A power as the device can be told it: within its limits, in hundredths of a watt.
fn tell(device: &Device, step: usize, watts: f64) -> f64 {
    let (least, most) = match &device.kind {
        DeviceKind::Battery(battery) => (-battery.discharge_watts_max, battery.charge_watts_max),
        DeviceKind::Car(car) if !car.plugged[step] => (0.0, 0.0),
        DeviceKind::Car(car) => (-car.battery.discharge_watts_max, car.battery.charge_watts_max),
        DeviceKind::Tank(tank) => (0.0, tank.watts_max),
        DeviceKind::Zone(zone) => (0.0, zone.watts_max),
        DeviceKind::Appliance(_) | DeviceKind::Switched(_) => (0.0, f64::INFINITY),
    };
    let watts = if watts.abs() < WATTS_MIN { 0.0 } else { (watts * 100.0).round() / 100.0 };
    watts.clamp(least, most)
}

/// The states that follow from the powers.
fn states(device: &Device, steps: &Steps, watts: &[f64], hours: f64) -> Vec<f64> {
    match (&device.kind, steps) {
        (DeviceKind::Battery(battery), _) => stored(battery, watts, hours),
        (DeviceKind::Car(car), _) => stored(&car.battery, watts, hours),
        (DeviceKind::Tank(tank), Steps::Tank(steps)) => {
            let mut states = vec![tank.celsius];
            for (step, watts) in steps.iter().zip(watts) {
                states.push(step.after(states[states.len() - 1], *watts));
            }
            states
        }
        (DeviceKind::Zone(zone), Steps::Zone(steps)) => {
            let mut state = [zone.air_celsius, zone.mass_celsius];
            let mut states = vec![state[0]];
            for (step, watts) in steps.iter().zip(watts) {
                state = step.after(state, *watts);
                states.push(state[0]);
            }
            states
        }
        _ => Vec::new(),
    }
}

fn stored(battery: &Battery, watts: &[f64], hours: f64) -> Vec<f64> {
    let keep = (1.0 - battery.loss_per_hour).powf(hours);
    let mut stored = battery.stored_kilowatt_hours.min(battery.capacity_kilowatt_hours);
    let mut states = vec![stored];
    for watts in watts {
        let moved = watts / WATTS * hours;
        let brought =
            if moved > 0.0 { moved * battery.charge_efficiency } else { moved / battery.discharge_efficiency };
        stored = (keep * stored + brought).clamp(0.0, battery.capacity_kilowatt_hours);
        states.push(stored);
    }
    states
}
