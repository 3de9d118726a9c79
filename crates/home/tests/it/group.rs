//! Groups of homes stay within what their feeder carries, and pay for it no more than need be.

use crate::homes::*;
use home::device::DeviceKind;
use home::group::{Feeder, Member, plan_group};
use home::outlook::Outlook;
use home::program::{PlanFailed, plan};

/// Homes with a car each that would all charge in the cheap hours.
fn street(homes: usize) -> Vec<(Vec<home::device::Device>, Outlook)> {
    (0..homes)
        .map(|place| {
            let mut outlook = outlook(48, 1_800);
            outlook.import_price = (0..48).map(|step| if (4..10).contains(&step) { 0.1 } else { 0.3 }).collect();
            outlook.load_watts = vec![300.0 + 50.0 * place as f64; 48];
            let departures = [home::device::Departure { step: 16, kilowatt_hours: 38.0 }];
            (
                vec![
                    device("car", DeviceKind::Car(car(48, &departures))),
                    device("battery", DeviceKind::Battery(battery())),
                ],
                outlook,
            )
        })
        .collect()
}

#[test]
fn together_they_stay_within_the_feeder() {
    let street = street(6);
    let aims = aims();
    let members: Vec<Member<'_>> =
        street.iter().map(|(devices, outlook)| Member { devices, outlook, aims: &aims }).collect();
    let alone: Vec<_> =
        street.iter().map(|(devices, outlook)| plan(devices, outlook, &aims).expect("a plan")).collect();
    let peak = |step: usize| alone.iter().map(|schedule| schedule.grid_watts[step]).sum::<f64>();
    let feeder = Feeder { import_watts_max: 25_000.0, export_watts_max: f64::INFINITY };
    assert!((0..48).map(peak).fold(0.0, f64::max) > 40_000.0, "alone they are too much");
    let plan = plan_group(&members, &feeder).expect("a plan");
    assert!(plan.grid_watts.iter().all(|watts| *watts < 25_010.0), "{:?}", plan.grid_watts);
    assert!(plan.homes.iter().all(|schedule| schedule.devices[0].states[16] > 37.9), "every car has what it needs");
    assert!(plan.shortfalls.is_empty() && plan.feeder_prices.iter().any(|price| *price > 0.1));
    let cost = |schedules: &[home::schedule::Schedule]| schedules.iter().map(|schedule| schedule.cost).sum::<f64>();
    assert!(cost(&plan.homes) >= cost(&alone) - 0.01, "what is shared is not cheaper");
}

#[test]
fn a_feeder_that_is_wide_enough_changes_nothing() {
    let street = street(3);
    let aims = aims();
    let members: Vec<Member<'_>> =
        street.iter().map(|(devices, outlook)| Member { devices, outlook, aims: &aims }).collect();
    let feeder = Feeder { import_watts_max: f64::INFINITY, export_watts_max: f64::INFINITY };
    let together = plan_group(&members, &feeder).expect("a plan");
    for ((devices, outlook), schedule) in street.iter().zip(&together.homes) {
        assert_eq!(&plan(devices, outlook, &aims).expect("a plan"), schedule);
    }
}

#[test]
fn what_the_feeder_cannot_carry_is_told() {
    let street = street(3);
    let aims = aims();
    let members: Vec<Member<'_>> =
        street.iter().map(|(devices, outlook)| Member { devices, outlook, aims: &aims }).collect();
    let feeder = Feeder { import_watts_max: 500.0, export_watts_max: 0.0 };
    let plan = plan_group(&members, &feeder).expect("a plan");
    assert_eq!(plan.shortfalls.len(), 1, "{:?}", plan.shortfalls);
    let mut other = street[0].1.clone();
    other.horizon.step_seconds = 900;
    let members = [members[0], Member { outlook: &other, ..members[1] }];
    assert_eq!(plan_group(&members, &feeder), Err(PlanFailed::Horizons));
    assert!(matches!(
        plan_group(&members[..1], &Feeder { import_watts_max: f64::NAN, ..feeder }),
        Err(PlanFailed::OutOfRange { .. })
    ));
}
