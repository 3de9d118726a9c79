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
}
