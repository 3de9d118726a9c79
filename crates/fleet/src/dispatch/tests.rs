//! Decisions on a floor of one row, where everything can be counted by hand.

use std::time::Duration;

use model::WallClock;
use plan::Heading;

use super::*;

/// A row of cells without turns: the distance is the difference.
struct Row;

impl Distances for Row {
    fn distance(&self, from: State, to: Cell) -> u32 {
        from.cell.abs_diff(to)
    }

    fn place(&self, cell: Cell) -> (usize, usize) {
        (0, cell as usize)
    }
}

/// A storage on each of the cells 0 to 9, a station on cell 10.
fn places() -> Vec<Place> {
    (0..11).map(|cell| Place { cells: vec![cell], is_limited: cell == 10 }).collect()
}

const RULES: Rules = Rules { reassign: true, orders_per_cell: 8, charge_below_percent: 25.0 };

fn robot(cell: Cell) -> Worker<'static, char> {
    let state = State { cell, heading: Heading::East };
    Worker { state, duty: Duty::Free, battery_percent: 80.0, is_fit: true }
}

const fn order(key: char, stops: &[usize]) -> Task<'_, char> {
    Task { key, priority: 0, came: Timestamp(0), stops }
}

fn decide(rules: Rules, workers: &[Worker<'_, char>], open: &[Task<'_, char>]) -> Vec<(usize, Option<char>)> {
    let (places, bookings) = (places(), Bookings::new(11));
    let now = Timestamp::from_seconds(60);
    let situation = Situation { now, rules, places: &places, chargers: &[], bookings: &bookings, workers };
    let budget = Budget::new(&WallClock, Duration::from_secs(60));
    Dispatcher::new(1).orders(&situation, open.iter().copied(), &Row, budget)
}

#[test]
fn the_nearest_free_robot_takes_an_order() {
    let given = decide(RULES, &[robot(0), robot(6)], &[order('a', &[5, 10])]);
    assert_eq!(given, [(0, None), (1, Some('a'))]);
}

#[test]
fn who_cannot_work_is_left_alone() {
    let unfit = Worker { is_fit: false, ..robot(5) };
    let empty = Worker { battery_percent: 10.0, ..robot(5) };
    let busy = Worker { duty: Duty::Busy(&[10]), ..robot(5) };
    let given = decide(RULES, &[unfit, empty, busy, robot(0)], &[order('a', &[5, 10])]);
    assert_eq!(given, [(3, Some('a'))]);
    assert_eq!(decide(RULES, &[unfit, empty, busy], &[order('a', &[5, 10])]), []);
}

#[test]
fn an_order_changes_its_robot_until_it_is_taken_up_when_that_is_allowed() {
    let fetching = Worker { duty: Duty::Fetching(order('a', &[9, 10])), ..robot(0) };
    let given = decide(RULES, &[fetching, robot(8)], &[order('b', &[1, 10])]);
    assert_eq!(given, [(0, Some('b')), (1, Some('a'))]);
    let rules = Rules { reassign: false, ..RULES };
    assert_eq!(decide(rules, &[fetching, robot(8)], &[order('b', &[1, 10])]), [(1, Some('b'))]);
    let broken = Worker { is_fit: false, ..fetching };
    assert_eq!(decide(RULES, &[broken, robot(8)], &[order('b', &[1, 10])]), [(1, Some('b'))]);
}

#[test]
fn a_station_gets_no_more_than_it_has_room_for() {
    let rules = Rules { orders_per_cell: 2, ..RULES };
    let busy = Worker { duty: Duty::Busy(&[10]), ..robot(9) };
    let open = [order('a', &[0, 10]), order('b', &[1, 10]), order('c', &[2, 3])];
    let given = decide(rules, &[busy, robot(0), robot(1), robot(2)], &open);
    assert_eq!(given, [(1, Some('a')), (2, None), (3, Some('c'))], "b waits for room");
}

#[test]
fn what_is_urgent_goes_before_what_is_near() {
    let urgent = Task { priority: 3, ..order('u', &[9, 10]) };
    assert_eq!(decide(RULES, &[robot(0)], &[urgent, order('n', &[0, 10])]), [(0, Some('u'))]);
    // An hour of waiting is worth more than the way; orders that came later stand behind.
    let young = Task { came: Timestamp::from_seconds(60), ..order('y', &[0, 1]) };
    let old = Task { came: Timestamp::from_seconds(-3_600), ..order('o', &[9, 10]) };
    assert_eq!(decide(RULES, &[robot(0)], &[young, old]), [(0, Some('o'))]);
}

#[test]
fn low_robots_go_to_different_chargers_that_are_free() {
    let (places, mut bookings) = (places(), Bookings::new(11));
    bookings.add(4);
    let low = |cell| Worker { battery_percent: 20.0, ..robot(cell) };
    let busy = Worker { duty: Duty::Busy(&[]), ..low(3) };
    let workers = [low(5), robot(5), busy, low(6), low(7)];
    let chargers = [4, 3, 9];
    let now = Timestamp(0);
    let situation =
        Situation { now, rules: RULES, places: &places, chargers: &chargers, bookings: &bookings, workers: &workers };
    assert_eq!(to_charge(&situation, &Row), [(0, 1), (3, 2)]);
}

#[test]
fn robots_are_spread_over_the_cells_of_a_place() {
    let mut bookings = Bookings::new(4);
    assert_eq!(bookings.emptiest(&[2, 1]), Some(2));
    bookings.add(2);
    assert_eq!(bookings.emptiest(&[2, 1]), Some(1));
    bookings.remove(2);
    bookings.remove(2);
    assert_eq!((bookings.of(2), bookings.emptiest(&[])), (0, None));
}
