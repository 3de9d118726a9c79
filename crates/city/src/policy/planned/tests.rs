//! What planned control must hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::network::{District, Network};
use crate::signal::{ExitCount, LaneCount, Limits, Zone};

fn city(columns: usize) -> City {
    let network: Network = District { columns, rows: 1, ..District::default() }.network();
    City::new(Arc::new(network), Limits::default(), 0.0)
}

/// One second of a junction at which vehicles stand on some lanes.
fn tell(city: &mut City, number: usize, standing: &[(usize, f64)], passed: u64) {
    let network = city.network.clone();
    let junction = &mut city.junctions[number];
    let count = |place: usize| {
        let stands = standing.iter().find(|(lane, _)| *lane == place).map_or(0.0, |(_, vehicles)| *vehicles);
        LaneCount { zones: vec![Zone { moving: 0.0, standing: stands }], passed }
    };
    let counts = junction.layout().lanes.iter().enumerate().map(|(place, lane)| (*lane, count(place))).collect();
    let shown = junction.controller.aspects();
    junction.seen.tell(&network, counts, BTreeMap::new(), &shown);
}

/// The lanes of a junction that only the second half of the phases serves.
fn across(city: &City) -> Vec<usize> {
    let layout = city.junctions[0].layout();
    let lanes = 0..layout.lanes.len();
    lanes.filter(|lane| !layout.has_green(&city.network, *lane, &layout.phases[0])).collect()
}

#[test]
fn green_goes_where_vehicles_stand_when_the_least_green_is_over() {
    let (mut city, mut policy) = (city(1), Planned::default());
    let waiting: Vec<(usize, f64)> = across(&city).into_iter().map(|lane| (lane, 4.0)).collect();
    let changed: Vec<u32> = (0..12)
        .filter(|second| {
            city.second = f64::from(*second);
            tell(&mut city, 0, &waiting, 0);
            let wish = city.decide(&mut policy)[0];
            let _verdict = city.junctions[0].controller.step(city.second, Some(wish.unwrap_or(0)));
            wish.is_some_and(|phase| phase >= 2)
        })
        .collect();
    assert_eq!(changed, [5], "as soon as it may, and once");
}

#[test]
fn nobody_is_sent_into_a_full_road() {
    let mut city = city(1);
    let lane = across(&city)[0];
    let network = city.network.clone();
    let rate = |city: &City| {
        let junction = &city.junctions[0];
        let phases = rates::phases(&network, junction.layout(), &junction.seen);
        phases.iter().map(|phase| phase.service[lane].rate).fold(0.0, f32::max)
    };
    assert!(rate(&city) > 0.4);
    let junction = &mut city.junctions[0];
    let full = ExitCount { vehicles: 12.0, standing: 7.0, entered: 0 };
    let exits = junction.layout().exits.iter().map(|exit| (*exit, full)).collect();
    junction.seen.tell(&network, BTreeMap::new(), exits, &[]);
    assert!(rate(&city) == 0.0);
}

#[test]
fn what_a_neighbour_lets_go_is_expected() {
    let (mut city, mut policy) = (city(2), Planned::default());
    for second in 0..400 {
        city.second = f64::from(second);
        // The first junction lets one vehicle go every second second, on every lane.
        tell(&mut city, 0, &[], second as u64 / 2);
        tell(&mut city, 1, &[], second as u64 / 8);
        policy.decide(&city);
    }
    let fed = (0..8).filter(|lane| !city.junctions[1].seen.reaches()[*lane].feeders.is_empty());
    let lanes: Vec<usize> = fed.collect();
    assert_eq!(lanes.len(), 2, "the road from the first junction has two lanes");
    for lane in lanes {
        assert!(policy.fed_at(&city, 1, lane, 0.0) > 0.0 && policy.memory[1].fed[lane] > FED_VEHICLES_MIN);
    }
}
