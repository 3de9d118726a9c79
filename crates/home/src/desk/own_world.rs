//! This home as a world, so that what is simulated is this home and not a sample.

use model::Timestamp;
use rule::Place;
use serde_json::{Value as Json, json};
use site::run::{Domain as _, PolicyChoice, Scenario};

use super::known::Known;
use super::savings::choice;
use super::seen::look_around;
use super::{DOMAIN, Desk, DeskError, POLICY};
use crate::domain::Energy;
use crate::find::{Home, Purpose, Role};
use crate::learned::Model;
use crate::settings::{CarbonSource, Settings};
use crate::tariff::Tariff;
use crate::world::{BatteryBody, Body, CarHabit, HomeWorld, Sizes, ZoneBody};

/// How long a run of this home is that does not say, in days.
const DAYS: u64 = 7;
/// How many times the same question is asked of other days.
const SEEDS: u64 = 5;
/// How long a car is away that nobody has seen come back.
const AWAY_MINUTES: u16 = 10 * 60;

impl Desk {
    /// A scenario of this home as it was learned: what is simulated, planned and compared without a word about it.
    pub fn scenario(&self) -> Result<Scenario, DeskError> {
        let settings = self.settings();
        let Some(known) = self.known.read().clone() else { return Err(DeskError::NotKnown) };
        let Some(tariff) = &settings.tariff else { return Err(DeskError::NoTariff) };
        let home = look_around(&self.site, &settings);
        let world = world(&known, &home, &settings, tariff, &self.site.place());
        Ok(Scenario {
            title: "This home".to_owned(),
            domain: DOMAIN.to_owned(),
            policy: PolicyChoice { name: POLICY.to_owned(), parameters: Json::Null },
            world: serde_json::to_value(world).expect("a home is JSON"),
            start: self.clock.now(),
            duration_seconds: DAYS * 86_400,
            seeds: (1..=SEEDS).collect(),
        })
    }

    /// What another size, tariff or event would come to beside this home, on the same days. `change` are JSON pointers into the
    /// scenario of this home with what would be there. Blocks for as long as that takes.
    pub fn what_if(&self, change: &Json, days: u64, seeds: u64) -> Result<Json, DeskError> {
        let mut scenario = self.scenario()?;
        scenario.duration_seconds = days * 86_400;
        scenario.seeds = (1..=seeds).collect();
        let question = json!({"scenario": scenario, "change": change});
        Energy.operate("what_if", question).map_err(DeskError::Complaints)
    }

    /// What the last days would have cost under the plan, beside the meter and what was paid for them. Blocks for as long as that
    /// takes.
    pub fn backtest(&self, paid: Option<f64>) -> Result<Json, DeskError> {
        let settings = self.settings();
        let Some(known) = self.known.read().clone() else { return Err(DeskError::NotKnown) };
        let Some(tariff) = &settings.tariff else { return Err(DeskError::NoTariff) };
        let (world, start) =
            replayed(&known, &settings, tariff, &self.site.place(), |_| true).ok_or(DeskError::NotKnown)?;
        let question = json!({
            "world": world, "start": start, "paid": paid, "ran": choice("rules"), "instead": choice(POLICY),
        });
        Energy.operate("bill", question).map_err(DeskError::Complaints)
    }
}

/// The home with all that was learned, for days to come.
fn world(known: &Known, home: &Home, settings: &Settings, tariff: &Tariff, place: &Place) -> HomeWorld {
    let rooms = known.learned.things.iter().any(|one| matches!(one.model, Some(Model::Rooms(..))));
    let rooms = rooms.then(|| rooms_of(known, home, settings, place)).flatten();
    let base = HomeWorld {
        body: Body { rooms, car: car(known, home, settings), ..bare(known) },
        ..around(known, settings, tariff, place)
    };
    let mut world = known.learned.world(&base);
    if let (Some(tank), Some(pump)) = (&mut world.body.tank, known.pump) {
        (tank.performance, tank.watts_max) = (pump.water_performance, pump.watts_max);
    }
    for tank in home.of(Role::Tank) {
        if let (Some(body), Some(least)) = (&mut world.body.tank, known.kept.get(&tank.thing)) {
            body.celsius_min = *least;
            body.celsius_max = body.celsius_max.max(least + 5.0);
        }
    }
    world.days = known.days[1].iter().map(|(_, day)| day.clone()).collect();
    world.present = Some(world.sizes);
    world
}

/// The home with nothing but its battery, for days as they were: all else is in their load. With the begin of the first of the
/// newest days that follow one another.
pub(super) fn replayed(
    known: &Known,
    settings: &Settings,
    tariff: &Tariff,
    place: &Place,
    wanted: impl Fn(Timestamp) -> bool,
) -> Option<(HomeWorld, Timestamp)> {
    let mut days: Vec<&(Timestamp, crate::world::PastDay)> = Vec::new();
    for day in known.days[0].iter().rev().filter(|(begin, day)| wanted(*begin) && !day.import_watts.is_empty()) {
        // A day of another length stands between two clocks: what follows it follows it.
        let follows = days.last().is_none_or(|after| after.0.since(day.0).as_secs() <= 25 * 3_600);
        if !follows {
            break;
        }
        days.push(day);
    }
    days.reverse();
    let start = days.first()?.0;
    let days = days.into_iter().map(|(_, day)| day.clone()).collect();
    let base = HomeWorld { body: bare(known), days, ..around(known, settings, tariff, place) };
    let mut world = known.learned.world(&base);
    (world.days, world.body.rooms, world.body.tank) = (base.days, None, None);
    world.body.appliances.clear();
    Some((world, start))
}

/// What stands around a home.
fn around(known: &Known, settings: &Settings, tariff: &Tariff, place: &Place) -> HomeWorld {
    let carbon_grams = match &settings.carbon {
        None => 0.0,
        Some(CarbonSource::Flat { grams }) => *grams,
        Some(CarbonSource::Told { otherwise, .. }) => *otherwise,
    };
    HomeWorld {
        zone: place.zone_name().to_owned(),
        tariff: tariff.clone(),
        sizes: Sizes {
            battery_kilowatt_hours: 0.0,
            solar_kilowatts: known.solar_kilowatts,
            heat_pump_kilowatts: known.pump.map_or(0.0, |pump| pump.watts_max / 1_000.0),
        },
        carbon_grams,
        ..HomeWorld::default()
    }
}

/// A home in which nothing can be shifted but its battery.
fn bare(known: &Known) -> Body {
    let battery = BatteryBody { reserve_percent: known.reserve_percent, ..BatteryBody::default() };
    Body { battery, rooms: None, tank: None, car: None, appliances: Vec::new() }
}

fn rooms_of(known: &Known, home: &Home, settings: &Settings, place: &Place) -> Option<ZoneBody> {
    let pump = known.pump?;
    let midnight = crate::calendar::midnight(known.made, place);
    let at = |hour: u32| {
        let moment = midnight + std::time::Duration::from_hours(1) * hour;
        super::heat::band(home, settings, place, moment)
    };
    let ((day_celsius_min, celsius_max), (night_celsius_min, _)) = at(14).zip(at(2))?;
    Some(ZoneBody {
        day_celsius_min,
        night_celsius_min: night_celsius_min.min(day_celsius_min),
        celsius_max,
        performance: pump.performance,
        performance_per_kelvin: pump.performance_per_kelvin,
        cools: false,
        discomfort_per_kelvin_hour: settings.aims.discomfort_per_kelvin_hour,
        ..ZoneBody::default()
    })
}

/// The car by what people say of it, and by what its charger took.
fn car(known: &Known, home: &Home, settings: &Settings) -> Option<CarHabit> {
    let leaves = settings.departures.first()?;
    let charger = home.of(Role::Charger).find(|charger| charger.car.as_ref() == Some(&leaves.car))?;
    let of_car = settings.departures.iter().filter(|one| one.car == leaves.car);
    let mut days: Vec<u8> = of_car.flat_map(|one| one.days.iter().copied()).collect();
    if days.is_empty() {
        days = (1..=7).collect();
    }
    days.sort_unstable();
    days.dedup();
    let default = CarHabit::default();
    let capacity = settings.things.get(&leaves.car).and_then(|car| car.capacity_kilowatt_hours)?;
    let trip = known.car_kilowatt_hours_a_day * default.charge_efficiency * 7.0 / days.len() as f64;
    let most = charger.port(Purpose::SetPower).and_then(|port| port.maximum).filter(|watts| *watts > 0.0);
    Some(CarHabit {
        capacity_kilowatt_hours: capacity,
        charge_watts_max: most.unwrap_or(default.charge_watts_max),
        days,
        leaves_minute: leaves.minute,
        returns_minute: (leaves.minute + AWAY_MINUTES).min(1_425),
        trip_kilowatt_hours: trip.clamp(0.0, capacity * 0.8),
        wanted_percent: leaves.percent,
        ..default
    })
}
