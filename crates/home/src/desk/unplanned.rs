//! What the same hours would cost if every device did what it does by itself: a battery takes what is too much and gives what
//! lacks, a car charges as soon as it is there, water is kept a little above its least, rooms at theirs.

use crate::device::{Device, DeviceKind, Tank, Zone};
use crate::heat::{TankStep, ZoneStep, tank_steps, zone_steps};
use crate::outlook::Outlook;

/// Water that is kept by itself is kept so far above its least.
const WATER_ABOVE_KELVIN: f64 = 3.0;

/// The cost by the tariff, of peaks nothing, and what is left in stores, in kilowatt hours of electricity. None when there is a
/// device of which it is not known what it does by itself.
pub(super) fn cost(devices: &[Device], outlook: &Outlook) -> Option<(f64, f64)> {
    let hours = outlook.horizon.step_hours();
    let mut stored = Vec::with_capacity(devices.len());
    let mut heated = vec![0.0; outlook.horizon.steps];
    for device in devices {
        stored.push(match &device.kind {
            DeviceKind::Battery(battery) => battery.stored_kilowatt_hours,
            DeviceKind::Car(car) => car.battery.stored_kilowatt_hours,
            DeviceKind::Tank(tank) => by_itself(&keep_water(tank, outlook), &mut heated),
            DeviceKind::Zone(zone) => by_itself(&keep_rooms(zone, outlook), &mut heated),
            DeviceKind::Appliance(_) | DeviceKind::Switched(_) => return None,
        });
    }
    let mut cost = 0.0;
    for (step, heated) in heated.iter().enumerate() {
        let mut watts = outlook.load_watts[step] - outlook.solar_watts[step] + heated;
        for (device, stored) in devices.iter().zip(&mut stored) {
            if let DeviceKind::Car(car) = &device.kind
                && car.plugged[step]
            {
                let battery = &car.battery;
                let room = (battery.capacity_kilowatt_hours - *stored).max(0.0);
                let taken = battery.charge_watts_max.min(room / battery.charge_efficiency / hours * 1_000.0);
                *stored += taken * hours / 1_000.0 * battery.charge_efficiency;
                watts += taken;
            }
        }
        for (device, stored) in devices.iter().zip(&mut stored) {
            let DeviceKind::Battery(battery) = &device.kind else { continue };
            if watts < 0.0 {
                let room = (battery.capacity_kilowatt_hours - *stored).max(0.0);
                let most = battery.charge_watts_max.min(room / battery.charge_efficiency / hours * 1_000.0);
                let taken = (-watts).min(most);
                *stored += taken * hours / 1_000.0 * battery.charge_efficiency;
                watts += taken;
            } else {
                let there = (*stored - battery.reserve_kilowatt_hours).max(0.0);
                let most = battery.discharge_watts_max.min(there * battery.discharge_efficiency / hours * 1_000.0);
                let given = watts.min(most);
                *stored -= given * hours / 1_000.0 / battery.discharge_efficiency;
                watts -= given;
            }
        }
        let price = if watts > 0.0 { outlook.import_price[step] } else { outlook.export_price[step] };
        cost += watts * hours / 1_000.0 * price;
    }
    let left = devices.iter().zip(&stored).map(|(device, stored)| left(device, *stored));
    Some((cost, left.sum()))
}

/// What a state at the end is worth as electricity, in kilowatt hours. Rooms are left as they are: their walls are not measured.
pub(super) fn left(device: &Device, state: f64) -> f64 {
    match &device.kind {
        DeviceKind::Battery(_) | DeviceKind::Car(_) => state,
        DeviceKind::Tank(tank) => {
            let performance = tank.performance.last().copied().unwrap_or(1.0).max(f64::MIN_POSITIVE);
            (state - tank.celsius_min) * tank.kilowatt_hours_per_kelvin / performance
        }
        DeviceKind::Zone(_) | DeviceKind::Appliance(_) | DeviceKind::Switched(_) => 0.0,
    }
}

/// Adds what a device takes to what all take, and gives its state at the end.
fn by_itself((watts, state): &(Vec<f64>, f64), heated: &mut [f64]) -> f64 {
    heated.iter_mut().zip(watts).for_each(|(sum, watts)| *sum += watts);
    *state
}

/// The power that brings a state where it is wanted, when a watt changes it by so much.
fn wanted(wanted: f64, alone: f64, brings: f64, watts_max: f64) -> f64 {
    if brings > 0.0 { ((wanted - alone) / brings).clamp(0.0, watts_max) } else { 0.0 }
}

fn keep_water(tank: &Tank, outlook: &Outlook) -> (Vec<f64>, f64) {
    let mut celsius = tank.celsius;
    let keep = (tank.celsius_min + WATER_ABOVE_KELVIN).min(tank.celsius_max);
    let steps = tank_steps(tank, &outlook.horizon);
    let of = |step: &TankStep| {
        let watts = wanted(keep, step.after(celsius, 0.0), step.brings, tank.watts_max);
        celsius = step.after(celsius, watts);
        watts
    };
    let watts = steps.iter().map(of).collect();
    (watts, celsius)
}

fn keep_rooms(zone: &Zone, outlook: &Outlook) -> (Vec<f64>, f64) {
    let mut state = [zone.air_celsius, zone.mass_celsius];
    let steps = zone_steps(zone, &outlook.outdoor_celsius, &outlook.horizon);
    let of = |(step, of): (usize, &ZoneStep)| {
        let keep = zone.celsius_min[(step + 1).min(zone.celsius_min.len() - 1)];
        let watts = wanted(keep, of.after(state, 0.0)[0], of.brings[0], zone.watts_max);
        state = of.after(state, watts);
        watts
    };
    let watts = steps.iter().enumerate().map(of).collect();
    (watts, state[0])
}

#[cfg(test)]
mod tests {
    use model::{ThingId, Timestamp};

    use super::*;
    use crate::device::Battery;
    use crate::horizon::Horizon;

    #[test]
    fn a_battery_by_itself_takes_what_is_too_much_and_gives_what_lacks() {
        let battery = Battery {
            stored_kilowatt_hours: 1.0,
            capacity_kilowatt_hours: 2.0,
            reserve_kilowatt_hours: 0.5,
            charge_watts_max: 1_000.0,
            discharge_watts_max: 1_000.0,
            charge_efficiency: 1.0,
            discharge_efficiency: 1.0,
            loss_per_hour: 0.0,
            wear_per_kilowatt_hour: 0.0,
        };
        let device = Device {
            thing: ThingId::new("battery").unwrap(),
            title: "Battery".to_owned(),
            kind: DeviceKind::Battery(battery),
        };
        let outlook = Outlook {
            horizon: Horizon { start: Timestamp(0), step_seconds: 3_600, steps: 3 },
            load_watts: vec![0.0, 2_000.0, 2_000.0],
            solar_watts: vec![1_500.0, 0.0, 0.0],
            import_price: vec![0.5; 3],
            export_price: vec![0.1; 3],
            carbon_grams: vec![0.0; 3],
            outdoor_celsius: vec![10.0; 3],
            scenarios: Vec::new(),
        };
        // It takes 1 of 1.5, gives 1 and then the half that is above its reserve; the grid gives 1 and 1.5.
        let (cost, left) = cost(&[device], &outlook).unwrap();
        assert!((cost - (0.5 * 2.5 - 0.1 * 0.5)).abs() < 1e-9 && (left - 0.5).abs() < 1e-9, "{cost} {left}");
    }

    #[test]
    fn water_by_itself_is_kept_a_little_above_its_least() {
        let tank = Tank {
            celsius: 45.0,
            celsius_min: 45.0,
            celsius_max: 60.0,
            kilowatt_hours_per_kelvin: 0.25,
            loss_watts_per_kelvin: 0.0,
            ambient_celsius: 20.0,
            watts_max: 2_000.0,
            performance: vec![2.0; 2],
            drawn_watts: vec![0.0; 2],
        };
        let device =
            Device { thing: ThingId::new("tank").unwrap(), title: "Tank".to_owned(), kind: DeviceKind::Tank(tank) };
        let outlook = Outlook {
            horizon: Horizon { start: Timestamp(0), step_seconds: 3_600, steps: 2 },
            load_watts: vec![0.0; 2],
            solar_watts: vec![0.0; 2],
            import_price: vec![0.4; 2],
            export_price: vec![0.0; 2],
            carbon_grams: vec![0.0; 2],
            outdoor_celsius: vec![10.0; 2],
            scenarios: Vec::new(),
        };
        // Three degrees are 0.75 kWh of heat, half of that of electricity, and that is what is left.
        let (cost, left) = cost(&[device], &outlook).unwrap();
        assert!((cost - 0.4 * 0.375).abs() < 1e-9 && (left - 0.375).abs() < 1e-9, "{cost} {left}");
    }
}
