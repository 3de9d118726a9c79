//! Homes that were made up, with habits that are known: to judge the miner by.
//!
//! Two people live in each. They have routines by the clock, by the sun and after other things; they forget, are early and late,
//! go on holiday, and do many things for no reason at all.

use model::{Name, ThingId, Timestamp, Value};

use super::{Candidate, DAY_S, Occurrence, Sun, SunTimes, Trigger, Weekdays, What};

/// A generator of numbers (SplitMix64): small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts it.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// About normal, with this deviation.
    fn around(&mut self, deviation: f64) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>().mul_add(deviation, -6.0 * deviation)
    }
}

/// A routine that was planted.
#[derive(Debug, Clone, PartialEq)]
pub struct Planted {
    /// What is done.
    pub act: What,
    /// What it goes by.
    pub trigger: Trigger,
    /// On which days.
    pub days: Weekdays,
}

/// What was seen in a home.
#[derive(Debug, Clone)]
pub struct Home {
    /// What people did by hand, in order of time.
    pub acts: Vec<Occurrence>,
    /// What other things told, in order of time.
    pub happenings: Vec<Occurrence>,
    /// The routines behind it.
    pub planted: Vec<Planted>,
    /// How many days were seen.
    pub days: i64,
}

/// The first day, counted from 1970: a Thursday in January 2026.
const FIRST_DAY: i64 = 20_454;

/// The sun of a place in the middle of Europe, about.
pub fn sun(day: i64) -> Option<SunTimes> {
    let season = ((day - FIRST_DAY) as f64 + 10.0) / 365.25 * std::f64::consts::TAU;
    let half_day = 6.0 - 2.0 * season.cos();
    let at = |hours: f64| (hours * 3_600.0) as i64;
    Some(SunTimes { rise_s: at(12.5 - half_day), set_s: at(12.5 + half_day) })
}

fn what(thing: &str, name: &str, value: bool) -> What {
    What {
        thing: ThingId::new(thing).expect("names of made-up things are ids"),
        name: Name::new(name).expect("names of made-up properties are ids"),
        value: Value::Boolean(value),
        is_event: false,
    }
}

fn moment(day: i64, second: f64) -> Timestamp {
    Timestamp(((day * DAY_S) as f64 * 1e6 + second * 1e6) as i64)
}

fn occurrence(what: &What, time: Timestamp) -> Occurrence {
    let What { thing, name, value, is_event } = what.clone();
    Occurrence { time, thing, name, value, is_event }
}

const LAMPS: usize = 10;
const SENSORS: usize = 6;

/// A home of this seed that was watched for so many days.
pub fn made_up(seed: u64, days: i64) -> Home {
    let mut chance = Chance::new(seed);
    let planted = routines(&mut chance);
    let away = holidays(&mut chance, days);
    let (mut acts, mut happenings) = (Vec::new(), Vec::new());
    for day in FIRST_DAY..FIRST_DAY + days {
        let nobody = away.contains(&day);
        let told = sensors(&mut chance, day, nobody);
        if !nobody {
            for (at, routine) in planted.iter().enumerate() {
                follow(&mut chance, routine, at, day, &told, &mut acts);
            }
            whims(&mut chance, day, &mut acts);
        }
        let of_day = acts.iter().filter(|act| act.time >= moment(day, 0.0));
        happenings.extend(seen_on_the_way(&mut chance, of_day));
        happenings.extend(told);
    }
    acts.sort_by_key(|act| act.time);
    happenings.sort_by_key(|happening| happening.time);
    Home { acts, happenings, planted, days }
}

/// Three to six routines of two people; no two with the same act.
fn routines(chance: &mut Chance) -> Vec<Planted> {
    let mut acts: Vec<What> =
        (0..LAMPS).flat_map(|lamp| [true, false].map(|on| what(&format!("lamp-{lamp}"), "on", on))).collect();
    let count = 3 + chance.below(4);
    (0..count)
        .map(|_| {
            let act = acts.swap_remove(chance.below(acts.len()));
            let days = [Weekdays::ALL, Weekdays::WORK, Weekdays::WORK, Weekdays::WEEKEND][chance.below(4)];
            match chance.below(5) {
                0 | 1 => {
                    let second = chance.between(6.0, 23.0) * 3_600.0;
                    Planted { act, trigger: Trigger::Clock { second: second as i64 }, days }
                }
                2 => {
                    let offset_s = chance.between(-45.0, 60.0) * 60.0;
                    let sun = if chance.unit() < 0.8 { Sun::Set } else { Sun::Rise };
                    Planted { act, trigger: Trigger::Sun { sun, offset_s: offset_s as i64 }, days: Weekdays::ALL }
                }
                _ => {
                    let sensor = what(&format!("sensor-{}", chance.below(SENSORS)), "seen", true);
                    let dark = chance.unit() < 0.4;
                    Planted { act, trigger: Trigger::After { what: sensor, dark }, days: Weekdays::ALL }
                }
            }
        })
        .collect()
}

/// A week or less away, now and then a day.
fn holidays(chance: &mut Chance, days: i64) -> Vec<i64> {
    let start = FIRST_DAY + chance.below(days as usize) as i64;
    let length = chance.below(8) as i64;
    let single = (0..2).map(|_| FIRST_DAY + chance.below(days as usize) as i64);
    let single: Vec<i64> = single.collect();
    (start..start + length).chain(single).collect()
}

/// What sensors see of a day: some things often, some seldom.
fn sensors(chance: &mut Chance, day: i64, nobody: bool) -> Vec<Occurrence> {
    let mut told = Vec::new();
    for sensor in 0..SENSORS {
        let seen = what(&format!("sensor-{sensor}"), "seen", true);
        let usual = [1.5, 2.0, 3.0, 4.0, 6.0, 10.0][sensor];
        let times = (usual * if nobody { 0.05 } else { chance.between(0.6, 1.4) } + chance.unit()) as usize;
        for _ in 0..times {
            told.push(occurrence(&seen, moment(day, waking(chance))));
        }
    }
    told
}

/// Whoever goes to a lamp may pass a sensor, which makes it look like a reason.
fn seen_on_the_way<'a>(chance: &mut Chance, acts: impl Iterator<Item = &'a Occurrence>) -> Vec<Occurrence> {
    let mut told = Vec::new();
    for act in acts {
        let lamp = act.thing.as_str().bytes().map(usize::from).sum::<usize>();
        let seen = what(&format!("sensor-{}", lamp % SENSORS), "seen", true);
        if chance.unit() < 0.3 {
            let before_s = chance.between(2.0, 120.0);
            told.push(occurrence(&seen, Timestamp(act.time.micros() - (before_s * 1e6) as i64)));
        }
    }
    told
}

/// A moment at which people are up: more of them in the evening.
fn waking(chance: &mut Chance) -> f64 {
    let evening = chance.unit() < 0.5;
    (if evening { chance.between(17.0, 23.0) } else { chance.between(6.5, 17.0) }) * 3_600.0
}

/// A person does what they use to: mostly, about on time.
fn follow(
    chance: &mut Chance,
    routine: &Planted,
    at: usize,
    day: i64,
    told: &[Occurrence],
    acts: &mut Vec<Occurrence>,
) {
    // Each of the two is as reliable as they are.
    let reliable = 0.78 + 0.04 * (at % 5) as f64;
    let late_s = 60.0 * (3.0 + 3.0 * (at % 3) as f64);
    if !routine.days.contains(day) {
        return;
    }
    let sun_times = sun(day);
    let mut act = |chance: &mut Chance, second: f64| {
        if chance.unit() < reliable {
            acts.push(occurrence(&routine.act, moment(day, second)));
        }
    };
    match &routine.trigger {
        Trigger::Clock { second } => {
            let second = *second as f64 + chance.around(late_s);
            act(chance, second);
        }
        Trigger::Sun { sun, offset_s } => {
            let Some(times) = sun_times else { return };
            let base = if *sun == Sun::Rise { times.rise_s } else { times.set_s };
            let second = (base + offset_s) as f64 + chance.around(late_s);
            act(chance, second);
        }
        Trigger::After { what, dark } => {
            for reason in told.iter().filter(|told| told.thing == what.thing) {
                let second = reason.time.micros() as f64 / 1e6 - (day * DAY_S) as f64;
                let is_dark = sun_times.is_some_and(|sun| second < sun.rise_s as f64 || second > sun.set_s as f64);
                if !dark || is_dark {
                    let delay = chance.between(5.0, 150.0);
                    act(chance, second + delay);
                }
            }
        }
    }
}

/// What people do for no reason: every lamp now and then, most of it in the evening.
fn whims(chance: &mut Chance, day: i64, acts: &mut Vec<Occurrence>) {
    for lamp in 0..LAMPS {
        let times = (chance.unit() * 1.9) as usize;
        for _ in 0..times {
            let on = what(&format!("lamp-{lamp}"), "on", chance.unit() < 0.5);
            acts.push(occurrence(&on, moment(day, waking(chance))));
        }
    }
}

/// How a miner did on some homes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judged {
    /// Routines that were planted and can be known.
    pub planted: usize,
    /// Those that were found.
    pub found: usize,
    /// What was proposed.
    pub proposed: usize,
    /// Proposals behind which no routine is.
    pub wrong: usize,
    /// Days that were seen.
    pub days: i64,
}

impl Judged {
    /// Of what was proposed, how much is right.
    pub fn precision(&self) -> f64 {
        (self.proposed - self.wrong) as f64 / self.proposed.max(1) as f64
    }

    /// Of what was planted, how much was found.
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.planted.max(1) as f64
    }

    /// Wrong proposals a home and month of thirty days.
    pub fn wrong_a_month(&self) -> f64 {
        self.wrong as f64 / (self.days as f64 / 30.0).max(1e-9)
    }

    /// Counts one home.
    pub fn add(&mut self, home: &Home, candidates: &[Candidate]) {
        let fits =
            |planted: &Planted, candidate: &Candidate| planted.act == candidate.act && is_same(planted, candidate);
        self.planted += home.planted.len();
        self.found +=
            home.planted.iter().filter(|planted| candidates.iter().any(|candidate| fits(planted, candidate))).count();
        self.proposed += candidates.len();
        self.wrong +=
            candidates.iter().filter(|candidate| !home.planted.iter().any(|planted| fits(planted, candidate))).count();
        self.days += home.days;
    }
}

/// Whether a candidate means the routine: the same sort of trigger, within half an hour or the same happening.
fn is_same(planted: &Planted, candidate: &Candidate) -> bool {
    const OFF_MAX_S: i64 = 1_800;
    match (&planted.trigger, &candidate.trigger) {
        (Trigger::Clock { second }, Trigger::Clock { second: found }) => (second - found).abs() <= OFF_MAX_S,
        (Trigger::Sun { sun, offset_s }, Trigger::Sun { sun: found, offset_s: found_s }) => {
            sun == found && (offset_s - found_s).abs() <= OFF_MAX_S
        }
        (Trigger::After { what, .. }, Trigger::After { what: found, .. }) => what == found,
        _ => false,
    }
}
