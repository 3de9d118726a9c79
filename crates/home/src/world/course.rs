//! What happens to a home over a run, whatever stands in it: load, sun, weather, prices and people, quarter of an hour after quarter of an hour.
//!
//! Days are drawn from the past in blocks of consecutive days of the same season and weekday (the moving blocks of Künsch, "The
//! jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989), all of a day together, so that a cold day
//! stays a dark one. What is drawn depends on the seed alone: homes of other sizes meet the same days.

use model::Timestamp;
use rule::Place;

use super::settings::{HomeWorld, PastDay};
use super::{STEP_HOURS, STEP_SECONDS};
use crate::chance::Chance;
use crate::prices::Told;
use crate::tariff::{Price, Tariff};

/// Days that are drawn together.
const BLOCK_DAYS: usize = 3;
/// Days of the year so near are of the same season.
const SEASON_DAYS: i64 = 20;
/// It is summer when the last days were warmer than this: nobody heats.
const SUMMER_CELSIUS: f64 = 17.0;

/// A quarter of an hour as it will be. Policies see it when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Slot {
    /// Which day of the run.
    pub day: u32,
    /// Minute of the local day.
    pub minute: u32,
    /// Day of the week, Monday is 1.
    pub weekday: u8,
    /// What nobody can shift.
    pub load_watts: f64,
    /// What each kilowatt of modules gives.
    pub sun_watts_per_kilowatt: f64,
    /// Outside air.
    pub outdoor_celsius: f64,
    /// Whether it is the season of cooling.
    pub is_summer: bool,
    /// What a kilowatt hour from the grid costs.
    pub import_price: f64,
    /// What the grid pays.
    pub export_price: f64,
    /// What a kilowatt hour from the grid emits, in grams.
    pub carbon_grams: f64,
    /// Whether the grid is gone.
    pub is_out: bool,
    /// Whether the car is on its plug in truth.
    pub plugged: bool,
    /// Whether it usually is: what a policy counts on.
    pub plugged_usually: bool,
    /// The car leaves at the begin of this slot.
    pub leaves: bool,
    /// The car comes back at the begin of this slot.
    pub returns: bool,
    /// Which machines are filled at its begin, a bit each.
    pub filled: u32,
    /// Heat drawn from the tank.
    pub drawn_watts: f64,
    /// What the meter counted, where a past day is replayed that knows it.
    pub metered_watts: Option<f64>,
}

/// All slots of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// When it begins.
    pub start: Timestamp,
    /// Its slots, and two days behind its end that plans may look at.
    pub slots: Vec<Slot>,
    /// How many of them are lived.
    pub lived: usize,
    /// Whether prices are told from day to day.
    pub is_dynamic: bool,
}

impl Course {
    /// Draws the days of a run from the past.
    pub fn drawn(world: &HomeWorld, start: Timestamp, seconds: u64, seed: u64) -> Self {
        Self::of(world, world.past(), start, seconds, seed, Sequence::Drawn)
    }

    /// Replays the past days as they are, one after the other.
    pub fn replayed(world: &HomeWorld, start: Timestamp, seed: u64) -> Self {
        let seconds = world.days.len() as u64 * 86_400;
        Self::of(world, &world.days, start, seconds, seed, Sequence::Replayed)
    }

    fn of(world: &HomeWorld, past: &[PastDay], start: Timestamp, seconds: u64, seed: u64, sequence: Sequence) -> Self {
        let place = Place::new(&world.zone, None).unwrap_or_else(|_| Place::utc());
        let lived = (seconds.div_ceil(u64::from(STEP_SECONDS)) as usize).max(1);
        let all = lived + 48 * 4;
        let mut days = Days { past, sequence, seed, chosen: Vec::new(), people: Vec::new() };
        let mut slots: Vec<Slot> = Vec::with_capacity(all);
        let first_day = local(start, &place).0;
        let mut warmth = None;
        for at in 0..all {
            let begin = start + std::time::Duration::from_secs(at as u64 * u64::from(STEP_SECONDS));
            let (local_day, minute) = local(begin, &place);
            let day = (local_day - first_day).max(0) as u32;
            let quarter = (minute / 15) as usize;
            let drawn = days.of(local_day, day as usize);
            let value = |list: &[f32], otherwise: f64| PastDay::value(list, quarter).unwrap_or(otherwise);
            let outdoor_celsius = value(&drawn.outdoor_celsius, 10.0) + world.events.kelvin_on(day);
            // A mean over about two days says in which season the heat pump is.
            let mean = warmth.get_or_insert_with(|| {
                drawn.outdoor_celsius.iter().map(|value| f64::from(*value)).sum::<f64>()
                    / drawn.outdoor_celsius.len().max(1) as f64
                    + world.events.kelvin_on(day)
            });
            *mean += (outdoor_celsius - *mean) / 192.0;
            let told = PastDay::value(&drawn.price, quarter);
            let price = |price: &Price| price_at(price, begin, &place, told);
            let people = days.people(world, local_day, day as usize);
            let hour = at as f64 * STEP_HOURS;
            let drawn_watts =
                world.body.tank.map_or(0.0, |tank| tank.drawn_watts[(minute / 60) as usize] * people.draws);
            let metered = PastDay::value(&drawn.import_watts, quarter)
                .map(|import| import - PastDay::value(&drawn.export_watts, quarter).unwrap_or(0.0));
            slots.push(Slot {
                day,
                minute,
                weekday: weekday(local_day),
                load_watts: value(&drawn.load_watts, 0.0),
                sun_watts_per_kilowatt: value(&drawn.sun_watts_per_kilowatt, 0.0),
                outdoor_celsius,
                is_summer: *mean > SUMMER_CELSIUS,
                import_price: price(&world.tariff.import) * world.events.price_factor_on(day),
                export_price: price(&world.tariff.export),
                carbon_grams: value(&drawn.carbon_grams, world.carbon_grams),
                is_out: world.events.is_out_at(hour),
                plugged: people.is_plugged(minute),
                plugged_usually: people.is_usually_plugged(minute),
                leaves: false,
                returns: false,
                filled: people.filled_at(minute),
                drawn_watts,
                metered_watts: metered.filter(|_| matches!(sequence, Sequence::Replayed)),
            });
        }
        for at in 1..slots.len() {
            slots[at].leaves = slots[at - 1].plugged && !slots[at].plugged;
            slots[at].returns = !slots[at - 1].plugged && slots[at].plugged;
        }
        Self { start, slots, lived, is_dynamic: is_dynamic(&world.tariff) }
    }

    /// When a slot begins.
    pub fn begin(&self, slot: usize) -> Timestamp {
        self.start + std::time::Duration::from_secs(slot as u64 * u64::from(STEP_SECONDS))
    }

    /// How long the lived part is, in days of 24 hours.
    pub fn days(&self) -> f64 {
        self.lived as f64 * STEP_HOURS / 24.0
    }
}

#[derive(Debug, Clone, Copy)]
enum Sequence {
    Drawn,
    Replayed,
}

/// Past days in the order in which they are lived again.
struct Days<'a> {
    past: &'a [PastDay],
    sequence: Sequence,
    seed: u64,
    chosen: Vec<usize>,
    people: Vec<People>,
}

impl<'a> Days<'a> {
    fn of(&mut self, local_day: i64, day: usize) -> &'a PastDay {
        while self.chosen.len() <= day {
            let number = self.chosen.len();
            let calendar_day = local_day - (day - number) as i64;
            let next = self.choose(number, calendar_day);
            self.chosen.push(next);
        }
        &self.past[self.chosen[day]]
    }

    fn choose(&self, number: usize, local_day: i64) -> usize {
        if matches!(self.sequence, Sequence::Replayed) {
            return number.min(self.past.len() - 1);
        }
        if !number.is_multiple_of(BLOCK_DAYS) {
            let after = self.chosen[number - 1] + 1;
            // The past may have ended within the block.
            return if after < self.past.len() { after } else { self.chosen[number - 1] };
        }
        let (wanted, weekday) = (day_of_year(local_day), weekday(local_day));
        let apart = |day: &PastDay| {
            let apart = (i64::from(day.day_of_year) - wanted).rem_euclid(365);
            apart.min(365 - apart)
        };
        let nearest = self.past.iter().map(apart).min().unwrap_or(0);
        let of_season = |day: &PastDay| apart(day) <= nearest.max(SEASON_DAYS);
        let mut fitting: Vec<usize> =
            (0..self.past.len()).filter(|at| of_season(&self.past[*at]) && self.past[*at].weekday == weekday).collect();
        if fitting.is_empty() {
            fitting = (0..self.past.len()).filter(|at| of_season(&self.past[*at])).collect();
        }
        fitting[Chance::new(self.seed, number as u64).index(fitting.len())]
    }

    /// What people do on a day.
    fn people(&mut self, world: &HomeWorld, local_day: i64, day: usize) -> &People {
        while self.people.len() <= day {
            let number = self.people.len();
            let calendar_day = local_day - (day - number) as i64;
            let mut chance = Chance::new(self.seed ^ 0x000F_A417, number as u64);
            self.people.push(People::draw(world, weekday(calendar_day), number, &mut chance));
        }
        &self.people[day]
    }
}

/// What people do on a day, by minutes of the local day.
#[derive(Debug, Clone)]
struct People {
    leaves: Option<[u32; 2]>,
    leaves_usually: Option<[u32; 2]>,
    /// When each machine is filled.
    fills: Vec<Option<u32>>,
    draws: f64,
}

impl People {
    /// Draws the same numbers whatever stands in the home.
    fn draw(world: &HomeWorld, weekday: u8, day: usize, chance: &mut Chance) -> Self {
        let (late, back, draws) = (chance.normal(), chance.normal(), chance.unit());
        let car = world.body.car.as_ref().filter(|car| car.days.contains(&weekday));
        let usual = car.map(|car| [u32::from(car.leaves_minute), u32::from(car.returns_minute)]);
        let moved = car.zip(usual).map(|(car, [leaves, returns])| {
            let at = |minute: u32, by: f64| (f64::from(minute) + by * car.spread_minutes).clamp(0.0, 1_439.0) as u32;
            let early = world.events.early_minutes_on(day as u32);
            let leaves = at(leaves, late).saturating_sub(early);
            [leaves, at(returns, back).max(leaves + 15)]
        });
        let fills = world.body.appliances.iter().map(|machine| {
            (chance.unit() < machine.runs_per_week / 7.0).then(|| u32::from(machine.ready_minute) / 15 * 15)
        });
        Self { leaves: moved, leaves_usually: usual, fills: fills.collect(), draws: 0.6 + 0.8 * draws }
    }

    fn is_plugged(&self, minute: u32) -> bool {
        self.leaves.is_none_or(|[from, to]| minute + 14 < from || minute >= to)
    }

    fn is_usually_plugged(&self, minute: u32) -> bool {
        self.leaves_usually.is_none_or(|[from, to]| minute + 14 < from || minute >= to)
    }

    fn filled_at(&self, minute: u32) -> u32 {
        let at = |(number, fill): (usize, &Option<u32>)| if *fill == Some(minute) { 1 << number } else { 0 };
        self.fills.iter().enumerate().map(at).sum()
    }
}

/// The local day since 1970 and the minute of it.
fn local(moment: Timestamp, place: &Place) -> (i64, u32) {
    let seconds = moment.micros().div_euclid(1_000_000) + place.utc_offset_seconds(moment);
    (seconds.div_euclid(86_400), (seconds.rem_euclid(86_400) / 60) as u32)
}

/// Monday is 1; the first of January 1970 was a Thursday.
fn weekday(local_day: i64) -> u8 {
    (local_day + 3).rem_euclid(7) as u8 + 1
}

/// The day of the year, from 1; within a day of the calendar's, which is as near as seasons are.
fn day_of_year(local_day: i64) -> i64 {
    ((local_day as f64 + 0.5).rem_euclid(365.2425)) as i64 + 1
}

fn is_dynamic(tariff: &Tariff) -> bool {
    [&tariff.import, &tariff.export].into_iter().any(|price| matches!(price, Price::Dynamic { .. }))
}

fn price_at(price: &Price, begin: Timestamp, place: &Place, told: Option<f64>) -> f64 {
    let told: Vec<Told> = told
        .map(|value| Told { from: begin, to: begin + std::time::Duration::from_secs(1), value })
        .into_iter()
        .collect();
    price.at(begin, place, &told).0
}
