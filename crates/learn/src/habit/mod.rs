//! Habits: what people do by hand again and again, at the same time of day, at sunset, or after something else happened.
//!
//! Read [`mine`] first. It proposes and never acts: a [`Candidate`] carries the days on which it held, how often it would have
//! been right, and the text of a rule that a person may take.
//!
//! **Invariant:** pure: the same acts and happenings give the same candidates, and the work is bounded.
//!
//! **Invariant:** a candidate has held on most days on which somebody was there, and so often that chance is no explanation,
//! however many explanations were tried.

mod clock;
mod event;
pub mod home;
mod score;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use model::{Name, ThingId, Timestamp, Value};

pub use text::is_plain;

/// The most acts that are looked at; the newest count.
pub const ACTS_MAX: usize = 100_000;

/// The most happenings that are looked at; the newest count.
pub const HAPPENINGS_MAX: usize = 1_000_000;

/// The most acts and happenings of different sorts that are looked at; the most frequent count.
const SORTS_MAX: usize = 500;

/// The fewest days on which a habit must have been seen.
pub const DAYS_MIN: usize = 8;

/// The fewest days on which somebody was there before anything is proposed.
pub const OBSERVED_DAYS_MIN: usize = 14;

/// The most habits that are found of one act.
const HABITS_PER_ACT_MAX: usize = 3;

pub(crate) const DAY_S: i64 = 86_400;

/// Something of a thing that became so.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// When.
    pub time: Timestamp,
    /// Of which thing.
    pub thing: ThingId,
    /// Which property, event or action.
    pub name: Name,
    /// What it became.
    pub value: Value,
    /// Whether it is an event, and no property.
    pub is_event: bool,
}

/// What occurs, without when.
#[derive(Debug, Clone, PartialEq)]
pub struct What {
    /// Of which thing.
    pub thing: ThingId,
    /// Which property, event or action.
    pub name: Name,
    /// What it became.
    pub value: Value,
    /// Whether it is an event, and no property.
    pub is_event: bool,
}

/// On which days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Weekdays(u8);

/// When the sun rises and sets on a day, in seconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SunTimes {
    /// It rises.
    pub rise_s: i64,
    /// It sets.
    pub set_s: i64,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sun {
    /// It rises.
    Rise,
    /// It sets.
    Set,
}

/// What a habit goes by.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A time of day, in seconds since midnight.
    Clock {
        /// The middle of the times.
        second: i64,
    },
    /// The sun, and how many seconds later (or, negative, earlier).
    Sun {
        /// Rise or set.
        sun: Sun,
        /// How much later.
        offset_s: i64,
    },
    /// Something else that happened shortly before.
    After {
        /// What happened.
        what: What,
        /// Whether it counts in the dark only.
        dark: bool,
    },
}

/// A habit that is proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What is done.
    pub act: What,
    /// What it goes by.
    pub trigger: Trigger,
    /// On which days.
    pub days: Weekdays,
    /// On how many days it was seen.
    pub support: usize,
    /// How often it was done when it could have been expected, of 1.
    pub precision: f64,
    /// How many of the acts of its sort it explains, of 1.
    pub coverage: f64,
    /// How unlikely chance is, as the exponent of ten, after counting everything that was tried.
    pub surprise: f64,
    /// When it was done.
    pub times: Vec<Timestamp>,
}

/// What is known of the time that is looked at.
pub struct Setting<'a> {
    /// How far the clocks of the place are ahead of UTC at a moment, in seconds.
    pub utc_offset_s: &'a dyn Fn(Timestamp) -> i64,
    /// The sun of a day, counted from 1970; `None` where nobody knows.
    pub sun: &'a dyn Fn(i64) -> Option<SunTimes>,
}

/// A moment on the clocks of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) time: Timestamp,
    /// Days since 1970.
    pub(crate) day: i64,
    /// Seconds since midnight.
    pub(crate) second: i64,
}

impl Weekdays {
    /// All of them.
    pub const ALL: Self = Self(0b111_1111);
    /// Monday to Friday.
    pub const WORK: Self = Self(0b001_1111);
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(0b110_0000);

    /// One day of the week, Monday being 0.
    pub fn only(weekday: u8) -> Self {
        Self(1 << (weekday % 7))
    }

    /// Whether a day, counted from 1970, is one of them.
    pub fn contains(self, day: i64) -> bool {
        // The first of January 1970 was a Thursday.
        self.0 & (1 << (day + 3).rem_euclid(7)) != 0
    }

    /// How many days of the week.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Every set that is tried, the widest first.
    fn tried() -> Vec<Self> {
        [Self::ALL, Self::WORK, Self::WEEKEND].into_iter().chain((0..7).map(Self::only)).collect()
    }
}

/// What is mined: acts of one sort, and the days on which somebody was there.
pub(crate) struct Ground<'a> {
    pub(crate) setting: &'a Setting<'a>,
    /// Days on which anybody did anything: on the others nobody could.
    pub(crate) days: BTreeSet<i64>,
    /// How many explanations are tried of everything, for the price of each.
    pub(crate) tried: f64,
}

impl Ground<'_> {
    pub(crate) fn local(&self, time: Timestamp) -> Local {
        let second = time.micros().div_euclid(1_000_000) + (self.setting.utc_offset_s)(time);
        Local { time, day: second.div_euclid(DAY_S), second: second.rem_euclid(DAY_S) }
    }

    /// How many days of a set somebody was there.
    pub(crate) fn count(&self, days: Weekdays) -> usize {
        self.days.iter().filter(|day| days.contains(**day)).count()
    }

    pub(crate) fn is_dark(&self, local: Local) -> Option<bool> {
        let sun = (self.setting.sun)(local.day)?;
        Some(local.second < sun.rise_s || local.second > sun.set_s)
    }
}

/// A sort of occurrences with their times.
pub(crate) struct Sort {
    pub(crate) what: What,
    pub(crate) times: Vec<Local>,
}

fn sorts(ground: &Ground<'_>, occurrences: &[Occurrence]) -> Vec<Sort> {
    let mut found: BTreeMap<(&ThingId, &Name, String), Sort> = BTreeMap::new();
    for one in occurrences {
        let key = (&one.thing, &one.name, one.value.to_string());
        let what = || What {
            thing: one.thing.clone(),
            name: one.name.clone(),
            value: one.value.clone(),
            is_event: one.is_event,
        };
        found.entry(key).or_insert_with(|| Sort { what: what(), times: Vec::new() }).times.push(ground.local(one.time));
    }
    let mut sorts: Vec<Sort> = found.into_values().filter(|sort| sort.times.len() >= DAYS_MIN).collect();
    sorts.iter_mut().for_each(|sort| sort.times.sort_by_key(|local| local.time));
    // A stable sort: among equals the order of names stays.
    sorts.sort_by_key(|sort| std::cmp::Reverse(sort.times.len()));
    sorts.truncate(SORTS_MAX);
    sorts
}

/// The habits behind what people did by hand; the most certain first. `acts` are what they did, `happenings` what things told
/// meanwhile.
pub fn mine(acts: &[Occurrence], happenings: &[Occurrence], setting: &Setting<'_>) -> Vec<Candidate> {
    let acts = &acts[acts.len().saturating_sub(ACTS_MAX)..];
    let happenings = &happenings[happenings.len().saturating_sub(HAPPENINGS_MAX)..];
    let mut ground = Ground { setting, days: BTreeSet::new(), tried: 1.0 };
    let days = acts.iter().map(|act| ground.local(act.time).day);
    ground.days = days.collect();
    if ground.days.len() < OBSERVED_DAYS_MIN {
        return Vec::new();
    }
    let (acts, happenings) = (sorts(&ground, acts), sorts(&ground, happenings));
    ground.tried = acts.len() as f64 * (clock::TRIED + event::TRIED * happenings.len() as f64).max(1.0);
    let mut candidates: Vec<Candidate> = acts.into_iter().flat_map(|act| of_act(&ground, act, &happenings)).collect();
    candidates.sort_by(|a, b| b.surprise.total_cmp(&a.surprise));
    candidates
}

/// The habits of one act: the best explanation, then the best of what it leaves.
fn of_act(ground: &Ground<'_>, mut act: Sort, happenings: &[Sort]) -> Vec<Candidate> {
    let total = act.times.len();
    let mut found = Vec::new();
    while found.len() < HABITS_PER_ACT_MAX && act.times.len() >= DAYS_MIN {
        let clock = clock::best(ground, &act, total);
        let event = event::best(ground, &act, happenings, total);
        let best = [clock, event].into_iter().flatten().max_by(|a, b| a.worth.total_cmp(&b.worth));
        let Some(best) = best else { break };
        act.times.retain(|local| !best.candidate.times.contains(&local.time));
        if !best.is_exact {
            found.push(best.candidate);
        }
    }
    found
}

/// An explanation, with what it is worth beside others of the same act.
pub(crate) struct Explained {
    pub(crate) candidate: Candidate,
    pub(crate) worth: f64,
    /// No hand is so exact: the thing does it by itself, or something else has it done.
    pub(crate) is_exact: bool,
}

#[cfg(test)]
mod tests;
