//! What the same hours would cost if every device did what it does by itself: a battery takes what is too much and gives what
//! lacks, a car charges as soon as it is there.

use crate::device::{Device, DeviceKind};
use crate::outlook::Outlook;

/// The cost by the tariff, of peaks nothing, and what is left in stores. None when there is a device of which it is not known
/// what it does by itself.
pub(super) fn cost(devices: &[Device], outlook: &Outlook) -> Option<(f64, f64)> {
    let hours = outlook.horizon.step_hours();
    let mut stored = Vec::with_capacity(devices.len());
    for device in devices {
        stored.push(match &device.kind {
            DeviceKind::Battery(battery) => battery.stored_kilowatt_hours,
            DeviceKind::Car(car) => car.battery.stored_kilowatt_hours,
            _ => return None,
        });
    }
    let mut cost = 0.0;
    for step in 0..outlook.horizon.steps {
        let mut watts = outlook.load_watts[step] - outlook.solar_watts[step];
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
    Some((cost, stored.iter().sum()))
}
