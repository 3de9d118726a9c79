//! The world keeps its vehicles, and policies are told apart in it.

use super::*;
use crate::network::District;
use crate::policy::{Fixed, Planned};

fn run(policy: &mut dyn Policy, vehicles_per_hour: f64, dead_share: f64, seconds: usize) -> (World, Totals) {
    let network = Arc::new(District { columns: 2, rows: 1, ..District::default() }.network());
    let demand = Demand::even(&network, vehicles_per_hour);
    let mut world = World::new(network, Limits::default(), demand, dead_share, 7, 0.0);
    for _ in 0..seconds {
        world.step(policy);
    }
    let totals = world.totals();
    (world, totals)
}

#[test]
fn nobody_is_lost_and_the_same_seed_is_the_same_hour() {
    let (world, totals) = run(&mut Fixed, 250.0, 0.0, 1_800);
    // Twelve lanes lead in; half an hour.
    let expected = 12.0 * 250.0 / 2.0;
    let all = (totals.finished + totals.unfinished) as f64;
    assert!((all - expected).abs() < 4.0 * expected.sqrt(), "{all} beside {expected}");
    let on_the_way: usize = world.roads.iter().map(|road| road.vehicles.len() + road.waiting.len()).sum();
    assert_eq!(totals.unfinished, on_the_way as u64);
    assert!(world.roads.iter().all(|road| road.vehicles.len() <= road.room));
    assert_eq!(totals, run(&mut Fixed, 250.0, 0.0, 1_800).1);
}

#[test]
fn planning_saves_a_fifth_of_the_delay_and_is_never_refused() {
    let fixed = run(&mut Fixed, 250.0, 0.0, 1_800).1;
    let planned = run(&mut Planned::default(), 250.0, 0.0, 1_800).1;
    assert_eq!(planned.refused, 0);
    assert!(planned.finished as f64 > 0.97 * fixed.finished as f64);
    assert!(planned.delay_mean() < 0.8 * fixed.delay_mean(), "{} beside {}", planned.delay_mean(), fixed.delay_mean());
    let half_blind = run(&mut Planned::default(), 250.0, 0.2, 1_800).1;
    assert!(half_blind.delay_mean() < fixed.delay_mean(), "{} beside {}", half_blind.delay_mean(), fixed.delay_mean());
}
