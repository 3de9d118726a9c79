//! A world: bodies and the virtual things attached to them, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Name, ThingId, Timestamp, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::body::Body;
use crate::fault::FaultKind;
use crate::random::Random;
use crate::thing::{Instruction, Report, VirtualThing};

/// The longest step that plants are asked to take; a longer one is split, because they integrate.
pub const STEP_MAX: Duration = Duration::from_mins(1);
/// The most virtual things of one world.
pub const THINGS_MAX: usize = 10_000;

/// Why something cannot be done with a world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The world has a thing of this id.
    #[error("the world already has a thing {0}")]
    Duplicate(ThingId),
    /// Only what tells numbers can be broken.
    #[error("{name} of {thing} tells no numbers\nhint: break a property that is a number")]
    NoNumbers {
        /// Whose.
        thing: ThingId,
        /// Which property.
        name: Name,
    },
    /// What was saved is not of this make.
    #[error("this was not saved by such a world: {0}")]
    Saved(String),
    /// The world is full.
    #[error("a world holds at most {THINGS_MAX} things")]
    Full,
}

/// A body with the things attached to it and its own stream of randomness, so that whatever else is in the world does
/// not change what it does.
struct Member {
    body: Box<dyn Body>,
    things: Vec<VirtualThing>,
    random: Random,
}

impl Member {
    /// The stream of randomness is named after the first thing.
    fn stream(seed: u64, things: &[VirtualThing]) -> Random {
        Random::new(seed, things.first().map_or("", |thing| thing.id().as_str()))
    }

    fn step(&mut self, now: Timestamp, dt_seconds: f64, reports: &mut Vec<Report>) {
        self.body.step(now, dt_seconds, &mut self.random);
        for (index, thing) in self.things.iter_mut().enumerate() {
            thing.observe(&*self.body, index, now, reports);
        }
        for happening in self.body.take_happenings() {
            if let Some(thing) = self.things.get(happening.thing) {
                thing.tell_event(happening.event, happening.value, now, reports);
            }
        }
    }
}

/// Everything virtual of one site. The same seed, start, steps and instructions always give the same reports.
pub struct World {
    seed: u64,
    time: Timestamp,
    /// By a number that counts up and is never used again.
    members: BTreeMap<u64, Member>,
    next_member: u64,
    /// Where a thing is: its member and its number there.
    places: BTreeMap<ThingId, (u64, usize)>,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        Self { seed, time: start, members: BTreeMap::new(), next_member: 0, places: BTreeMap::new() }
    }

    /// Where its time stands.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Adds a body with its things; the body begins now.
    pub fn add(&mut self, mut body: Box<dyn Body>, things: Vec<VirtualThing>) -> Result<(), WorldError> {
        if self.places.len() + things.len() > THINGS_MAX {
            return Err(WorldError::Full);
        }
        let mut ids: Vec<&ThingId> = things.iter().map(VirtualThing::id).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        if let Some(duplicate) = twice.or_else(|| ids.into_iter().find(|id| self.places.contains_key(*id))) {
            return Err(WorldError::Duplicate(duplicate.clone()));
        }
        body.reset(self.seed, self.time);
        let member = self.next_member;
        self.next_member += 1;
        self.places.extend(things.iter().enumerate().map(|(index, thing)| (thing.id().clone(), (member, index))));
        let random = Member::stream(self.seed, &things);
        self.members.insert(member, Member { body, things, random });
        Ok(())
    }

    /// Removes the body of a thing that stands alone on it. Returns false when there is no such thing, or when it
    /// shares its body with others.
    pub fn remove(&mut self, thing: &ThingId) -> bool {
        let Some((member, _)) = self.places.get(thing).copied() else { return false };
        if self.members[&member].things.len() != 1 {
            return false;
        }
        self.members.remove(&member);
        self.places.remove(thing).is_some()
    }

    /// Takes a thing off a body that it shares with others: the body stays as it is, and the thing says no more.
    /// Returns false when there is no such thing.
    pub fn silence(&mut self, thing: &ThingId) -> bool {
        let Some((member, index)) = self.places.remove(thing) else { return false };
        self.members.get_mut(&member).expect("a place names a member").things[index].silence();
        true
    }

    /// A thing loses its power for a moment, and with it what it remembers; the body behind it does not.
    pub fn reboot(&mut self, thing: &ThingId) {
        if let Some((thing, _, _)) = self.locate(thing) {
            thing.reset();
        }
    }

    /// Begins anew with another seed, at `start`, with the same things.
    pub fn reset(&mut self, seed: u64, start: Timestamp) {
        self.seed = seed;
        self.time = start;
        for member in self.members.values_mut() {
            member.body.reset(seed, start);
            member.random = Member::stream(seed, &member.things);
            member.things.iter_mut().for_each(VirtualThing::reset);
        }
    }

    /// Everything that the future of the world depends on, as JSON.
    pub fn save(&self) -> Json {
        let members: Map<String, Json> = self
            .members
            .values()
            .filter_map(|member| {
                let desired: Map<String, Json> =
                    member.things.iter().map(|thing| (thing.id().to_string(), json!(thing.desired()))).collect();
                let saved = json!({"random": member.random.position(), "body": member.body.save(), "desired": desired});
                Some((member.things.first()?.id().to_string(), saved))
            })
            .collect();
        json!({"seed": self.seed, "time": self.time, "members": members})
    }

    /// Goes on from a saved world with the same things. A body that was not in it begins when the saved world ended;
    /// things are offline until the first step. After an error the world begins anew at the saved time.
    pub fn restore(&mut self, saved: &Json) -> Result<(), WorldError> {
        #[derive(Deserialize)]
        struct SavedWorld {
            seed: u64,
            time: Timestamp,
            members: BTreeMap<String, SavedMember>,
        }
        #[derive(Deserialize)]
        struct SavedMember {
            random: u64,
            body: Json,
            desired: BTreeMap<ThingId, BTreeMap<Name, Value>>,
        }
        let wrong = |error: serde_json::Error| WorldError::Saved(error.to_string());
        let mut saved = SavedWorld::deserialize(saved).map_err(wrong)?;
        self.reset(saved.seed, saved.time);
        for member in self.members.values_mut() {
            let first = member.things.first().map_or("", |thing| thing.id().as_str());
            let Some(mut found) = saved.members.remove(first) else { continue };
            if let Err(error) = member.body.restore(&found.body) {
                self.reset(saved.seed, saved.time);
                return Err(wrong(error));
            }
            member.random.skip_to(found.random);
            for thing in &mut member.things {
                thing.restore(found.desired.remove(thing.id()).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// All things, body by body.
    pub fn things(&self) -> impl Iterator<Item = &VirtualThing> {
        self.members.values().flat_map(|member| &member.things).filter(|thing| !thing.is_silent())
    }

    /// One thing.
    pub fn thing(&self, id: &ThingId) -> Option<&VirtualThing> {
        let (member, index) = self.places.get(id)?;
        self.members.get(member)?.things.get(*index)
    }

    /// Lets `dt` pass and adds what is said in it to `reports`, in the order of time.
    pub fn step(&mut self, dt: Duration, reports: &mut Vec<Report>) {
        let mut left = dt;
        while !left.is_zero() {
            let part = left.min(STEP_MAX);
            left -= part;
            self.time = self.time + part;
            for member in self.members.values_mut() {
                member.step(self.time, part.as_secs_f64(), reports);
            }
        }
    }

    /// Lets a thing tell that it is there, what it is and everything it knows, as after a connection.
    pub fn announce(&mut self, thing: &ThingId, reports: &mut Vec<Report>) {
        let now = self.time;
        if let Some((thing, body, index)) = self.locate(thing)
            && body.is_reachable(index)
        {
            thing.announce(body, index, now, reports);
        }
    }

    /// Gives a thing an instruction. What it answers at once, and what changes by it, is added to `reports`.
    pub fn instruct(&mut self, thing: &ThingId, instruction: Instruction, reports: &mut Vec<Report>) {
        let now = self.time;
        if let Some((thing, body, index)) = self.locate(thing) {
            thing.instruct(instruction, body, index, now, reports);
        }
    }

    /// Breaks the instrument behind a property of a thing, or makes it whole again. False when there is no such thing.
    pub fn fault(&mut self, thing: &ThingId, name: &Name, kind: Option<FaultKind>) -> Result<bool, WorldError> {
        let now = self.time;
        let Some((found, body, index)) = self.locate(thing) else { return Ok(false) };
        if found.fault(name, kind, body, index, now) {
            Ok(true)
        } else {
            Err(WorldError::NoNumbers { thing: thing.clone(), name: name.clone() })
        }
    }

    fn locate(&mut self, thing: &ThingId) -> Option<(&mut VirtualThing, &mut dyn Body, usize)> {
        let (member, index) = self.places.get(thing).copied()?;
        let member = self.members.get_mut(&member)?;
        Some((member.things.get_mut(index)?, &mut *member.body, index))
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("time", &self.time)
            .field("things", &self.places.len())
            .finish_non_exhaustive()
    }
}
