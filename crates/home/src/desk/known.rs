//! What is known of this home from its own past: how its things behave, and its days.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use learn::slots::{SLOT_HOURS, begin_of, means as slot_means, slot_of};
use model::{ThingId, Timestamp, Value};
use rule::Place;
use site::Site;
use store::history::SeriesKey;

use super::outlook::{OUTDOOR_CELSIUS, quarter};
use super::past::{minutes, of_feeds};
use super::told::Feeds;
use super::{Desk, told};
use crate::find::{Found, Home, Port, Purpose, Role, is_hot_water};
use crate::learned::{self, Learned, Model, Past, Subject, Told};
use crate::settings::Settings;
use crate::world::PastDay;

/// How far back is looked.
pub(super) const PAST: Duration = Duration::from_hours(28 * 24);
/// It is learned anew after so long.
const AGAIN: Duration = Duration::from_hours(3);
/// A power holds for so long when nothing is told; so does a temperature.
const HOLD_SECONDS: f64 = 3.0 * 3_600.0;
/// A meter that is silent for longer leaves a gap.
const METER_HOLD_SECONDS: f64 = 900.0;
/// Words of a state that are read.
const STATES_MAX: usize = 100_000;
/// A heat pump that takes less than this stands by.
const RUNNING_WATTS: f64 = 150.0;
/// How much heat a watt may make.
const PERFORMANCE: (f64, f64) = (1.0, 8.0);
/// Of the time, a tank was cooler than its least for so much.
const KEPT_QUANTILE: f64 = 0.05;
/// Of what was seen of a power, this part is below the most that it takes.
const MOST_QUANTILE: f64 = 0.98;

/// Samples of one property, in the order of time.
pub(super) type Samples = Vec<(Timestamp, f64)>;

/// What is known.
#[derive(Debug)]
pub(super) struct Known {
    /// When it was learned.
    pub(super) made: Timestamp,
    /// The settings that it was learned under.
    rev: i64,
    pub(super) learned: Learned,
    /// Days as they were, with their begins: the load with everything but the stores of electricity, and with everything but what
    /// was learned.
    pub(super) days: [Vec<(Timestamp, PastDay)>; 2],
    pub(super) pump: Option<Pump>,
    /// What the modules can give.
    pub(super) solar_kilowatts: f64,
    /// What batteries keep for an outage.
    pub(super) reserve_percent: f64,
    /// How cool each tank was let become, but for the coldest twentieth of the time.
    pub(super) kept: BTreeMap<ThingId, f64>,
    /// What the charger of a car took on a day.
    pub(super) car_kilowatt_hours_a_day: f64,
}

/// How a heat pump makes heat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pump {
    /// The most that it takes.
    pub(super) watts_max: f64,
    /// Heat of a watt at 7 °C outside while it warms rooms.
    pub(super) performance: f64,
    /// How much more of it for each degree outside.
    pub(super) performance_per_kelvin: f64,
    /// Heat of a watt while it warms water.
    pub(super) water_performance: f64,
}

impl Known {
    /// The model of a thing, when it is known well enough.
    pub(super) fn model(&self, thing: &ThingId) -> Option<&Model> {
        self.learned.things.iter().find(|learnt| learnt.thing == *thing)?.model.as_ref()
    }

    /// What is known of a thing or missing, in a sentence.
    pub(super) fn words(&self, thing: &ThingId) -> Option<&str> {
        self.learned.things.iter().find(|learnt| learnt.thing == *thing).map(|learnt| learnt.words.as_str())
    }
}

impl Desk {
    /// Whether it is time to learn the home anew. Before anybody has said what electricity costs, nothing is done with it.
    pub fn is_to_learn(&self) -> bool {
        let (has_tariff, rev) = {
            let kept = self.kept.read();
            (kept.settings.tariff.is_some(), kept.rev)
        };
        if !has_tariff {
            return false;
        }
        let now = self.clock.now();
        self.known
            .read()
            .as_ref()
            .is_none_or(|known| known.rev != rev || now.since(known.made) >= AGAIN || now < known.made)
    }

    /// Learns how this home behaves from its past, if it is time for that. Blocks for as long as that takes, and longer than a turn.
    pub fn learn(&self) {
        let _alone = self.learning.lock();
        if !self.is_to_learn() {
            return;
        }
        let (settings, rev) = {
            let kept = self.kept.read();
            (Arc::clone(&kept.settings), kept.rev)
        };
        let home = super::seen::look_around(&self.site, &settings);
        let known = learn(&self.site, &home, &settings, &self.site.place(), self.clock.now(), rev);
        let saved =
            super::savings::look_back(&known, &settings, &self.site.place(), self.live().ok().flatten().as_ref());
        *self.savings.write() = Arc::new(saved);
        *self.known.write() = Some(Arc::new(known));
    }
}

/// Reads the past of a home.
struct Reader<'a> {
    site: &'a Site,
    from: Timestamp,
    to: Timestamp,
}

impl Reader<'_> {
    fn of(&self, found: &Found, purpose: Purpose) -> Samples {
        found.port(purpose).map(|port| self.port(&found.thing, port)).unwrap_or_default()
    }

    fn port(&self, thing: &ThingId, port: &Port) -> Samples {
        minutes(self.site, thing, port, self.from, self.to)
    }

    /// The mean power of everything of a role in each slot; nothing told is nothing.
    fn sum<'f>(&self, found: impl Iterator<Item = &'f Found>) -> Vec<f64> {
        let slots = slot_of(self.from)..slot_of(self.to);
        let mut sum = vec![0.0; (slots.end - slots.start).max(0) as usize];
        for found in found {
            let means = slot_means(&self.of(found, Purpose::Power), &slots, HOLD_SECONDS);
            sum.iter_mut().zip(means).for_each(|(sum, mean)| *sum += mean.unwrap_or(0.0));
        }
        sum
    }

    /// Whether a heat pump was making hot water, as it said, change by change.
    fn hot_water(&self, pump: &Found) -> Vec<(Timestamp, bool)> {
        let Some(port) = pump.port(Purpose::State) else { return Vec::new() };
        let history = self.site.history_engine();
        let key = SeriesKey { thing: pump.thing.clone(), name: port.property.clone() };
        let known = history.list(Some(&pump.thing)).into_iter().find(|info| info.key == key);
        let points = known.and_then(|info| history.range(info.id, self.from, self.to, STATES_MAX).ok());
        let said = points.unwrap_or_default().into_iter();
        said.filter_map(|point| match &point.value {
            Value::Text(text) => Some((point.time, is_hot_water(text))),
            _ => None,
        })
        .collect()
    }
}

/// What a heat pump brought to rooms and water, and how it did.
struct Heat {
    rooms: Samples,
    water: Samples,
    pump: Option<Pump>,
}

fn heat(reader: &Reader<'_>, pump: &Found, outdoor: &[(Timestamp, f64)]) -> Heat {
    let power = reader.of(pump, Purpose::Power);
    let measured = reader.of(pump, Purpose::Heat);
    // Without a meter of heat a watt is taken as one: what is learned is as large as that makes it.
    let has_heat = !measured.is_empty();
    let heat = if has_heat { &measured } else { &power };
    let water = reader.hot_water(pump);
    let at = |samples: &[(Timestamp, f64)], time: Timestamp| {
        let after = samples.partition_point(|(told, _)| *told <= time);
        after.checked_sub(1).map(|index| samples[index].1)
    };
    let is_water = |time: Timestamp| {
        let after = water.partition_point(|(told, _)| *told <= time);
        after.checked_sub(1).is_some_and(|index| water[index].1)
    };
    let (mut rooms_heat, mut water_heat) = (Samples::with_capacity(heat.len()), Samples::with_capacity(heat.len()));
    let mut points: [Vec<(f64, f64)>; 2] = Default::default();
    let mut powers = Vec::new();
    for (time, watts) in heat {
        let is_water = is_water(*time);
        rooms_heat.push((*time, if is_water { 0.0 } else { watts.max(0.0) }));
        water_heat.push((*time, if is_water { watts.max(0.0) } else { 0.0 }));
        if let Some(taken) = at(&power, *time).filter(|taken| *taken > RUNNING_WATTS) {
            powers.push(taken);
            let performance = if has_heat { watts / taken } else { 1.0 };
            if (PERFORMANCE.0..=PERFORMANCE.1).contains(&performance) {
                points[usize::from(is_water)].push((at(outdoor, *time).unwrap_or(7.0) - 7.0, performance));
            }
        }
    }
    // What changes between two looks at the state belongs to the new one.
    for (time, is_water) in &water {
        let watts = at(heat, *time).unwrap_or(0.0).max(0.0);
        rooms_heat.push((*time, if *is_water { 0.0 } else { watts }));
        water_heat.push((*time, if *is_water { watts } else { 0.0 }));
    }
    for samples in [&mut rooms_heat, &mut water_heat] {
        samples.sort_by_key(|(time, _)| *time);
    }
    powers.sort_by(f64::total_cmp);
    let most = powers.get((powers.len() as f64 * MOST_QUANTILE) as usize).copied();
    let [rooms, water] = points;
    let pump = most.map(|watts_max| {
        let (performance, performance_per_kelvin) = line(&rooms).unwrap_or((1.0, 0.0));
        let water_performance = line(&water).map_or(performance, |_| mean(&water));
        Pump { watts_max, performance, performance_per_kelvin, water_performance }
    });
    Heat { rooms: rooms_heat, water: water_heat, pump }
}

fn mean(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(_, value)| value).sum::<f64>() / points.len().max(1) as f64
}

/// The line through points, flat when they say nothing of a slope.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    /// Fewer points than of an hour are none.
    const POINTS_MIN: usize = 60;
    if points.len() < POINTS_MIN {
        return None;
    }
    let count = points.len() as f64;
    let (at, value) = (points.iter().map(|(at, _)| at).sum::<f64>() / count, mean(points));
    let (spread, common) = points
        .iter()
        .fold((0.0, 0.0), |(spread, common), (x, y)| (spread + (x - at).powi(2), common + (x - at) * (y - value)));
    let slope = if spread / count > 4.0 { (common / spread).clamp(0.0, 0.2) } else { 0.0 };
    Some((value - slope * at, slope))
}

/// The mean air of the rooms that thermostats keep, in each slot.
pub(super) fn air(site: &Site, home: &Home, from: Timestamp, to: Timestamp) -> Samples {
    let reader = Reader { site, from, to };
    let slots = slot_of(from)..slot_of(to);
    let rooms: Vec<Vec<Option<f64>>> = home
        .of(Role::Thermostat)
        .map(|found| slot_means(&reader.of(found, Purpose::Temperature), &slots, HOLD_SECONDS))
        .collect();
    slots
        .enumerate()
        .filter_map(|(at, slot)| {
            let known: Vec<f64> = rooms.iter().filter_map(|room| room[at]).collect();
            let is_enough = !known.is_empty() && known.len() * 2 >= rooms.len();
            is_enough.then(|| (begin_of(slot), known.iter().sum::<f64>() / known.len() as f64))
        })
        .collect()
}

fn learn(site: &Site, home: &Home, settings: &Settings, place: &Place, now: Timestamp, rev: i64) -> Known {
    let to = quarter(now);
    let reader = Reader { site, from: to - PAST, to };
    let weather = home.with(Role::Weather, Purpose::Temperature).map(|(found, _)| found);
    let outdoor = weather.map(|found| reader.of(found, Purpose::Temperature)).unwrap_or_default();
    let irradiance = weather.map(|found| reader.of(found, Purpose::Irradiance)).unwrap_or_default();
    let pump = home.of(Role::HeatPump).find(|found| found.port(Purpose::Power).is_some());
    let heat = pump.map(|pump| heat(&reader, pump, &outdoor));
    let air = air(site, home, reader.from, to);
    let subjects = Subjects::read(&reader, home, settings, pump, heat.as_ref());
    let utc_offset_s = place.utc_offset_seconds(now);
    let solar: Vec<f64> = reader.sum(home.of(Role::Solar));
    let seen_kilowatts = solar.iter().copied().fold(0.0, f64::max) / 1_000.0;
    let said = home.of(Role::Solar).filter_map(|found| settings.things.get(&found.thing)?.watts_max);
    let solar_kilowatts = seen_kilowatts.max(said.sum::<f64>() / 1_000.0);
    let mut past = Past {
        from: reader.from,
        until: to,
        utc_offset_s,
        outdoor_celsius: &outdoor,
        irradiance: &irradiance,
        load_watts: &[],
        solar_watts: &[],
        solar_kilowatts,
        grid_watts: &[],
    };
    let mut learned = learned::learn(&past, &subjects.subjects(&air));
    let grid = home.with(Role::Grid, Purpose::Power).map(|(found, port)| reader.port(&found.thing, port));
    let slots = slot_of(reader.from)..slot_of(to);
    let grid = slot_means(&grid.unwrap_or_default(), &slots, METER_HOLD_SECONDS);
    let stores = reader.sum(home.of(Role::Battery));
    let is_learned = |found: &&Found| learned.things.iter().any(|one| one.thing == found.thing && one.model.is_some());
    let others = [Role::Charger, Role::HeatPump, Role::Tank, Role::Appliance];
    let modelled = reader.sum(home.found.iter().filter(|found| others.contains(&found.role)).filter(|found| {
        // A charger stands for its car.
        found
            .car
            .as_ref()
            .map_or_else(|| is_learned(found), |car| settings.departures.iter().any(|one| one.car == *car))
    }));
    let series = |of: &dyn Fn(usize) -> Option<f64>| -> Samples {
        slots.clone().enumerate().filter_map(|(at, slot)| Some((begin_of(slot), of(at)?))).collect()
    };
    let (grid_watts, solar_watts) = (series(&|at| grid[at]), series(&|at| Some(solar[at])));
    (past.grid_watts, past.solar_watts) = (&grid_watts, &solar_watts);
    let feeds = told::past(site, settings, reader.from, to);
    // Days of a home without a weather station are days too; rooms are not known there.
    let anywhere = series(&|_| Some(OUTDOOR_CELSIUS));
    if outdoor.is_empty() {
        past.outdoor_celsius = &anywhere;
    }
    let days: [Vec<(Timestamp, PastDay)>; 2] = [false, true].map(|without| {
        let load = series(&|at| {
            let modelled = if without { modelled[at] } else { 0.0 };
            Some((grid[at]? + solar[at] - stores[at] - modelled).max(0.0))
        });
        let past = Past { load_watts: &load, ..past };
        learned::days(&past).into_iter().map(|(begin, day)| (begin, priced(begin, day, &feeds))).collect()
    });
    learned.days = days[1].iter().map(|(_, day)| day.clone()).collect();
    let reserve = home.of(Role::Battery).find_map(|found| reader.of(found, Purpose::Reserve).last().copied());
    let charged: f64 = reader.sum(home.of(Role::Charger)).iter().sum::<f64>() * SLOT_HOURS / 1_000.0;
    Known {
        made: now,
        rev,
        learned,
        days,
        pump: heat.and_then(|heat| heat.pump),
        solar_kilowatts,
        reserve_percent: reserve.map_or(0.0, |(_, percent)| percent.clamp(0.0, 100.0)),
        kept: home.of(Role::Tank).filter_map(|tank| Some((tank.thing.clone(), kept(&reader, tank)?))).collect(),
        car_kilowatt_hours_a_day: charged / (grid_watts.len() as f64 * SLOT_HOURS / 24.0).max(1.0),
    }
}

/// How cool a tank was let become.
fn kept(reader: &Reader<'_>, tank: &Found) -> Option<f64> {
    let slots = slot_of(reader.from)..slot_of(reader.to);
    let means = slot_means(&reader.of(tank, Purpose::Temperature), &slots, HOLD_SECONDS);
    let mut known: Vec<f64> = means.into_iter().flatten().collect();
    known.sort_by(f64::total_cmp);
    known.get((known.len() as f64 * KEPT_QUANTILE) as usize).copied()
}

/// A day with the prices and the carbon that were told of it.
fn priced(begin: Timestamp, day: PastDay, feeds: &Feeds) -> PastDay {
    let of = |told: &[crate::prices::Told]| of_feeds(told, begin, day.load_watts.len());
    PastDay { price: of(&feeds.import), carbon_grams: of(&feeds.carbon), ..day }
}

/// What there is to be learned, with what it told.
struct Subjects<'a> {
    batteries: Vec<(&'a Found, [Samples; 2], Option<f64>)>,
    rooms: Option<(&'a Found, &'a Samples)>,
    tanks: Vec<(&'a Found, [Samples; 2])>,
    machines: Vec<(&'a Found, Samples)>,
}

impl<'a> Subjects<'a> {
    fn read(
        reader: &Reader<'_>,
        home: &'a Home,
        settings: &Settings,
        pump: Option<&'a Found>,
        heat: Option<&'a Heat>,
    ) -> Self {
        let capacity = |found: &Found| {
            let said = settings.things.get(&found.thing).and_then(|correction| correction.capacity_kilowatt_hours);
            said.or_else(|| found.port(Purpose::Stored)?.maximum)
        };
        let batteries = home.of(Role::Battery).map(|found| {
            (found, [reader.of(found, Purpose::Charge), reader.of(found, Purpose::Power)], capacity(found))
        });
        let tanks = home.of(Role::Tank).map(|found| {
            let own = reader.of(found, Purpose::Power);
            let of_pump = heat.map(|heat| heat.water.clone()).unwrap_or_default();
            (found, [reader.of(found, Purpose::Temperature), both(reader, &own, &of_pump)])
        });
        let machines = home.of(Role::Appliance).filter(|found| found.port(Purpose::Power).is_some());
        let machines = machines.map(|found| (found, reader.of(found, Purpose::Power)));
        let has_rooms = home.of(Role::Thermostat).any(|found| found.port(Purpose::Target).is_some());
        Self {
            batteries: batteries.collect(),
            rooms: pump.zip(heat).filter(|_| has_rooms).map(|(pump, heat)| (pump, &heat.rooms)),
            tanks: tanks.collect(),
            machines: machines.collect(),
        }
    }

    fn subjects<'s>(&'s self, air: &'s Samples) -> Vec<Subject<'s>> {
        let subject = |found: &'s Found, told: Told<'s>| Subject { thing: &found.thing, title: &found.title, told };
        let of_rooms = |found: &'s Found, told: Told<'s>| Subject { thing: &found.thing, title: "The rooms", told };
        let batteries = self.batteries.iter().map(|(found, [charge, watts], capacity)| {
            subject(found, Told::Battery { charge_percent: charge, watts, capacity_told: *capacity })
        });
        let rooms =
            self.rooms.iter().map(|(found, heat)| of_rooms(found, Told::Rooms { celsius: air, heating_watts: heat }));
        let tanks = self.tanks.iter().map(|(found, [celsius, heat])| {
            subject(found, Told::Tank { celsius, heat_watts: heat, room_celsius: &[] })
        });
        let machines = self.machines.iter().map(|(found, watts)| subject(found, Told::Appliance { watts }));
        batteries.chain(rooms).chain(tanks).chain(machines).collect()
    }
}

/// Two heats of one store.
fn both(reader: &Reader<'_>, own: &Samples, other: &Samples) -> Samples {
    if own.is_empty() || other.is_empty() {
        return if own.is_empty() { other.clone() } else { own.clone() };
    }
    let slots = slot_of(reader.from)..slot_of(reader.to);
    let (own, other) = (slot_means(own, &slots, HOLD_SECONDS), slot_means(other, &slots, HOLD_SECONDS));
    slots
        .enumerate()
        .filter_map(|(at, slot)| match (own[at], other[at]) {
            (None, None) => None,
            (own, other) => Some((begin_of(slot), own.unwrap_or(0.0) + other.unwrap_or(0.0))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::past::QUARTER;
    use crate::prices::Told as Price;

    #[test]
    fn performance_grows_with_the_air_outside_when_that_was_seen() {
        let points = |spread: f64| -> Vec<(f64, f64)> {
            (0..120).map(|at| spread * (f64::from(at) / 60.0 - 1.0)).map(|at| (at, 3.0 + 0.05 * at)).collect()
        };
        let (performance, slope) = line(&points(10.0)).unwrap();
        assert!((performance - 3.0).abs() < 1e-9 && (slope - 0.05).abs() < 1e-9, "{performance} {slope}");
        // A degree says nothing of ten.
        let (performance, slope) = line(&points(1.0)).unwrap();
        assert!((performance - 3.0).abs() < 0.01 && slope == 0.0, "{performance} {slope}");
        assert_eq!(line(&points(10.0)[..30]), None);
    }

    #[test]
    fn what_a_feed_did_not_tell_of_a_quarter_is_as_the_one_before() {
        let begin = Timestamp::from_seconds(0);
        let at = |quarter: u32, value: f64| Price {
            from: begin + QUARTER * quarter,
            to: begin + QUARTER * (quarter + 1),
            value,
        };
        assert_eq!(of_feeds(&[at(1, 0.5), at(3, 0.25)], begin, 5), [0.5, 0.5, 0.5, 0.25, 0.25]);
        assert_eq!(of_feeds(&[], begin, 5), [0.0_f32; 0], "nothing is known");
    }
}
