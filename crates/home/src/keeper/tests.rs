//! The keeper against a home that is simulated in a few lines.

use super::*;

const HOUR: i64 = 3_600;
/// A Monday, 2026-11-16.
const MONDAY: i64 = 1_794_787_200;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_seconds(MONDAY + hour * HOUR)
}

fn keeper() -> Keeper {
    Keeper::new(Settings { step_seconds: 3_600, steps: 24, ..Settings::default() })
}

fn thing() -> ThingId {
    ThingId::new("battery").expect("sound")
}

fn battery(stored: f64) -> Device {
    let battery = Battery {
        stored_kilowatt_hours: stored,
        capacity_kilowatt_hours: 8.0,
        reserve_kilowatt_hours: 0.0,
        charge_watts_max: 4_000.0,
        discharge_watts_max: 4_000.0,
        charge_efficiency: 0.95,
        discharge_efficiency: 0.95,
        loss_per_hour: 0.0,
        wear_per_kilowatt_hour: 0.0,
    };
    Device { thing: thing(), title: "Battery".to_owned(), kind: DeviceKind::Battery(battery) }
}

/// What the home takes at an hour: much in the evening.
fn load(hour: i64) -> f64 {
    if (17..22).contains(&(hour.rem_euclid(24))) { 1_500.0 } else { 400.0 }
}

fn solar(hour: i64) -> f64 {
    let height = (hour.rem_euclid(24) - 12).abs();
    (600 - 100 * height).max(0) as f64
}

fn price(hour: i64) -> f64 {
    if (17..22).contains(&(hour.rem_euclid(24))) { 0.5 } else { 0.2 }
}

fn tell(keeper: &mut Keeper, hour: i64) {
    keeper.tell(Quantity::ImportPrice, at(hour), price(hour));
    keeper.tell(Quantity::Solar, at(hour), solar(hour));
    keeper.tell(Quantity::Load, at(hour), load(hour));
}

/// A keeper that has seen so many hours, deciding at each of them with a battery that obeys; and what is in the battery.
fn lived(hours: i64) -> (Keeper, f64, Vec<Decision>) {
    let (mut keeper, mut stored, mut decisions) = (keeper(), 0.0, Vec::new());
    for hour in 0..hours {
        tell(&mut keeper, hour);
        let decision = keeper.decide(at(hour), &[battery(stored)]);
        stored = obey(stored, &decision);
        decisions.push(decision);
    }
    (keeper, stored, decisions)
}

fn watts(decision: &Decision) -> f64 {
    decision.set_points.first().map_or(0.0, |point| point.watts)
}

fn obey(stored: f64, decision: &Decision) -> f64 {
    let watts = watts(decision);
    let change = if watts > 0.0 { watts * 0.95 } else { watts / 0.95 };
    (stored + change / 1_000.0).clamp(0.0, 8.0)
}

#[test]
fn pays_less_than_the_simple_rule() {
    let (_, _, decisions) = lived(24 * 10);
    let cost = |decisions: &[Decision]| -> f64 {
        let at = |(hour, decision): (usize, &Decision)| {
            let hour = hour as i64;
            (load(hour) - solar(hour) + watts(decision)).max(0.0) * price(hour) / 1_000.0
        };
        decisions.iter().enumerate().skip(24 * 3).map(at).sum()
    };
    let worst = decisions[24 * 3..].iter().max_by_key(|decision| decision.rung).expect("some");
    assert!(worst.rung <= Rung::LastPlan, "{:?}", worst.notices);
    let mut rule = (0.0, Vec::new());
    for hour in 0..24 * 10 {
        let DeviceKind::Battery(battery) = battery(rule.0).kind else { unreachable!("a battery") };
        let mut decision = decisions[hour as usize].clone();
        decision.set_points = vec![SetPoint {
            thing: thing(),
            watts: bounded(&battery, solar(hour) - load(hour), 3_600),
            words: String::new(),
        }];
        rule.0 = obey(rule.0, &decision);
        rule.1.push(decision);
    }
    let (ours, theirs) = (cost(&decisions), cost(&rule.1));
    assert!(ours < theirs * 0.97, "{ours:.3} of {theirs:.3}");
}

#[test]
fn the_future_does_not_change_what_is_done() {
    let (_, _, decisions) = lived(24 * 5);
    let (mut other, mut stored) = (keeper(), 0.0);
    for hour in 0..24 * 5 {
        // From the fourth day on everything comes otherwise.
        let is_other = hour >= 24 * 4;
        let shown = if is_other { hour * 7 + 5 } else { hour };
        other.tell(Quantity::ImportPrice, at(hour), price(shown));
        other.tell(Quantity::Solar, at(hour), solar(shown));
        other.tell(Quantity::Load, at(hour), load(shown));
        let decision = other.decide(at(hour), &[battery(stored)]);
        if !is_other {
            assert_eq!(decision, decisions[hour as usize], "hour {hour}");
        }
        stored = obey(stored, &decision);
    }
}

#[test]
fn the_first_day_goes_by_a_rule_and_says_so() {
    let (_, _, decisions) = lived(13);
    let noon = &decisions[12];
    assert_eq!(noon.rung, Rung::Rule);
    insta::assert_snapshot!(noon.set_points[0].words, @"takes what the sun leaves over");
    insta::assert_snapshot!(noon.notices.join("; "), @"not enough of the past is known to plan");
}

#[test]
fn a_price_that_was_never_told_counts_as_always_the_same() {
    // Peaks are a reason of their own to store.
    let mut keeper = Keeper::new(Settings { step_seconds: 3_600, steps: 24, shave: None, ..Settings::default() });
    let mut stored = 0.0;
    for hour in 0..24 * 4 {
        keeper.tell(Quantity::Solar, at(hour), solar(hour));
        keeper.tell(Quantity::Load, at(hour), load(hour));
        let decision = keeper.decide(at(hour), &[battery(stored)]);
        if hour >= 24 * 2 {
            assert!(decision.rung <= Rung::LastPlan, "{:?}", decision.notices);
            assert!(decision.notices[0].starts_with("no price was ever told"));
            // Without a difference of prices nothing is bought to be stored.
            let over = solar(hour) - load(hour);
            assert!(watts(&decision) <= over.max(0.0) + 1.0, "hour {hour}: {decision:?}");
        }
        stored = obey(stored, &decision);
    }
}

#[test]
fn values_that_cannot_be_are_refused_and_counted() {
    let (mut keeper, stored, _) = lived(24 * 3);
    let before = keeper.clone().decide(at(24 * 3), &[battery(stored)]);
    for value in [-50.0, f64::NAN, 1e12] {
        assert!(!keeper.tell(Quantity::Load, at(24 * 3), value));
    }
    assert_eq!(keeper.refused(Quantity::Load), 3);
    assert_eq!(keeper.decide(at(24 * 3), &[battery(stored)]), before);
}

#[test]
fn counters_that_jump_or_run_backwards_give_no_power() {
    let mut keeper = keeper();
    let mut counter = |minute: i64, value: f64| {
        keeper.tell_counter(Quantity::Load, Timestamp::from_seconds(MONDAY + minute * 60), value)
    };
    let told = [(0, 100.0), (15, 100.1), (30, 99.0), (45, 99.1), (60, 5_000.0), (75, 5_000.2), (300, 5_001.0)];
    assert_eq!(told.map(|(minute, value)| counter(minute, value)), [false, true, false, true, false, true, false]);
    let (time, watts) = keeper.feeds[&Quantity::Load].last().expect("some were believed");
    assert_eq!((time, watts.round()), (Timestamp::from_seconds(MONDAY + 67 * 60 + 30), 800.0));
}

#[test]
fn silence_of_the_meter_ends_in_hands_off() {
    let (mut keeper, stored, _) = lived(24 * 3);
    let later = keeper.decide(at(24 * 3 + 1), &[battery(stored)]);
    assert_eq!(later.rung, Rung::Plan);
    let much_later = keeper.decide(at(24 * 3 + 4), &[battery(stored)]);
    assert_eq!((much_later.rung, much_later.set_points.len()), (Rung::HandsOff, 0));
    // And back it comes.
    tell(&mut keeper, 24 * 3 + 5);
    assert_eq!(keeper.decide(at(24 * 3 + 5), &[battery(stored)]).rung, Rung::Plan);
}

#[test]
fn without_a_plan_the_last_one_holds_and_then_the_rule() {
    let (mut keeper, stored, decisions) = lived(24 * 3);
    assert!(decisions.last().is_some_and(|decision| decision.schedule.is_some()));
    let fails: Planner<'_> = &|_, _, _| Err(PlanFailed::Horizon { steps: 0, step_seconds: 0 });
    tell(&mut keeper, 24 * 3);
    let next = keeper.decide_with(at(24 * 3), &[battery(stored)], fails);
    assert_eq!(next.rung, Rung::LastPlan);
    assert_eq!(next.set_points.len(), 1);
    tell(&mut keeper, 24 * 5);
    assert_eq!(keeper.decide_with(at(24 * 5), &[battery(stored)], fails).rung, Rung::Rule);
}

/// Whether disobedience for a day and a half is noticed, and forgiven afterwards.
fn noticed_and_forgiven(sun_share: f64, stored_then: Option<f64>) -> (bool, bool) {
    let (mut keeper, lived, _) = lived(24 * 3);
    let mut stored = stored_then.unwrap_or(lived);
    let (mut noticed, mut forgiven) = (false, false);
    for hour in 24 * 3..24 * 6 {
        keeper.tell(Quantity::ImportPrice, at(hour), price(hour));
        keeper.tell(Quantity::Solar, at(hour), sun_share * solar(hour));
        keeper.tell(Quantity::Load, at(hour), load(hour));
        let decision = keeper.decide(at(hour), &[battery(stored)]);
        let says = decision
            .notices
            .iter()
            .any(|notice| notice == "Battery does not do what it is told: it is not planned with");
        noticed |= says;
        forgiven |= noticed && !says;
        if hour >= 24 * 4 + 12 {
            stored = obey(stored, &decision);
        }
    }
    (noticed, forgiven)
}

#[test]
fn a_battery_that_does_not_obey_is_noticed_and_found_again() {
    assert_eq!(noticed_and_forgiven(1.0, None), (true, true));
    assert_eq!(noticed_and_forgiven(0.0, Some(0.0)), (true, true), "empty, and nothing left over to try it with");
    assert_eq!(noticed_and_forgiven(0.0, Some(8.0)), (true, true), "full");
}

#[test]
fn days_of_23_and_25_hours_keep_noon_at_noon() {
    for (change, name) in [(HOUR, "23"), (-HOUR, "25")] {
        let mut keeper = keeper();
        let mut offset = HOUR;
        keeper.set_clock(offset);
        let (mut stored, mut evening) = (0.0, None);
        for hour in 0..24 * 9 {
            if hour == 24 * 7 + 1 {
                offset += change;
                keeper.set_clock(offset);
            }
            // People live by the clock on the wall, the sun does not.
            let wall = hour + offset / HOUR;
            keeper.tell(Quantity::ImportPrice, at(hour), price(wall));
            keeper.tell(Quantity::Load, at(hour), load(wall));
            keeper.tell(Quantity::Solar, at(hour), solar(hour));
            let decision = keeper.decide(at(hour), &[battery(stored)]);
            stored = obey(stored, &decision);
            if hour == 24 * 8 {
                let expected = keeper.expected(&keeper.horizon(at(hour)), at(hour)).expect("known");
                let loads = expected.load.medians();
                evening = (0..24).find(|step| loads[*step] > 1_000.0).map(|step| (step as i64 + wall).rem_euclid(24));
            }
        }
        assert_eq!(evening, Some(17), "a day of {name} hours");
    }
}

#[test]
fn a_gap_of_the_clock_does_no_harm() {
    let (mut keeper, stored, _) = lived(24 * 4);
    for hour in [24 * 4 + 30, 24 * 4 + 31, 24 * 5] {
        tell(&mut keeper, hour);
        let decision = keeper.decide(at(hour), &[battery(stored)]);
        assert!(decision.rung <= Rung::Rule && decision.set_points.len() == 1, "{decision:?}");
    }
}

#[test]
fn the_losses_of_a_battery_are_learnt() {
    let mut gauge = Gauge::default();
    let DeviceKind::Battery(mut battery) = battery(2.0).kind else { unreachable!("a battery") };
    for hour in 0..60 {
        let watts = if hour % 2 == 0 { 2_000.0 } else { -1_600.0 };
        gauge.ask(watts, &battery);
        battery.stored_kilowatt_hours += if watts > 0.0 { 2.0 * 0.8 } else { -1.6 };
        gauge.compare(&battery, 1.0, Some(watts));
    }
    let (charge, discharge) = (gauge.charge_efficiency(&battery), gauge.discharge_efficiency(&battery));
    assert!((charge - 0.8).abs() < 0.03 && discharge > 0.98, "{charge} {discharge}");
}

/// The most that three homes draw together, of the most that they would without their batteries; and what they pay, of the same.
fn together(district: Option<district::District>) -> (f64, f64) {
    let mut district = district;
    let keeper = || Keeper::new(Settings { step_seconds: 3_600, steps: 24, shave: None, ..Settings::default() });
    let (mut keepers, mut stored) = ([keeper(), keeper(), keeper()], [0.0; 3]);
    let (mut most, mut paid, mut most_without, mut paid_without) = (0.0_f64, 0.0, 0.0_f64, 0.0);
    for hour in 0..24 * 6 {
        keepers.iter_mut().for_each(|keeper| tell(keeper, hour));
        let devices = stored.map(|stored| [battery(stored)]);
        let decisions = match &mut district {
            Some(district) => {
                let of = |(keeper, devices)| district::Member { keeper, devices };
                let mut members: Vec<_> =
                    keepers.iter_mut().zip(devices.iter().map(<[Device; 1]>::as_slice)).map(of).collect();
                district.decide(at(hour), &mut members)
            }
            None => {
                keepers.iter_mut().zip(&devices).map(|(keeper, devices)| keeper.decide(at(hour), devices)).collect()
            }
        };
        let without = 3.0 * (load(hour) - solar(hour));
        let drawn = without + decisions.iter().map(watts).sum::<f64>();
        (most, most_without) = (most.max(drawn), most_without.max(without));
        paid += drawn.max(0.0) * price(hour);
        paid_without += without.max(0.0) * price(hour);
        for (stored, decision) in stored.iter_mut().zip(&decisions) {
            *stored = obey(*stored, decision);
        }
    }
    (most / most_without, paid / paid_without)
}

#[test]
fn homes_behind_one_connection_draw_no_more_than_they_would_without_stores() {
    let (alone, paid_alone) = together(None);
    let (settled, paid) = together(Some(district::District::default()));
    assert!(alone > 1.2, "each for itself they make a peak of their own: {alone}");
    assert!(settled < 1.001, "{settled}");
    assert!(paid_alone < paid && paid < 0.75, "an even power has its price: {paid} {paid_alone}");
}

/// Rooms under a warm sky, with a cooler that makes 3 W of cold of a watt.
struct Simulated {
    air: f64,
    mass: f64,
    watts: f64,
}

impl Simulated {
    fn outdoor(hour: i64) -> f64 {
        28.0 + 6.0 * (((hour.rem_euclid(24)) as f64 - 9.0) / 24.0 * std::f64::consts::TAU).sin()
    }

    fn live(&mut self, hour: i64, watts: f64) {
        self.watts = watts;
        for _ in 0..360 {
            let into_air =
                400.0 * (self.mass - self.air) + 120.0 * (Self::outdoor(hour) - self.air) + 300.0 - 3.0 * watts;
            let into_mass = 400.0 * (self.air - self.mass);
            self.air += into_air / 600.0 / 360.0;
            self.mass += into_mass / 6_000.0 / 360.0;
        }
    }
}

#[test]
fn rooms_are_kept_by_the_thermometer_until_they_are_known() {
    let (mut keeper, cooler) = (keeper(), ThingId::new("cooler").expect("sound"));
    let title = "Cooling".to_owned();
    keeper.keep_rooms(RoomsPlate { thing: cooler.clone(), title, watts_max: 2_500.0, cools: true, band_kelvin: 2.0 });
    let mut rooms = Simulated { air: 25.0, mass: 25.0, watts: 0.0 };
    for hour in 0..8 * 24 {
        tell(&mut keeper, hour);
        keeper.tell(Quantity::Outdoor, at(hour), Simulated::outdoor(hour));
        let heat_watts = 3.0 * rooms.watts;
        let reading = RoomsReading { celsius: rooms.air, target_celsius: 24.0, watts: rooms.watts, heat_watts };
        keeper.tell_rooms(at(hour), &reading);
        let decision = keeper.decide(at(hour), &[]);
        let told = decision.set_points.iter().find(|point| point.thing == cooler).expect("it is always told something");
        assert!((0.0..=2_500.0).contains(&told.watts), "hour {hour}: {}", told.watts);
        rooms.live(hour, told.watts);
        assert!(hour < 48 || (22.0..26.3).contains(&rooms.air), "hour {hour}: {}", rooms.air);
    }
}
