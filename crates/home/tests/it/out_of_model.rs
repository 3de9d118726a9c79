//! What is learned beside a home that is not the model: the demo home, with nine rooms that touch each other, people, stoves, blinds and
//! windows that are opened.

use std::time::Duration;

use home::learned::{Model, Past, Subject, Told, learn};
use model::{ThingId, Timestamp};
use world::home::energy::BATTERY_KILOWATT_HOURS;
use world::home::heating::HeatPumpState;
use world::home::house::{HEATED, House};
use world::home::rooms::{Room, radiator_watts};
use world::{Place, Plant as _, Random};

type Samples = Vec<(Timestamp, f64)>;

#[derive(Default)]
struct Recorded {
    living: [Samples; 2],
    bedroom: [Samples; 2],
    tank: [Samples; 2],
    battery: [Samples; 2],
    washing: Samples,
    outdoor: Samples,
    sun: Samples,
    load: Samples,
    solar: Samples,
    grid: Samples,
}

/// What the demo home's things would have told in these days.
fn record(seed: u64, start: Timestamp, days: u64) -> Recorded {
    let mut house = House::new(seed, Place::in_zone(0), start);
    let mut random = Random::new(seed, "house");
    let mut recorded = Recorded::default();
    let valve = |house: &House, room: Room| {
        let index = HEATED.iter().position(|heated| *heated == room).expect("the room has a radiator");
        // Radiators give in proportion to how far the water is above the room.
        let water = ((house.heat_pump.supply_celsius - 21.0) / 19.0).clamp(0.0, 1.6);
        house.thermostats[index].valve * radiator_watts(room) * water
    };
    for minute in 1..=days * 24 * 60 {
        let now = start + Duration::from_mins(minute);
        house.step(60.0, &now, &mut random);
        let tell = |series: &mut Samples, value: f64| series.push((now, value));
        for (series, room) in [(&mut recorded.living, Room::LivingRoom), (&mut recorded.bedroom, Room::Bedroom)] {
            tell(&mut series[0], (house.room(room).temperature_celsius * 10.0).round() / 10.0);
            tell(&mut series[1], valve(&house, room));
        }
        let heat = if house.heat_pump.state == HeatPumpState::HotWater { house.heat_pump.heat_watts } else { 0.0 };
        tell(&mut recorded.tank[0], (house.heat_pump.tank_celsius * 10.0).round() / 10.0);
        tell(&mut recorded.tank[1], heat + house.heat_pump.immersion_watts);
        tell(&mut recorded.battery[0], (house.battery.charge_percent() * 10.0).round() / 10.0);
        tell(&mut recorded.battery[1], -house.battery.power_watts);
        tell(&mut recorded.washing, house.washing_machine.power_watts);
        tell(&mut recorded.outdoor, house.sky.temperature_celsius);
        tell(&mut recorded.sun, house.sky.irradiance_watts_per_square_metre);
        tell(&mut recorded.load, house.loads.house_watts);
        tell(&mut recorded.solar, house.solar.power_watts);
        tell(&mut recorded.grid, house.grid.power_watts);
    }
    recorded
}

#[test]
fn the_demo_home_is_learned_although_it_is_no_model() {
    let id = |name: &str| ThingId::new(name).unwrap();
    let ids = ["living-room", "bedroom", "tank", "battery", "washing-machine"].map(id);
    for (seed, start) in [(7, "2026-01-05T00:00:00Z"), (19, "2026-02-02T00:00:00Z")] {
        let start = Timestamp::parse(start).unwrap();
        let recorded = record(seed, start, 28);
        let ([living, living_heat], [bedroom, bedroom_heat]) = (&recorded.living, &recorded.bedroom);
        let told = [
            Told::Rooms { celsius: living, heating_watts: living_heat },
            Told::Rooms { celsius: bedroom, heating_watts: bedroom_heat },
            Told::Tank { celsius: &recorded.tank[0], heat_watts: &recorded.tank[1], room_celsius: &[] },
            Told::Battery { charge_percent: &recorded.battery[0], watts: &recorded.battery[1], capacity_told: None },
            Told::Appliance { watts: &recorded.washing },
        ];
        let subjects: Vec<Subject<'_>> =
            ids.iter().zip(told).map(|(thing, told)| Subject { thing, title: thing.as_ref(), told }).collect();
        let past = Past {
            from: start,
            until: start + Duration::from_hours(28 * 24),
            utc_offset_s: 0,
            outdoor_celsius: &recorded.outdoor,
            irradiance: &recorded.sun,
            load_watts: &recorded.load,
            solar_watts: &recorded.solar,
            solar_kilowatts: 8.4,
            grid_watts: &recorded.grid,
        };
        let learned = learn(&past, &subjects);
        for thing in &learned.things {
            println!("seed {seed}, {}", thing.words);
        }
        assert!(learned.days.len() >= 27, "{} days", learned.days.len());
        for thing in &learned.things {
            match (&thing.model, thing.thing.as_ref()) {
                (Some(Model::Rooms(known, state)), _) => {
                    assert!(known.quality.day_kelvin < 0.6 * known.quality.day_persistence_kelvin, "{}", thing.words);
                    assert!(state.is_some() && thing.drifted.is_none(), "{}", thing.words);
                }
                (Some(Model::Tank(tank)), _) => {
                    // 220 litres of water.
                    assert!((tank.kilowatt_hours_per_kelvin / 0.256 - 1.0).abs() < 0.15, "{}", thing.words);
                }
                (Some(Model::Battery(battery)), _) => {
                    assert!(
                        (battery.capacity_kilowatt_hours / BATTERY_KILOWATT_HOURS - 1.0).abs() < 0.05,
                        "{}",
                        thing.words
                    );
                    assert!(
                        (battery.charge_efficiency * battery.discharge_efficiency - 0.912).abs() < 0.04,
                        "{}",
                        thing.words
                    );
                }
                (Some(Model::Appliance(programme)), _) => {
                    assert!((0.5..1.0).contains(&programme.kilowatt_hours()), "{}", thing.words);
                }
                // A room that is not known says why; the others have to be.
                (None, "bedroom" | "washing-machine") => {
                    assert!(thing.words.contains("not known yet"), "{}", thing.words);
                }
                (None, other) => panic!("{other} is not known: {}", thing.words),
            }
        }
        let world = learned.world(&home::world::HomeWorld::default());
        assert_eq!(world.complaints(), [], "the learned home can be simulated");
    }
}
