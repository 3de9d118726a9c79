//! One look at a home: what stands, a new plan when one is due, and what things are to be told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{Name, ThingId, Timestamp, Value};
use rule::Place;

use super::devices::{Planned, Setting, release, tell};
use super::heat::{Acts, lift, tell_room, tell_water};
use super::obey::{Given, Held, is_same, look};
use super::outlook::{Expected, expect, quarter};
use super::seen::{Seen, look_around};
use super::shown::{
    Course, DayPlan, Decided, HomeMode, Note, PlannedDevice, PlannedReason, PlannedShortfall, Standing,
};
use super::told::{Feeds, ahead};
use super::{DECIDED_MAX, Decision, Desk, DeskError, LAST_PLAN_FOR, Room, Turned, unplanned};
use crate::device::Device;
use crate::find::{Found, Purpose, Role};
use crate::horizon::Horizon;
use crate::prices::Told;
use crate::schedule::Schedule;
use crate::settings::Settings;

/// A step of a plan.
const STEP_SECONDS: u32 = 900;
/// A plan looks a day ahead.
const STEPS: usize = 96;
/// Markets tell the next day in the early afternoon: what is not known of the steps up to here is missing.
const SOON: usize = 32;
/// A plan that could not be made is tried again after so long, and what happens brings a new one after so long at the earliest.
const AGAIN: Duration = Duration::from_secs(30);
/// What was told is told again after so long, when the thing does not show it.
const RESEND: Duration = Duration::from_mins(5);
/// A store that is so far from its plan, as a part of what it holds, brings a new one.
const OFF_PLAN: f64 = 0.1;
/// So is water that is so far from it.
const OFF_PLAN_KELVIN: f64 = 5.0;

/// A plan, and what it was made of.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) course: Course,
    schedule: Schedule,
    /// Through what each of its devices is told.
    acts: Vec<Acts>,
    notes: Vec<Note>,
    basis: Basis,
}

/// What brings a new plan when it changes.
#[derive(Debug, Clone, PartialEq)]
struct Basis {
    rev: i64,
    import: Vec<Told>,
    carbon: Vec<Told>,
    plugged: Vec<(ThingId, Option<bool>)>,
    held: Vec<ThingId>,
    /// When the home was learned.
    learned: Option<Timestamp>,
}

impl Desk {
    /// Looks at the home, plans when that is due, and says what is to be done. Blocks for as long as a plan takes.
    pub fn turn(&self) -> Result<Turned, DeskError> {
        let (settings, rev) = {
            let kept = self.kept.read();
            (Arc::clone(&kept.settings), kept.rev)
        };
        let live = self.live()?;
        let mode = HomeMode::of(live.as_ref());
        let mut room = self.room.lock();
        let home = Arc::new(look_around(&self.site, &settings));
        let seen = Seen::new(&self.site, home, self.clock.now());
        let mut notes = Vec::new();
        self.look_after(&mut room, &seen, mode, &mut notes);
        let standing = self.think(&mut room, &seen, (&settings, rev), &mut notes);
        let decisions = decide(&mut room, &seen, (&settings, &self.site.place()), (mode, standing));
        self.keep_before(&mut room)?;
        self.show(&room, &settings, (mode, live.clone(), standing), notes);
        Ok(Turned { live, decisions })
    }

    /// Says how a decision went.
    pub fn done(&self, decision: &Decision, went: Result<(), String>) {
        let now = self.clock.now();
        let mut room = self.room.lock();
        let problem = went.err();
        for (name, value) in &decision.values {
            room.decided.push_front(Decided {
                time: now,
                thing: decision.thing.clone(),
                name: name.to_string(),
                value: value.to_json(),
                words: decision.words.clone(),
                sent: decision.send && problem.is_none(),
                problem: problem.clone(),
            });
        }
        room.decided.truncate(DECIDED_MAX);
        if problem.is_some() {
            // Nobody was told, so nobody can disobey.
            if let Some(given) = room.given.get_mut(&decision.thing) {
                given.sent = false;
            }
        }
        let mut shown = self.shown.write();
        let mut plan = (**shown).clone();
        plan.decided = room.decided.iter().cloned().collect();
        *shown = Arc::new(plan);
    }

    /// Things that were set by somebody else, or do not obey, are left alone for a while.
    fn look_after(&self, room: &mut Room, seen: &Seen, mode: HomeMode, notes: &mut Vec<Note>) {
        let Room { given, held, before, .. } = room;
        held.retain(|_, held| held.until > seen.now);
        if mode == HomeMode::Operate {
            for (thing, given) in given.iter().filter(|(thing, _)| !held.contains_key(*thing)).collect::<Vec<_>>() {
                let title = seen.home.thing(thing).map_or(thing.as_str(), |found| found.title.as_str());
                if let Some(found) = look(&self.site, seen, thing, title, given) {
                    // What a person wants now is what it is left at, not what it had before.
                    before.remove(thing);
                    held.insert(thing.clone(), found);
                }
            }
        }
        given.retain(|thing, _| !held.contains_key(thing));
        notes.extend(held.iter().map(|(thing, Held { about, words, .. })| Note {
            about,
            thing: Some(thing.clone()),
            words: words.clone(),
        }));
    }

    /// Makes a plan when one is due, and says what the devices go by.
    fn think(&self, room: &mut Room, seen: &Seen, said: (&Settings, i64), notes: &mut Vec<Note>) -> Standing {
        let (settings, rev) = said;
        if settings.tariff.is_none() {
            let words = "nobody said what electricity costs: nothing is planned".to_owned();
            notes.push(Note { about: "settings", thing: None, words });
            room.made = None;
            return Standing::HandsOff;
        }
        let feeds = ahead(seen, settings);
        if let Err(words) = meter(seen) {
            notes.push(Note { about: "meter", thing: None, words });
            return stand_in(room, seen.now, notes);
        }
        let basis = Basis {
            rev,
            import: feeds.import.clone(),
            carbon: feeds.carbon.clone(),
            plugged: plugged(seen),
            held: room.held.keys().cloned().collect(),
            learned: self.known.read().as_ref().map(|known| known.made),
        };
        if is_due(room, seen, &basis) {
            room.tried = Some(seen.now);
            match self.make(room, seen, settings, (&feeds, basis)) {
                Ok(made) => (room.made, room.failed) = (Some(made), None),
                Err(words) => {
                    tracing::warn!(words, "no plan was made for the home");
                    room.failed = Some(words);
                }
            }
        }
        match (&room.failed, &room.made) {
            (None, Some(made)) => {
                notes.extend(made.notes.iter().cloned());
                Standing::Plan
            }
            (failed, _) => {
                let why = failed.clone().unwrap_or_else(|| "there is no plan yet".to_owned());
                notes.push(Note { about: "plan", thing: None, words: why });
                stand_in(room, seen.now, notes)
            }
        }
    }

    fn make(
        &self,
        room: &mut Room,
        seen: &Seen,
        settings: &Settings,
        (feeds, basis): (&Feeds, Basis),
    ) -> Result<Made, String> {
        let tariff = settings.tariff.as_ref().ok_or("nobody said what electricity costs")?;
        let place = self.site.place();
        let horizon = Horizon { start: quarter(seen.now), step_seconds: STEP_SECONDS, steps: STEPS };
        let prices = tariff.import.over(&horizon, &place, &feeds.import);
        let price = prices.values.iter().sum::<f64>() / STEPS as f64;
        let weather = room.expectations.weather(&self.site, seen, &place, &horizon);
        let known = self.known.read().clone();
        let known = known.as_deref();
        let (site, place) = (&*self.site, &place);
        let setting = Setting { site, seen, settings, place, horizon, price, known, weather: &weather };
        let mut notes = Vec::new();
        let free = seen.home.found.iter().filter(|found| !room.held.contains_key(&found.thing));
        let planned: Vec<(&Found, Planned)> =
            free.filter_map(|found| Some((found, setting.device(found, &mut notes)?))).collect();
        let ids: Vec<ThingId> = planned.iter().map(|(found, _)| found.thing.clone()).collect();
        room.expectations.feed(&setting, &ids);
        let expected = expect(&setting, tariff, feeds, &room.expectations);
        let devices: Vec<Device> = planned.iter().map(|(_, planned)| planned.device.clone()).collect();
        let schedule = (self.plan)(&devices, &expected.outlook, &expected.aims)?;
        notes.extend(expected.notes.iter().cloned());
        let unknown = expected.import.known[..SOON].iter().filter(|known| !**known).count();
        if unknown > 0 {
            let words = format!("the price of {unknown} of the next {SOON} quarters of an hour is not known");
            notes.push(Note { about: "prices", thing: None, words });
        }
        let course = course(&planned, &devices, &expected, &schedule, seen.now);
        let acts = planned.into_iter().map(|(_, planned)| planned.acts).collect();
        Ok(Made { course, schedule, acts, notes, basis })
    }

    fn show(
        &self,
        room: &Room,
        settings: &Settings,
        (mode, live, standing): (HomeMode, Option<site::run::Promotion>, Standing),
        notes: Vec<Note>,
    ) {
        *self.shown.write() = Arc::new(DayPlan {
            mode,
            live,
            standing,
            currency: settings.tariff.as_ref().map(|tariff| tariff.currency.clone()),
            course: room.made.as_ref().map(|made| made.course.clone()),
            notes,
            decided: room.decided.iter().cloned().collect(),
        });
    }
}

/// Whether the grid meter says what is so; without it nothing new is planned.
fn meter(seen: &Seen) -> Result<(), String> {
    let Some(meter) = seen.home.of(Role::Grid).next() else {
        return Err("nothing measures what comes from the grid".to_owned());
    };
    match seen.number(meter, Purpose::Power) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{} is silent: no new plan is made", meter.title)),
    }
}

/// What the devices go by without a new plan.
fn stand_in(room: &Room, now: Timestamp, notes: &mut Vec<Note>) -> Standing {
    let Some(made) = &room.made else { return Standing::HandsOff };
    let is_young = now.since(made.course.made) < LAST_PLAN_FOR && made.schedule.horizon.step_at(now).is_some();
    let words = if is_young {
        "the last plan is gone by, for six hours at most"
    } else {
        "the last plan is too old: every device does what it does by itself"
    };
    notes.push(Note { about: "plan", thing: None, words: words.to_owned() });
    if is_young { Standing::LastPlan } else { Standing::Rule }
}

fn plugged(seen: &Seen) -> Vec<(ThingId, Option<bool>)> {
    let chargers = seen.home.of(Role::Charger);
    chargers
        .map(|charger| {
            let car = charger.car.as_ref().and_then(|car| seen.home.thing(car));
            (charger.thing.clone(), seen.plugged(charger, car))
        })
        .collect()
}

/// Whether a new plan is due: a new quarter of an hour, something happened, or a store is not where it should be.
fn is_due(room: &Room, seen: &Seen, basis: &Basis) -> bool {
    let rested = room.tried.is_none_or(|tried| seen.now < tried || seen.now.since(tried) >= AGAIN);
    if !rested {
        return false;
    }
    let Some(made) = room.made.as_ref().filter(|_| room.failed.is_none()) else { return true };
    quarter(seen.now) != made.course.start || *basis != made.basis || is_off_plan(made, seen)
}

fn is_off_plan(made: &Made, seen: &Seen) -> bool {
    let Some(step) = made.schedule.horizon.step_at(seen.now) else { return true };
    let into = seen.now.since(made.schedule.horizon.begin(step)).as_secs_f64() / f64::from(STEP_SECONDS);
    made.course.devices.iter().any(|device| {
        let found = seen.home.thing(&device.thing);
        let of_car = found.and_then(|found| seen.home.thing(found.car.as_ref()?));
        let (purpose, most) = match device.role {
            Role::Tank => (Purpose::Temperature, OFF_PLAN_KELVIN),
            _ => (Purpose::Charge, OFF_PLAN * 100.0),
        };
        let told = of_car.or(found).and_then(|found| seen.number(found, purpose).ok());
        let planned = device.states.get(step).zip(device.states.get(step + 1));
        told.zip(planned).is_some_and(|(told, (from, to))| (from + (to - from) * into - told).abs() > most)
    })
}

/// What the things are to be told now.
fn decide(
    room: &mut Room,
    seen: &Seen,
    said: (&Settings, &Place),
    (mode, standing): (HomeMode, Standing),
) -> Vec<Decision> {
    if mode == HomeMode::Off || matches!(standing, Standing::Rule | Standing::HandsOff) {
        return let_go(room, seen, mode);
    }
    let Some(made) = room.made.clone() else { return Vec::new() };
    let Some(step) = made.schedule.horizon.step_at(seen.now) else { return let_go(room, seen, mode) };
    let mut decisions = if mode == HomeMode::Operate { Vec::new() } else { take_hands_off(room, seen, mode) };
    for (index, device) in made.course.devices.iter().enumerate() {
        let Some(found) = seen.home.thing(&device.thing) else { continue };
        // A car that is away cannot be told.
        let car = found.car.as_ref().and_then(|car| seen.home.thing(car));
        if found.role == Role::Charger && seen.plugged(found, car) == Some(false) {
            room.given.remove(&device.thing);
            continue;
        }
        let reasons = &made.schedule.devices[index].reasons;
        let reason = reasons.iter().find(|reason| (reason.from..reason.to).contains(&step));
        let words = reason.map_or_else(|| "by the plan".to_owned(), |reason| reason.words.clone());
        for (found, values) in told(&made, (index, step), seen, said, found) {
            if !room.held.contains_key(&found.thing) {
                decisions.extend(give(room, seen, found, (values, words.clone()), mode == HomeMode::Operate));
            }
        }
    }
    // What is no longer planned is left to itself.
    let planned = |thing: &ThingId| {
        made.course.devices.iter().any(|device| device.thing == *thing)
            || made.acts.iter().any(|acts| acts.through(thing))
    };
    let others: Vec<ThingId> = room.given.keys().filter(|thing| !planned(thing)).cloned().collect();
    decisions.extend(others.iter().filter_map(|thing| leave(room, seen, thing, mode)));
    decisions
}

/// Which things a device of the plan is told through in a step, and what.
fn told<'a>(
    made: &Made,
    (index, step): (usize, usize),
    seen: &'a Seen,
    said: (&Settings, &Place),
    found: &'a Found,
) -> Vec<(&'a Found, Vec<(Name, Value)>)> {
    let schedule = &made.schedule.devices[index];
    let watts = schedule.watts[step];
    match &made.acts[index] {
        Acts::Itself => vec![(found, tell(found, watts, made.schedule.grid_watts[step]))],
        Acts::Water { celsius_min, celsius_max, watts_max } => {
            vec![(found, tell_water(found, watts, [*celsius_min, *celsius_max, *watts_max]))]
        }
        Acts::Rooms { thermostats, watts_max } => {
            let least = made.course.devices[index].low.get(step + 1).copied().unwrap_or(f64::INFINITY);
            let lift = lift(watts, *watts_max, schedule.states[step + 1], least);
            let rooms = thermostats.iter().filter_map(|thing| seen.home.thing(thing));
            rooms.map(|room| (room, tell_room(seen, said, room, lift))).collect()
        }
    }
}

/// A decision, when it is news to the thing.
fn give(
    room: &mut Room,
    seen: &Seen,
    found: &Found,
    (values, words): (Vec<(Name, Value)>, String),
    send: bool,
) -> Option<Decision> {
    if values.is_empty() {
        return None;
    }
    let before = room.given.get(&found.thing);
    let is_so = |(name, value): &(Name, Value)| {
        seen.value(&found.thing, name, Duration::MAX).is_ok_and(|reported| is_same(reported, value))
    };
    let same = before.is_some_and(|before| before.values == values && before.sent == send);
    let waits = before.is_some_and(|before| seen.now.since(before.time) < RESEND);
    if same && (!send || waits || values.iter().all(is_so)) {
        return None;
    }
    // When it was told for the first time counts, for how long it has had to obey.
    let time = before.filter(|_| same).map_or(seen.now, |before| before.time);
    if send {
        let stood = |(name, _): &(Name, Value)| {
            Some((name.clone(), seen.value(&found.thing, name, Duration::MAX).ok()?.clone()))
        };
        room.before.entry(found.thing.clone()).or_insert_with(|| values.iter().filter_map(stood).collect());
    }
    room.given.insert(found.thing.clone(), Given { values: values.clone(), time, sent: send });
    Some(Decision { thing: found.thing.clone(), values, words, send })
}

/// Who only looks on leaves to itself what it told something before.
fn take_hands_off(room: &mut Room, seen: &Seen, mode: HomeMode) -> Vec<Decision> {
    let told: Vec<ThingId> =
        room.given.iter().filter(|(_, given)| given.sent).map(|(thing, _)| thing.clone()).collect();
    told.iter().filter_map(|thing| leave(room, seen, thing, mode)).collect()
}

/// Leaves everything that was told something to itself, by an earlier start of the program too.
fn let_go(room: &mut Room, seen: &Seen, mode: HomeMode) -> Vec<Decision> {
    let things: BTreeSet<ThingId> = room.given.keys().chain(room.before.keys()).cloned().collect();
    things.iter().filter_map(|thing| leave(room, seen, thing, mode)).collect()
}

fn leave(room: &mut Room, seen: &Seen, thing: &ThingId, mode: HomeMode) -> Option<Decision> {
    let given = room.given.remove(thing);
    let before = room.before.remove(thing);
    // What was only recorded needs no taking back, but it is shown in shadow what would be done.
    let send = before.is_some() || given?.sent;
    let own = release(seen.home.thing(thing)?);
    // What has no word for deciding by itself gets back what it had.
    let values = if own.is_empty() { before.unwrap_or_default() } else { own };
    if values.is_empty() || (!send && mode == HomeMode::Off) {
        return None;
    }
    let words = match mode {
        HomeMode::Off => "the plan is switched off, so it does what it does by itself",
        HomeMode::Shadow if send => "the plan only looks on now, so it does what it does by itself",
        HomeMode::Shadow | HomeMode::Operate => "there is no plan for it, so it does what it does by itself",
    };
    Some(Decision { thing: thing.clone(), values, words: words.to_owned(), send })
}

/// A plan as it is shown.
fn course(
    planned: &[(&Found, Planned)],
    devices: &[Device],
    expected: &Expected,
    schedule: &Schedule,
    now: Timestamp,
) -> Course {
    let outlook = &expected.outlook;
    let hours = outlook.horizon.step_hours();
    let energy: f64 = schedule
        .grid_watts
        .iter()
        .zip(&outlook.import_price)
        .zip(&outlook.export_price)
        .fold(0.0, |sum, ((watts, import), export)| {
            sum + watts * hours / 1_000.0 * if *watts > 0.0 { import } else { export }
        });
    // Both are compared with what they leave in the stores.
    let states = devices.iter().zip(&schedule.devices).filter_map(|(device, of)| Some((device, *of.states.last()?)));
    let left: f64 = states.map(|(device, state)| unplanned::left(device, state)).sum();
    let unplanned = unplanned::cost(devices, outlook).map(|(cost, other)| {
        schedule.cost - energy + cost + (left - other) * expected.aims.end_price_per_kilowatt_hour
    });
    let shown = planned.iter().zip(&schedule.devices).map(|((found, planned), schedule)| PlannedDevice {
        thing: found.thing.clone(),
        title: found.title.clone(),
        role: found.role,
        space: found.space.clone(),
        watts: schedule.watts.clone(),
        states: schedule.states.iter().map(|state| state * planned.shown).collect(),
        unit: if schedule.states.is_empty() { "" } else { planned.unit() },
        low: planned.band.0.clone(),
        high: planned.band.1.clone(),
        reasons: schedule
            .reasons
            .iter()
            .map(|reason| PlannedReason { from: reason.from, to: reason.to, words: reason.words.clone() })
            .collect(),
    });
    Course {
        made: now,
        start: outlook.horizon.start,
        step_seconds: outlook.horizon.step_seconds,
        import_price: outlook.import_price.clone(),
        export_price: outlook.export_price.clone(),
        price_known: expected.import.known.clone(),
        carbon_grams: outlook.carbon_grams.clone(),
        load_watts: outlook.load_watts.clone(),
        solar_watts: outlook.solar_watts.clone(),
        grid_watts: schedule.grid_watts.clone(),
        devices: shown.collect(),
        shortfalls: schedule
            .shortfalls
            .iter()
            .map(|shortfall| PlannedShortfall {
                thing: shortfall.thing.clone(),
                words: shortfall.words.clone(),
                relaxation: shortfall.relaxation.clone(),
            })
            .collect(),
        cost: schedule.cost,
        carbon_kilograms: schedule.carbon_kilograms,
        cost_unplanned: unplanned,
    }
}
