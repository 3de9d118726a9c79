//! Which things of a home take, give, store and measure energy, found from what their models say.
//!
//! Nothing here knows a brand: a thing is judged by its kind, its names and the units of its properties. What cannot be decided
//! is a [`Question`], and what people answer or correct stands above whatever is found.

mod ports;
mod questions;
mod roles;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use model::{Name, SpaceId, ThingId, ThingModel};
use serde::{Deserialize, Serialize};

pub use questions::{Question, QuestionKind};

/// The most things that are looked at; a home that has more is asked to say which matter.
pub const THINGS_MAX: usize = 10_000;

/// What a thing is to the energy of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeRole))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Measures what comes from the grid and what goes there.
    Grid,
    /// Gives what the sun gives.
    Solar,
    /// Measures what the whole home takes.
    Consumption,
    /// Stores electricity.
    Battery,
    /// Charges a car.
    Charger,
    /// A car.
    Car,
    /// Makes heat or cold of electricity.
    HeatPump,
    /// Stores hot water.
    Tank,
    /// Keeps a room at a temperature.
    Thermostat,
    /// Runs through a programme: washes, dries, rinses.
    Appliance,
    /// Can be switched and measures what it takes.
    Switched,
    /// Tells what electricity costs.
    Prices,
    /// Tells what electricity emits.
    Carbon,
    /// Tells the weather.
    Weather,
    /// Nothing that matters here.
    Nothing,
}

/// What a property is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomePurpose))]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Power now, in watts.
    Power,
    /// Heat that it gives now, in watts.
    Heat,
    /// The power that it is told to take or give, in watts.
    SetPower,
    /// What was taken since ever, in kilowatt hours.
    Imported,
    /// What was given since ever, in kilowatt hours.
    Exported,
    /// How full it is, in percent.
    Charge,
    /// What is in it, in kilowatt hours.
    Stored,
    /// What it holds when full, in kilowatt hours.
    Capacity,
    /// What it keeps, in percent.
    Reserve,
    /// How full it is to become, in percent.
    Limit,
    /// What it does by itself: words.
    Mode,
    /// What it is doing: words.
    State,
    /// Whether a car is there.
    Plugged,
    /// Whether it may run.
    Enabled,
    /// A temperature, in degrees Celsius.
    Temperature,
    /// The temperature that is wanted.
    Target,
    /// The power of the sun on a square metre.
    Irradiance,
    /// What a kilowatt hour costs now.
    Price,
    /// What a kilowatt hour will cost.
    PricesAhead,
    /// What a kilowatt hour emits now, in grams.
    Carbon,
    /// What a kilowatt hour will emit.
    CarbonAhead,
}

/// One property of a thing, and how its numbers become ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomePort))]
pub struct Port {
    /// Which property.
    pub property: Name,
    /// Multiplies its numbers: 1,000 for kilowatts, -1 where the sign is the other way round.
    pub scale: f64,
    /// The least that it accepts, when it can be written, in our unit.
    pub minimum: Option<f64>,
    /// The most.
    pub maximum: Option<f64>,
}

/// Something that matters for the energy of a home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeFound))]
pub struct Found {
    /// Which thing.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub space: Option<SpaceId>,
    /// What it is.
    pub role: Role,
    /// Whether a person said so.
    pub said: bool,
    /// What its properties are good for.
    pub ports: BTreeMap<Purpose, Port>,
    /// The words of its mode that leave it to itself, stop it, and give it to us.
    pub modes: Modes,
    /// The car at a charger.
    pub car: Option<ThingId>,
    /// Whether it is known which way its power is positive.
    pub sign_known: bool,
}

/// What a device's modes mean, as far as their words say it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeModes))]
pub struct Modes {
    /// It decides by itself; what it is left in when nobody plans.
    pub by_itself: Option<String>,
    /// It does nothing.
    pub idle: Option<String>,
    /// It takes what it can.
    pub fast: Option<String>,
    /// It follows the power that it is told.
    pub told: Option<String>,
}

/// All that was found in a home.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeFinds))]
pub struct Home {
    /// What matters, by role and title.
    pub found: Vec<Found>,
    /// What could not be decided.
    pub questions: Vec<Question>,
}

/// What people say about a thing, above what is found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeCorrection))]
#[serde(deny_unknown_fields, default)]
pub struct Correction {
    /// What it is; null leaves it to what is found.
    #[cfg_attr(feature = "schema", schema(required))]
    pub role: Option<Role>,
    /// Whether its power is positive while it gives (a battery) or feeds in (a meter); null leaves it to what is found.
    #[cfg_attr(feature = "schema", schema(required))]
    pub positive_gives: Option<bool>,
    /// What it holds when full.
    #[cfg_attr(feature = "schema", schema(required))]
    pub capacity_kilowatt_hours: Option<f64>,
    /// The most that it takes.
    #[cfg_attr(feature = "schema", schema(required))]
    pub watts_max: Option<f64>,
    /// Whether a plan may tell it what to do; null means yes.
    #[cfg_attr(feature = "schema", schema(required))]
    pub planned: Option<bool>,
    /// The car at a charger.
    #[cfg_attr(feature = "schema", schema(required))]
    pub car: Option<ThingId>,
}

/// A thing to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Which.
    pub thing: &'a ThingId,
    /// What people call it.
    pub title: &'a str,
    /// Where it stands.
    pub space: Option<&'a SpaceId>,
    /// What it can tell and do.
    pub model: &'a ThingModel,
}

impl Found {
    /// A property of it.
    pub fn port(&self, purpose: Purpose) -> Option<&Port> {
        self.ports.get(&purpose)
    }
}

impl Home {
    /// Everything of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.role == role)
    }

    /// The first of a role that has a property for this.
    pub fn with(&self, role: Role, purpose: Purpose) -> Option<(&Found, &Port)> {
        self.of(role).find_map(|found| Some((found, found.port(purpose)?)))
    }

    /// One thing.
    pub fn thing(&self, thing: &ThingId) -> Option<&Found> {
        self.found.iter().find(|found| found.thing == *thing)
    }
}

/// Looks through things. The answer is the same for the same things in any order.
pub fn find<'a>(
    candidates: impl IntoIterator<Item = Candidate<'a>>,
    corrections: &BTreeMap<ThingId, Correction>,
) -> Home {
    let nothing = Correction::default();
    let mut found: Vec<Found> = Vec::new();
    for candidate in candidates.into_iter().take(THINGS_MAX) {
        let correction = corrections.get(candidate.thing).unwrap_or(&nothing);
        let role = correction.role.or_else(|| roles::role_of(&candidate)).unwrap_or(Role::Nothing);
        if role != Role::Nothing {
            found.push(describe(&candidate, role, correction));
        }
    }
    // What a person named comes before what was only found.
    found.sort_by(|a, b| (a.role, !a.said, &a.title, &a.thing).cmp(&(b.role, !b.said, &b.title, &b.thing)));
    pair_cars(&mut found, corrections);
    let questions = questions::ask(&found, corrections);
    Home { found, questions }
}

fn describe(candidate: &Candidate<'_>, role: Role, correction: &Correction) -> Found {
    let mut ports = ports::ports_of(candidate, role);
    // Ours is positive while something takes from the grid, or takes from the home. A store whose maker does not say is taken
    // to tell what it gives, and is asked about.
    let positive_gives =
        correction.positive_gives.or_else(|| words::positive_takes(candidate.model).map(|takes| !takes));
    let turned = match role {
        Role::Grid => positive_gives.unwrap_or(false),
        Role::Battery => positive_gives.unwrap_or(true),
        _ => false,
    };
    if turned {
        for purpose in [Purpose::Power, Purpose::SetPower] {
            if let Some(port) = ports.get_mut(&purpose) {
                port.scale = -port.scale;
                (port.minimum, port.maximum) = (port.maximum.map(|most| -most), port.minimum.map(|least| -least));
            }
        }
    }
    Found {
        thing: candidate.thing.clone(),
        title: candidate.title.to_owned(),
        space: candidate.space.cloned(),
        role,
        said: correction.role.is_some(),
        modes: ports::modes_of(candidate.model, &ports),
        ports,
        car: None,
        sign_known: positive_gives.is_some(),
    }
}

/// Whether what a heat pump says that it is doing is to make hot water.
pub(crate) fn is_hot_water(state: &str) -> bool {
    words::has(state, &["hot water", "dhw", "water", "tank", "온수"])
}

/// What numbers of a unit of prices or of carbon are multiplied with to become ours.
pub(crate) fn unit_scale(unit: &str) -> Option<f64> {
    words::price(unit).or_else(|| words::carbon(unit))
}

/// Puts cars to chargers: as people say, or the only one to the only one.
fn pair_cars(found: &mut [Found], corrections: &BTreeMap<ThingId, Correction>) {
    let cars: Vec<ThingId> = found.iter().filter(|one| one.role == Role::Car).map(|one| one.thing.clone()).collect();
    let chargers = found.iter().filter(|one| one.role == Role::Charger).count();
    for charger in found.iter_mut().filter(|one| one.role == Role::Charger) {
        let said = corrections.get(&charger.thing).and_then(|correction| correction.car.clone());
        let only = (chargers == 1 && cars.len() == 1).then(|| cars[0].clone());
        charger.car = said.filter(|car| cars.contains(car)).or(only);
    }
}
