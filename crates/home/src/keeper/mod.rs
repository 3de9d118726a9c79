//! Keeps a home: told what is measured and foreseen, it plans again whenever it is asked, and says what each device does now.
//!
//! What is done when something is missing, best first ([`Rung`]):
//! - a fresh plan;
//! - none can be made: what the last plan says about now (a single battery answers afresh all the same);
//! - that is over, or nothing can be expected yet (the first day): the rule "take what the sun leaves over, give what is missing";
//! - nothing is known of the load for two hours: hands off.
//!
//! A price that was never told counts as one that is always the same; weather that is missing, as that of the day before.
//! Values that cannot be are refused and counted. A battery that does not do what it is told is not planned with until it does.
//!
//! A single battery answers to what really comes better than any fixed course: how much to take or give now follows from what
//! each level of it will be worth under everything that may come ([`plan::reservoir`]); everything else follows the plan.
//!
//! **Invariant:** the same values told at the same moments give the same decisions; nothing that is told for later than `now`
//! as a measurement exists yet, and what is foreseen is what somebody foresaw.

mod counter;
pub mod district;
mod feed;
mod gauge;
mod recourse;
mod rooms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ThingId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::device::{Battery, Device, DeviceKind};
use crate::horizon::{Horizon, STEPS_MAX};
use crate::outlook::{Aims, Outlook, Scenario};
use crate::program::{self, PlanFailed};
use crate::schedule::Schedule;
use counter::Counter;
use feed::{Bands, Feed};
use gauge::Gauge;
use recourse::Answer;
use rooms::Rooms;
pub use rooms::{RoomsPlate, RoomsReading};

/// How long the load may be unknown before hands are off.
const BLIND_SECONDS: u64 = 2 * 3_600;
/// The most power that a home is believed to take or make.
const WATTS_MAX: f64 = 1e6;
/// The largest price and the most grams that are believed.
const PRICE_MAX: f64 = 1e5;
/// Days that the typical highest import is the mean of.
const PEAK_DAYS: f64 = 20.0;
/// The price when nobody tells one.
const PRICE_UNKNOWN: f64 = 0.3;
/// A degree out of comfort for an hour is worth avoiding like so many kilowatt hours.
const DISCOMFORT_KILOWATT_HOURS: f64 = 20.0;
/// Rooms that were never told what is wanted are kept like this.
const TARGET_UNKNOWN: f64 = 21.0;

/// What a keeper is to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a step is: 900 or 3600.
    pub step_seconds: u32,
    /// How many steps it looks ahead.
    pub steps: usize,
    /// What a kilogram of carbon dioxide is worth avoiding.
    pub carbon: CarbonWorth,
    /// Import above a share of the home's usual daily peak counts as dearer; `None` when peaks do not matter.
    pub shave: Option<Shave>,
}

/// What a kilogram of carbon dioxide is worth avoiding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum CarbonWorth {
    /// So much of the tariff's currency.
    Fixed(f64),
    /// So much that all that this home would have emitted without stores, so far, weighs as much as all that it would have paid.
    AsMuchAsCost,
}

/// How import above the usual is avoided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shave {
    /// From this share of the usual daily peak (without stores) on
    pub share: f64,
    /// a kilowatt hour counts as dearer by this share of the mean price.
    pub dearer: f64,
}

impl Default for Settings {
    fn default() -> Self {
        let shave = Some(Shave { share: 0.7, dearer: 0.2 });
        Self { step_seconds: 900, steps: 120, carbon: CarbonWorth::Fixed(0.0), shave }
    }
}

/// What can be told of a home as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Quantity {
    /// What nobody can shift, in watts.
    Load,
    /// What the sun gives, in watts.
    Solar,
    /// What a kilowatt hour from the grid costs.
    ImportPrice,
    /// What the grid pays for one.
    ExportPrice,
    /// Grams of carbon dioxide for a kilowatt hour from the grid.
    Carbon,
    /// Outside air, in degrees.
    Outdoor,
    /// Sun straight from its disc, in watts a square metre.
    DirectSun,
    /// Sun from the rest of the sky.
    DiffuseSun,
    /// Heat that is drawn as hot water, in watts.
    Water,
    /// What heats or cools rooms takes, in watts.
    Rooms,
    /// What is wanted of the air in rooms, in degrees.
    Target,
}

/// How a decision came about, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rung {
    /// By a fresh plan.
    Plan,
    /// By what the last plan says about now.
    LastPlan,
    /// By a simple rule.
    Rule,
    /// Nothing is told to anybody.
    HandsOff,
}

/// What one device is to do now.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPoint {
    /// Which.
    pub thing: ThingId,
    /// What it is to take; below 0 to give.
    pub watts: f64,
    /// Why, in one sentence.
    pub words: String,
}

/// What is to be done until the end of the step.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// From when.
    pub time: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How it came about.
    pub rung: Rung,
    /// What each device is to do; those that are not here are left alone.
    pub set_points: Vec<SetPoint>,
    /// The plan behind it, where there is one.
    pub schedule: Option<Schedule>,
    /// What is wrong, each in one sentence.
    pub notices: Vec<String>,
}

impl Decision {
    /// What a thing is told, in place of what it was.
    fn put(&mut self, told: SetPoint) {
        match self.set_points.iter_mut().find(|point| point.thing == told.thing) {
            Some(point) => *point = told,
            None => self.set_points.push(told),
        }
    }
}

/// Makes plans, as [`crate::program::plan`] does.
pub type Planner<'a> = &'a (dyn Fn(&[Device], &Outlook, &Aims) -> Result<Schedule, PlanFailed> + Sync);

/// Keeps one home.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keeper {
    settings: Settings,
    offset_s: i64,
    feeds: BTreeMap<Quantity, Feed>,
    counters: BTreeMap<Quantity, Counter>,
    gauges: BTreeMap<ThingId, Gauge>,
    exchanged: BTreeMap<ThingId, (Timestamp, f64)>,
    rooms: Option<Rooms>,
    usual: Usual,
    decided: Option<Timestamp>,
    #[serde(skip)]
    last_plan: Option<(Schedule, Vec<Device>)>,
    /// How its only battery can answer, until the next decision.
    #[serde(skip)]
    answer: Option<Answer>,
}

/// What the home would have paid, emitted and drawn without stores.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Usual {
    cost: f64,
    grams: f64,
    day: i64,
    peak_today_watts: f64,
    peak_watts: f64,
    days: f64,
}

impl Keeper {
    /// A keeper that knows nothing of the home yet.
    pub fn new(settings: Settings) -> Self {
        let steps = settings.steps.clamp(1, STEPS_MAX);
        Self {
            settings: Settings { steps, step_seconds: settings.step_seconds.max(60), ..settings },
            offset_s: 0,
            feeds: BTreeMap::new(),
            counters: BTreeMap::new(),
            gauges: BTreeMap::new(),
            exchanged: BTreeMap::new(),
            rooms: None,
            usual: Usual::default(),
            decided: None,
            last_plan: None,
            answer: None,
        }
    }

    /// How far the clock on the wall is ahead of UTC from now on.
    pub fn set_clock(&mut self, offset_seconds: i64) {
        self.offset_s = offset_seconds;
    }

    /// Tells what was measured; whether it was believed.
    pub fn tell(&mut self, what: Quantity, time: Timestamp, value: f64) -> bool {
        let (offset_s, covariates) = (self.offset_s, self.covariates(what, time));
        let is_believed = self.feed(what).tell(time, offset_s, value, &covariates);
        if is_believed {
            self.pass_on(what, time);
        }
        is_believed
    }

    /// Tells what a counter shows that only runs forward, in kilowatt hours. One that runs backwards or jumps gives no power
    /// until it has run on for a while; whether it gave one.
    pub fn tell_counter(&mut self, what: Quantity, time: Timestamp, kilowatt_hours: f64) -> bool {
        let watts = self.counters.entry(what).or_default().watts(time, kilowatt_hours);
        watts.is_some_and(|(middle, watts)| self.tell(what, middle, watts))
    }

    /// Tells what somebody foresees from a moment on, for a step.
    pub fn foresee(&mut self, what: Quantity, from: Timestamp, value: f64) {
        self.feed(what).foresee(from, value);
        self.pass_on(what, from);
    }

    /// Tells what a battery took from the mains over the time before, as its meter says; below 0 what it gave.
    pub fn tell_exchange(&mut self, thing: &ThingId, time: Timestamp, watts: f64) {
        if watts.is_finite() && watts.abs() <= WATTS_MAX {
            self.exchanged.insert(thing.clone(), (time, watts));
        }
    }

    /// How often a value of this was not believed.
    pub fn refused(&self, what: Quantity) -> u64 {
        self.feeds.get(&what).map_or(0, |feed| feed.refused)
    }

    fn feed(&mut self, what: Quantity) -> &mut Feed {
        self.feeds.entry(what).or_insert_with(|| {
            let (bounds, covariates) = match what {
                Quantity::Load | Quantity::Rooms => ((0.0, WATTS_MAX), 1),
                Quantity::Water => ((0.0, WATTS_MAX), 0),
                Quantity::Target => ((5.0, 35.0), 0),
                Quantity::Solar => ((0.0, WATTS_MAX), 2),
                Quantity::ImportPrice | Quantity::ExportPrice => ((-PRICE_MAX, PRICE_MAX), 0),
                Quantity::Carbon => ((0.0, PRICE_MAX), 0),
                Quantity::Outdoor => ((-90.0, 70.0), 0),
                Quantity::DirectSun | Quantity::DiffuseSun => ((0.0, 2_000.0), 0),
            };
            Feed::new(bounds, covariates)
        })
    }

    /// What else says something about a quantity, at a moment.
    fn covariates(&self, what: Quantity, time: Timestamp) -> Vec<f64> {
        let step = Duration::from_secs(u64::from(self.settings.step_seconds));
        let of = |what| self.feeds.get(&what).and_then(|feed| feed.around(time, step)).unwrap_or(f64::NAN);
        match what {
            Quantity::Load | Quantity::Rooms => vec![of(Quantity::Outdoor)],
            Quantity::Solar => vec![of(Quantity::DirectSun), of(Quantity::DiffuseSun)],
            _ => Vec::new(),
        }
    }

    /// Weather is passed on to what depends on it.
    fn pass_on(&mut self, what: Quantity, time: Timestamp) {
        let depends: &[Quantity] = match what {
            Quantity::Outdoor if self.rooms.is_some() => &[Quantity::Load, Quantity::Rooms],
            Quantity::Outdoor => &[Quantity::Load],
            Quantity::DirectSun | Quantity::DiffuseSun => &[Quantity::Solar],
            _ => return,
        };
        for depends in depends.iter().copied() {
            let (offset_s, covariates) = (self.offset_s, self.covariates(depends, time));
            if covariates.iter().all(|value| value.is_finite()) {
                self.feed(depends).expect_covariates(time, offset_s, &covariates);
            }
        }
    }

    /// Gives rooms into its care, which it keeps within their band of comfort from now on.
    pub fn keep_rooms(&mut self, plate: RoomsPlate) {
        self.rooms = Some(Rooms::new(plate, self.offset_s));
    }

    /// Tells how the rooms are when a step begins; the weather of the step is to be told before.
    pub fn tell_rooms(&mut self, now: Timestamp, reading: &RoomsReading) {
        let step = Duration::from_secs(u64::from(self.settings.step_seconds));
        let of = |what| self.feeds.get(&what).and_then(|feed| feed.around(now, step));
        let sun = of(Quantity::DirectSun).unwrap_or(0.0) + of(Quantity::DiffuseSun).unwrap_or(0.0);
        let weather = of(Quantity::Outdoor).map(|outdoor| (outdoor, sun));
        if let Some(rooms) = &mut self.rooms {
            rooms.tell(now, reading, weather);
            let before = Timestamp(now.micros() - step.as_micros() as i64);
            self.tell(Quantity::Rooms, before, reading.watts);
            self.tell(Quantity::Target, now, reading.target_celsius);
        }
    }

    /// What each device is to do now. `devices` are as they stand now.
    pub fn decide(&mut self, now: Timestamp, devices: &[Device]) -> Decision {
        self.decide_with(now, devices, &program::plan)
    }

    /// The same with another planner.
    pub fn decide_with(&mut self, now: Timestamp, devices: &[Device], planner: Planner<'_>) -> Decision {
        let horizon = self.horizon(now);
        self.answer = None;
        let mut decision = Decision {
            time: now,
            until: horizon.begin(1),
            rung: Rung::HandsOff,
            set_points: Vec::new(),
            schedule: None,
            notices: self.notices(now),
        };
        self.feeds.values_mut().for_each(|feed| feed.forget_before(horizon.start));
        self.compare(now, devices, &mut decision.notices);
        let devices: Vec<Device> = devices.iter().map(|device| self.as_learnt(device)).collect();
        let obeys = |device: &&Device| !self.gauges.get(&device.thing).is_some_and(Gauge::disobeys);
        let (obeying, others): (Vec<Device>, Vec<Device>) = devices.iter().cloned().partition(|device| obeys(&device));
        let is_blind = self.is_blind(now);
        if !is_blind {
            self.learn_usual(&horizon);
        }
        if is_blind {
            decision.notices.push("nothing is known of the load: nothing is told to anybody".to_owned());
        } else if let Some(mut expected) = self.expected(&horizon, now) {
            let obeying = self.with_heat(obeying, &mut expected, now);
            self.follow(&obeying, &expected, planner, &mut decision);
            decision.set_points.extend(self.tried(now, &others));
        } else {
            decision.notices.push("not enough of the past is known to plan".to_owned());
            self.rule(now, &obeying, &mut decision);
        }
        self.hold(&mut decision);
        self.told(&mut decision, &devices);
        decision
    }

    /// Devices with the water that will be drawn, and with the rooms where they are known; else what they will take counts as load.
    fn with_heat(&self, mut devices: Vec<Device>, expected: &mut Expected, now: Timestamp) -> Vec<Device> {
        let (horizon, offset_s) = (expected.horizon, self.offset_s);
        let ahead = |what| self.feeds.get(&what).and_then(|feed| feed.ahead(&horizon, now, offset_s));
        if let Some(drawn) = ahead(Quantity::Water) {
            for device in &mut devices {
                if let DeviceKind::Tank(tank) = &mut device.kind {
                    tank.drawn_watts = drawn.means();
                }
            }
        }
        let Some(rooms) = &self.rooms else { return devices };
        let level = expected.price.medians().iter().map(|price| price.abs()).sum::<f64>() / horizon.steps as f64;
        let last = |what, otherwise| self.feeds.get(&what).and_then(Feed::last).map_or(otherwise, |(_, value)| value);
        let or_last = |what, otherwise| {
            ahead(what).map_or_else(|| vec![last(what, otherwise); horizon.steps], |bands| bands.medians())
        };
        let (direct, diffuse) = (or_last(Quantity::DirectSun, 0.0), or_last(Quantity::DiffuseSun, 0.0));
        let sun: Vec<f64> = direct.iter().zip(&diffuse).map(|(direct, diffuse)| direct + diffuse).collect();
        let zone = rooms.device(
            &horizon,
            &expected.outdoor.medians(),
            &sun,
            &or_last(Quantity::Target, TARGET_UNKNOWN),
            DISCOMFORT_KILOWATT_HOURS * level,
            offset_s,
        );
        match zone {
            Some(zone) => devices.push(zone),
            None => expected.load.add(&or_last(Quantity::Rooms, 0.0)),
        }
        devices
    }

    /// Rooms that nothing was said about are held by the thermometer; what was planned for them is noted.
    fn hold(&mut self, decision: &mut Decision) {
        let Some(rooms) = &mut self.rooms else { return };
        let thing = &rooms.plate.thing;
        let planned = decision.schedule.as_ref().filter(|_| decision.rung == Rung::Plan);
        let planned = planned.and_then(|schedule| schedule.devices.iter().find(|device| device.thing == *thing));
        let foretold = planned.and_then(|device| device.states.get(1).copied());
        if decision.rung != Rung::HandsOff && !decision.set_points.iter().any(|point| point.thing == *thing) {
            decision.set_points.extend(rooms.held());
        }
        rooms.foretell(foretold);
    }

    /// What is told is made what each can do, and noted.
    fn told(&mut self, decision: &mut Decision, devices: &[Device]) {
        guard(decision, devices);
        self.ask(decision.time, decision, devices);
    }

    /// What the home draws now without its stores, as far as it is known.
    fn drawn_watts(&self) -> f64 {
        let newest = |what| self.feeds.get(&what).and_then(Feed::last).map_or(0.0, |(_, value)| value);
        newest(Quantity::Load) - newest(Quantity::Solar)
    }

    fn horizon(&self, now: Timestamp) -> Horizon {
        let step_us = i64::from(self.settings.step_seconds) * 1_000_000;
        let start = Timestamp(now.micros().div_euclid(step_us) * step_us);
        Horizon { start, step_seconds: self.settings.step_seconds, steps: self.settings.steps }
    }

    fn notices(&self, now: Timestamp) -> Vec<String> {
        let mut notices = Vec::new();
        let old = |what| {
            let last = self.feeds.get(&what).and_then(Feed::last);
            last.is_none_or(|(time, _)| now.since(time).as_secs() > BLIND_SECONDS)
        };
        if !self.feeds.contains_key(&Quantity::ImportPrice) {
            notices.push("no price was ever told: every hour counts the same".to_owned());
        } else if old(Quantity::ImportPrice) {
            notices.push("no price was told for two hours: what was foreseen or usual holds".to_owned());
        }
        if self.feeds.contains_key(&Quantity::Solar) && old(Quantity::Solar) {
            notices.push("nothing was heard of the sun's power for two hours: what is usual holds".to_owned());
        }
        notices
    }

    fn is_blind(&self, now: Timestamp) -> bool {
        let last = self.feeds.get(&Quantity::Load).and_then(Feed::last);
        last.is_none_or(|(time, _)| now.since(time).as_secs() > BLIND_SECONDS)
    }

    /// Compares what batteries did with what was asked of them.
    fn compare(&mut self, now: Timestamp, devices: &[Device], notices: &mut Vec<String>) {
        let hours = self.decided.map_or(0.0, |decided| now.since(decided).as_secs_f64() / 3_600.0);
        let step_hours = f64::from(self.settings.step_seconds) / 3_600.0;
        for device in devices {
            let DeviceKind::Battery(battery) = &device.kind else { continue };
            let gauge = self.gauges.entry(device.thing.clone()).or_default();
            // After a gap nobody knows what was done in between.
            if hours < 0.5 * step_hours || hours > 1.5 * step_hours {
                gauge.release();
                continue;
            }
            let exchanged =
                self.exchanged.get(&device.thing).filter(|(time, _)| self.decided.is_some_and(|since| *time > since));
            gauge.compare(battery, hours, exchanged.map(|(_, watts)| *watts));
            if gauge.disobeys() {
                notices.push(format!("{} does not do what it is told: it is not planned with", device.title));
            }
        }
    }

    /// A device with what was learnt of it in place of what its maker claims.
    fn as_learnt(&self, device: &Device) -> Device {
        let mut device = device.clone();
        if let (DeviceKind::Battery(battery), Some(gauge)) = (&mut device.kind, self.gauges.get(&device.thing)) {
            let claimed = battery.clone();
            battery.charge_efficiency = gauge.charge_efficiency(&claimed);
            battery.discharge_efficiency = gauge.discharge_efficiency(&claimed);
        }
        device
    }

    fn expected(&self, horizon: &Horizon, now: Timestamp) -> Option<Expected> {
        let ahead = |what| self.feeds.get(&what).and_then(|feed| feed.ahead(horizon, now, self.offset_s));
        let always = |value: f64| Bands(vec![[value; 5]; horizon.steps]);
        let held = |what, otherwise: f64| {
            let last = self.feeds.get(&what).and_then(Feed::last);
            always(last.map_or(otherwise, |(_, value)| value))
        };
        let load = ahead(Quantity::Load)?;
        // A sun that is there and not yet known would be planned without.
        let solar = match self.feeds.get(&Quantity::Solar) {
            Some(_) => ahead(Quantity::Solar)?,
            None => always(0.0),
        };
        let price = ahead(Quantity::ImportPrice).unwrap_or_else(|| held(Quantity::ImportPrice, PRICE_UNKNOWN));
        let export = ahead(Quantity::ExportPrice).unwrap_or_else(|| held(Quantity::ExportPrice, 0.0));
        let carbon = ahead(Quantity::Carbon).unwrap_or_else(|| held(Quantity::Carbon, 0.0));
        let outdoor = ahead(Quantity::Outdoor).unwrap_or_else(|| held(Quantity::Outdoor, 15.0));
        Some(Expected { horizon: *horizon, load, solar, price, export, carbon, outdoor })
    }

    /// Notes what the home would have paid, emitted and drawn in this step without stores.
    fn learn_usual(&mut self, horizon: &Horizon) {
        if self.decided.is_some_and(|decided| decided >= horizon.start) {
            return;
        }
        let newest = |what| self.feeds.get(&what).and_then(Feed::last).map_or(0.0, |(_, value)| value);
        let drawn = self.drawn_watts().max(0.0);
        let energy = drawn * horizon.step_hours() / 1_000.0;
        let (price, grams) = (newest(Quantity::ImportPrice), newest(Quantity::Carbon));
        let usual = &mut self.usual;
        usual.cost += energy * price.max(0.0);
        usual.grams += energy * grams;
        let day = (horizon.start.micros() / 1_000_000 + self.offset_s).div_euclid(86_400);
        if day != usual.day {
            if usual.day != 0 {
                usual.days += 1.0;
                usual.peak_watts += (usual.peak_today_watts - usual.peak_watts) / usual.days.min(PEAK_DAYS);
            }
            (usual.day, usual.peak_today_watts) = (day, 0.0);
        }
        usual.peak_today_watts = usual.peak_today_watts.max(drawn);
    }

    /// What a kilogram of carbon dioxide is worth avoiding, as things stand.
    pub fn carbon_price(&self) -> f64 {
        match self.settings.carbon {
            CarbonWorth::Fixed(price) => price,
            CarbonWorth::AsMuchAsCost if self.usual.grams > 0.0 => self.usual.cost / (self.usual.grams / 1_000.0),
            CarbonWorth::AsMuchAsCost => 0.0,
        }
    }

    fn aims(&self, expected: &Expected) -> Aims {
        let prices = expected.price.medians();
        let cheapest = prices.iter().copied().fold(f64::INFINITY, f64::min);
        Aims {
            carbon_price_per_kilogram: self.carbon_price(),
            peak_price_per_kilowatt: 0.0,
            peak_watts_so_far: 0.0,
            ramp_price_per_kilowatt: 0.0,
            end_price_per_kilowatt_hour: (recourse::END_SHARE * cheapest).max(0.0),
            import_watts_max: WATTS_MAX,
            export_watts_max: WATTS_MAX,
        }
    }

    /// Follows a fresh plan, or the last one.
    fn follow(&mut self, devices: &[Device], expected: &Expected, planner: Planner<'_>, decision: &mut Decision) {
        match planner(devices, &expected.outlook(), &self.aims(expected)) {
            Ok(schedule) => {
                decision.rung = Rung::Plan;
                decision.set_points = set_points(&schedule, 0);
                self.answer = self.recourse(devices, expected, &schedule, decision);
                self.last_plan = Some((schedule.clone(), devices.to_vec()));
                decision.schedule = Some(schedule);
            }
            Err(why) => {
                decision.notices.push(format!("no plan could be made: {why}"));
                let last =
                    self.last_plan.as_ref().and_then(|(last, _)| Some((last, last.horizon.step_at(decision.time)?)));
                match last {
                    Some((last, step)) => {
                        decision.rung = Rung::LastPlan;
                        decision.set_points = set_points(last, step);
                        let is_there = |point: &SetPoint| devices.iter().any(|device| device.thing == point.thing);
                        decision.set_points.retain(is_there);
                        self.answer = self.recourse(devices, expected, last, decision);
                        decision.schedule = Some(last.clone());
                    }
                    None => self.rule(decision.time, devices, decision),
                }
            }
        }
    }

    fn rule(&self, now: Timestamp, devices: &[Device], decision: &mut Decision) {
        decision.rung = Rung::Rule;
        decision.set_points = self.by_rule(now, devices);
    }

    /// Batteries take what the sun leaves over and give what is missing; everything else is left alone.
    fn by_rule(&self, now: Timestamp, devices: &[Device]) -> Vec<SetPoint> {
        let newest = |what| {
            let last = self.feeds.get(&what).and_then(Feed::last);
            last.filter(|(time, _)| now.since(*time).as_secs() <= BLIND_SECONDS).map_or(0.0, |(_, value)| value)
        };
        let mut over = newest(Quantity::Solar) - newest(Quantity::Load);
        let mut points = Vec::new();
        for device in devices {
            let DeviceKind::Battery(battery) = &device.kind else { continue };
            let watts = bounded(battery, over, self.settings.step_seconds);
            over -= watts;
            let words = if watts > 0.0 { "takes what the sun leaves over" } else { "gives what is missing" };
            points.push(SetPoint { thing: device.thing.clone(), watts, words: words.to_owned() });
        }
        points
    }

    /// What batteries are told that do not obey, so that it is noticed when they do again: what the rule says and, where that is
    /// too little to tell, a little more.
    fn tried(&self, now: Timestamp, devices: &[Device]) -> Vec<SetPoint> {
        let mut points = self.by_rule(now, devices);
        for point in &mut points {
            let device = devices.iter().find(|device| device.thing == point.thing);
            let Some(DeviceKind::Battery(battery)) = device.map(|device| &device.kind) else { continue };
            let telling = Gauge::telling_watts(battery, f64::from(self.settings.step_seconds) / 3_600.0);
            if point.watts.abs() < telling.abs() {
                point.watts = bounded(battery, telling, self.settings.step_seconds);
                "is tried, to see whether it does what it is told again".clone_into(&mut point.words);
            }
        }
        points
    }

    fn ask(&mut self, now: Timestamp, decision: &Decision, devices: &[Device]) {
        for device in devices {
            let DeviceKind::Battery(battery) = &device.kind else { continue };
            let gauge = self.gauges.entry(device.thing.clone()).or_default();
            match decision.set_points.iter().find(|point| point.thing == device.thing) {
                Some(point) => gauge.ask(point.watts, battery),
                None => gauge.release(),
            }
        }
        self.decided = Some(now);
    }
}

/// What is expected, with its bands.
struct Expected {
    horizon: Horizon,
    load: Bands,
    solar: Bands,
    price: Bands,
    export: Bands,
    carbon: Bands,
    outdoor: Bands,
}

impl Expected {
    fn outlook(&self) -> Outlook {
        Outlook {
            horizon: self.horizon,
            load_watts: self.load.means(),
            solar_watts: self.solar.means(),
            import_price: self.price.medians(),
            export_price: self.export.medians(),
            carbon_grams: self.carbon.medians(),
            outdoor_celsius: self.outdoor.medians(),
            scenarios: self.scenarios(),
        }
    }

    /// Little sun and much load, what is usual, much sun and little load.
    fn scenarios(&self) -> Vec<Scenario> {
        let at = |bands: &Bands, level: usize| bands.0.iter().map(|band| band[level]).collect();
        let scenario = |chance, load, solar| Scenario {
            chance,
            load_watts: at(&self.load, load),
            solar_watts: at(&self.solar, solar),
        };
        vec![scenario(0.25, 4, 1), scenario(0.5, 2, 2), scenario(0.25, 1, 3)]
    }
}

fn set_points(schedule: &Schedule, step: usize) -> Vec<SetPoint> {
    let of = |device: &crate::schedule::DeviceSchedule| {
        let reason = device.reasons.iter().find(|reason| (reason.from..reason.to).contains(&step));
        Some(SetPoint {
            thing: device.thing.clone(),
            watts: *device.watts.get(step)?,
            words: reason.map(|reason| reason.words.clone()).unwrap_or_default(),
        })
    };
    schedule.devices.iter().filter_map(of).collect()
}

/// What of a wanted power a battery can take or give for a step.
fn bounded(battery: &Battery, watts: f64, step_seconds: u32) -> f64 {
    let hours = f64::from(step_seconds) / 3_600.0;
    let room = (battery.capacity_kilowatt_hours - battery.stored_kilowatt_hours).max(0.0);
    let there = (battery.stored_kilowatt_hours - battery.reserve_kilowatt_hours).max(0.0);
    let most = battery.charge_watts_max.min(1_000.0 * room / battery.charge_efficiency / hours);
    let least = battery.discharge_watts_max.min(1_000.0 * there * battery.discharge_efficiency / hours);
    watts.clamp(-least.max(0.0), most.max(0.0))
}

/// Nobody is told what it cannot do, nor anything that is no number.
fn guard(decision: &mut Decision, devices: &[Device]) {
    decision.set_points.retain(|point| point.watts.is_finite());
    for point in &mut decision.set_points {
        let Some(device) = devices.iter().find(|device| device.thing == point.thing) else { continue };
        if let DeviceKind::Battery(battery) = &device.kind {
            point.watts = point.watts.clamp(-battery.discharge_watts_max.max(0.0), battery.charge_watts_max.max(0.0));
        }
    }
}
